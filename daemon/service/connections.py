"""How a cluster is entered: its secret files as they are now, and connections made with them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daemon.errors import SecretError, TlsFileError
from daemon.host.masking import Censor, spellings
from daemon.host.secrets import Secret, check_file, read_file, read_password
from daemon.service.cluster import ClusterSettings
from daemon.service.tls import tls_context
from daemon.service.transport import Transport


@dataclass(frozen=True, slots=True)
class Identity:
    """What we show to a cluster and whom we trust there: a password and the files under `tls`."""

    username: str | None
    password: Secret | None
    files: tuple[bytes, ...] = field(repr=False)

    @property
    def auth(self) -> tuple[bytes, bytes] | None:
        """User and password for HTTP, in UTF-8."""
        if self.username is None or self.password is None:
            return None
        return self.username.encode(), self.password.reveal().encode()

    def censor(self) -> Censor:
        """Return what takes our secrets out of a text: a server may quote the request."""
        if self.auth is None:
            return Censor()
        password = self.auth[1].decode()
        pair = base64.b64encode(b":".join(self.auth)).decode()
        return Censor(spellings(password) | {pair, password} - {""})


@dataclass(frozen=True, slots=True)
class Connection:
    """Connections, and the identity that they were made with, which `censor` takes out of texts."""

    transport: Transport
    identity: Identity
    censor: Censor


class Connections:
    """The connections to a cluster under the identity that is in force."""

    def __init__(
        self,
        settings: ClusterSettings,
        environ: Mapping[str, str],
        on_password: Callable[[Secret], None],
    ) -> None:
        """Read no file yet: that is done when a connection is first asked for.

        *on_password* is told each password before it is used.
        """
        self._settings = settings
        self._environ = environ
        self._on_password = on_password
        self._current: Connection | None = None
        self._replaced: list[Connection] = []
        self.problem = ""

    def current(self) -> Connection:
        """Return the connection in force. Raises: SecretError, for as long as there is none."""
        if self._current is None:
            self._current = self._enter(self._identity())
        return self._current

    def renewed(self, used: Connection) -> Connection | None:
        """Read all files again after *used* was refused; None if they have not changed.

        A file that is missing or half-written changes nothing, and `problem` says so: the next
        refusal looks again. Calls that are under way on the old connections go on.
        """
        self.problem = ""
        if self._current is not used:
            return self._current
        try:
            identity = self._identity()
            if identity == used.identity:
                return None
            self._current = self._enter(identity)
        except SecretError as exc:
            self.problem = str(exc)
            return None
        self._replaced.append(used)
        return self._current

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first certificate of a server ends; None where none was verified yet."""
        return self._current.transport.certificate_ends if self._current else None

    def close(self) -> None:
        """Cut off what is under way and close all connections."""
        for connection in (*self._replaced, self._current):
            if connection is not None:
                connection.transport.close()

    def _identity(self) -> Identity:
        settings, password = self._settings, None
        if settings.username is not None:
            password = read_password(settings.password_file, settings.password_env, self._environ)
            self._on_password(password)
        return Identity(settings.username, password, self._tls_files())

    def _tls_files(self) -> tuple[bytes, ...]:
        tls = self._settings.tls
        paths = (tls.ca_file, tls.client_cert, tls.client_key)
        try:
            if tls.client_key is not None:
                check_file(tls.client_key, self._environ)
            # On the event loop: a FIFO in the place of a file would hold all clusters up.
            return tuple(read_file(path) for path in paths if path is not None)
        except SecretError as exc:
            raise TlsFileError(str(exc)) from exc

    def _enter(self, identity: Identity) -> Connection:
        transport = Transport(
            tls=tls_context(self._settings.tls, is_used=self._settings.speaks_tls),
            auth=identity.auth,
            timeouts=self._settings.timeout,
        )
        return Connection(transport, identity, identity.censor())
