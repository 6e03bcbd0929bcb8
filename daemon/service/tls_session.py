"""TLS over a connection that somebody else reads and writes: bytes in, bytes out, no socket."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

_PIECE = 16 * 1024
"""What a record of TLS holds at most; for more, memory would be taken at each read in vain."""


class TlsSession:
    """The client's side of one TLS session."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        """Begin a session with *host*, by the trust and identity of *context*."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.is_established = False

    def handshake(self) -> None:
        """Go on with the handshake, as far as what came allows. Raises: ssl.SSLError."""
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.is_established = True

    def received(self, data: bytes) -> None:
        """Take what came from the server."""
        if data:
            # After the end not even nothing may be written.
            self._incoming.write(data)

    def ended(self) -> None:
        """Take the end of the connection."""
        self._incoming.write_eof()

    def read(self) -> bytes | None:
        """Return a piece of what the server says, None if more has to come.

        Raises: ssl.SSLError; an SSLZeroReturnError where the server ended the session soundly.
        """
        try:
            piece = self._session.read(_PIECE)
        except ssl.SSLWantReadError:
            return None
        if not piece:
            # Python's answer to a close_notify, at each read from then on.
            raise ssl.SSLZeroReturnError("the server ended the session")
        return piece

    def write(self, data: bytes) -> None:
        """Encrypt *data* for the server. Raises: ssl.SSLError."""
        self._session.write(data)

    def to_send(self) -> bytes:
        """Take what is to be sent to the server."""
        return self._outgoing.read()

    @property
    def certificate_ends(self) -> datetime | None:
        """When the server's certificate ends (UTC); None of one that was not verified."""
        ends = (self._session.getpeercert() or {}).get("notAfter")
        if not isinstance(ends, str):
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
