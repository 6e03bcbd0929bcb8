"""One HTTP exchange under one deadline; the only importer of `requests` and `urllib3`.

What `requests` leaves open, and what is done about it here:

1. Its timeout bounds a single wait for bytes, so that a server which drips holds a call for ever.
   `deadlines` shuts the sockets down in time, and is asked after every answer whether it had to.
2. `Session` brings redirects, cookies, proxies, `.netrc` and CA bundles from the environment, and
   reads the body of a redirect without a limit even where it is told not to follow it. Only its
   adapter is used, which knows none of them.
3. A body may be endless, compressed or cut short: `_read` has a limit, refuses encodings that were
   not asked for, and compares what came with Content-Length.
4. The adapter would add its own bundle of authorities to ours: trust is the SSL context's alone.

Not covered is the resolver: `getaddrinfo` cannot be interrupted and takes as long as the host's
resolv.conf allows; a host with several addresses may take `timeout.connect` for each. Both hold
the calling thread and no other.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, RemoteDisconnected
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, InsecureRequestWarning, NewConnectionError
from urllib3.response import HTTPResponse

from daemon import __version__
from daemon.core.attempt import CallError
from daemon.errors import CbmaintdError
from daemon.service import deadlines
from daemon.service.cluster import Timeouts
from daemon.service.tls import reason

_HEADERS = {
    "User-Agent": f"cbmaintd/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_OK = 200
_PAGE_LIMIT = 64 * 1024


class TransportError(CbmaintdError):
    """Raised when no answer came that can be read: the network, TLS or HTTP itself failed.

    `may_have_sent` says whether the server may have got the request; `status` is its answer's, if
    that much was received.
    """

    def __init__(
        self,
        error: CallError,
        message: str,
        *,
        may_have_sent: bool = True,
        status: int | None = None,
    ) -> None:
        """Keep what failed and a text of our own about it, which quotes nothing secret."""
        super().__init__(message)
        self.error = error
        self.may_have_sent = may_have_sent
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that arrived whole; the names of its headers are compared without case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _GuardedConnection(HTTPConnection):
    """A connection whose sockets are under the deadline of the exchange that uses it.

    Head and body of a request leave in one piece: one call of the system, one TLS record.
    """

    _parts: list[bytes] | None = None

    def request(self, *args: Any, **keys: Any) -> None:
        """Gather what is sent, and send it at the end."""
        parts: list[bytes] = []
        self._parts = parts
        try:
            super().request(*args, **keys)
        finally:
            self._parts = None
        self.send(b"".join(parts))

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        deadlines.current().guard(sock)
        return sock

    def send(self, data: Any) -> None:
        if self._parts is not None:
            self._parts.append(data)
            return
        deadline = deadlines.current()
        if self.sock is None:
            self.connect()
        deadline.guard(self.sock)
        deadline.may_have_sent = True
        super().send(data)


class _GuardedTlsConnection(_GuardedConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        # Nothing is known of one that was not verified.
        shown = self.sock.getpeercert() if isinstance(self.sock, ssl.SSLSocket) else None
        ends = shown.get("notAfter") if shown else None
        if isinstance(ends, str):
            seconds = ssl.cert_time_to_seconds(ends)
            deadlines.current().certificate_ends = datetime.fromtimestamp(seconds, UTC)

    def send(self, data: Any) -> None:
        """Send, and if the server has gone already, hear why: it may have refused our certificate.

        In TLS 1.3 the handshake is over for us before the server has looked at that.
        """
        try:
            super().send(data)
        except (ssl.SSLEOFError, ConnectionResetError) as exc:
            failure = exc
        else:
            return
        # Outside `except`: what is heard is no consequence of what failed.
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.recv(1)
        raise failure


class _Pool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection


class _Adapter(HTTPAdapter):
    """The adapter of `requests` without retries, with our connections and our trust."""

    def __init__(self, tls: ssl.SSLContext, connections: int) -> None:
        self._tls = tls
        self._pools: dict[tuple[str, ...], Any] = {}
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **keys: Any) -> None:
        super().init_poolmanager(*args, **keys, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **keys: Any) -> Any:
        """Reach servers behind *proxy* as others are reached."""
        manager = super().proxy_manager_for(proxy, **keys, ssl_context=self._tls)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Choose the connections to a server once: nothing but its origin ever differs here."""
        if proxies:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        origin = tuple(request.url.split("/", 3)[:3])
        pool = self._pools.get(origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[origin] = pool
        return pool

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return what is looked at of an answer; cookies, encodings and the like are not."""
        del req
        response = requests.Response()
        response.status_code, response.headers, response.raw = resp.status, resp.headers, resp
        return response

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: `requests` would load its own authorities into the context here."""


class Transport:
    """The connections to one cluster under one identity; any number of threads may use it."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        auth: tuple[bytes, bytes] | None,
        timeouts: Timeouts,
        connections: int,
        watch: deadlines.Deadlines,
    ) -> None:
        """Keep up to *connections* open for each server; *auth* is a user and a password.

        They are bytes because `requests` would encode text as Latin-1.
        """
        self._adapter = _Adapter(tls, connections)
        self._verify = tls.verify_mode is not ssl.CERT_NONE
        if not self._verify:
            # Said once at every start, in the log's own form; urllib3 would say it at every call.
            urllib3.disable_warnings(InsecureRequestWarning)
        self._auth = None if auth is None else HTTPBasicAuth(*auth)
        self._timeouts = timeouts
        self._watch = watch
        self._templates: dict[tuple[str, str], requests.PreparedRequest] = {}
        self._certificates: dict[str, datetime] = {}

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first of the certificates ends that servers showed at their last connection."""
        return min(self._certificates.copy().values(), default=None)

    def exchange(self, method: str, root: str, path: str, *, limit: int) -> Answer:
        """Send one request to *root* + *path* and receive at most *limit* bytes of an answer.

        A POST carries `{}`: pause and resume take it or nothing, backup insists on it. Only a 200
        has to be whole: of other answers the status counts and the beginning is shown.
        Raises: TransportError.
        """
        return self._perform(self._request(method, root, path), root, limit)

    def post(
        self, url: str, body: bytes, content_type: str, *, limit: int, proxy: str | None
    ) -> Answer:
        """Send *body* to a *url*, which may have a user and a password of its own, by *proxy*.

        Raises: TransportError.
        """
        headers = _HEADERS | {"Content-Type": content_type}
        try:
            request = requests.Request("POST", url, headers, data=body).prepare()
        except ValueError as exc:
            # The text would quote the URL, which may be a secret.
            message = "the URL cannot be used"
            raise TransportError(CallError.BAD_REQUEST, message, may_have_sent=False) from exc
        return self._perform(request, "", limit, proxy)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def _request(self, method: str, root: str, path: str) -> requests.PreparedRequest:
        template = self._templates.get((method, root))
        if template is None:
            template = self._prepare(method, root)
            self._templates[method, root] = template
        request = template.copy()
        request.url = (template.url or root).rstrip("/") + path
        return request

    def _prepare(self, method: str, root: str) -> requests.PreparedRequest:
        headers, body = dict(_HEADERS), None
        if method == "POST":
            headers["Content-Type"], body = "application/json", b"{}"
        return requests.Request(method, root, headers, data=body, auth=self._auth).prepare()

    def _perform(
        self,
        request: requests.PreparedRequest,
        root: str,
        limit: int,
        proxy: str | None = None,
    ) -> Answer:
        with self._watch.start() as deadline:
            try:
                answer = self._receive(request, limit, proxy)
            except (HTTPError, HTTPException, OSError, ValueError) as exc:
                # ValueError, too: nothing that a server sends shall look like a bug of ours.
                raise self._failure(exc, deadline) from exc
            finally:
                if deadline.certificate_ends:
                    self._certificates[root] = deadline.certificate_ends
            if deadline.is_over:
                raise self._overdue(deadline)
            return answer

    def _receive(self, request: requests.PreparedRequest, limit: int, proxy: str | None) -> Answer:
        proxies = {"http": proxy, "https": proxy} if proxy else {}
        waits = (self._timeouts.connect.total_seconds(), self._timeouts.read.total_seconds())
        with self._adapter.send(
            request, stream=True, timeout=waits, verify=self._verify, proxies=proxies
        ) as response:
            return _read(response, limit)

    def _overdue(self, deadline: deadlines.Deadline) -> TransportError:
        message = f"no complete answer within {self._timeouts.total.total_seconds():g} s"
        if self._watch.is_closed:
            message = "cut off, because we are stopping"
        return TransportError(CallError.TIMEOUT, message, may_have_sent=deadline.may_have_sent)

    def _failure(self, exc: Exception, deadline: deadlines.Deadline) -> TransportError:
        if deadline.is_over:
            return self._overdue(deadline)
        match exc:
            case _UnusableError():
                return TransportError(exc.error, str(exc), status=_OK)
            case _:
                error, message = _classify(tuple(_causes(exc)))
                return TransportError(error, message, may_have_sent=deadline.may_have_sent)


class _UnusableError(ValueError):
    """Raised when a 200 arrives that is not what HTTP or our limits allow."""

    def __init__(self, error: CallError, message: str) -> None:
        super().__init__(message)
        self.error = error


def _read(response: requests.Response, limit: int) -> Answer:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    is_plain = encoding in {"", "identity"}
    if response.status_code == _OK:
        body = _whole(response.raw, limit, is_plain=is_plain)
    else:
        body = response.raw.read(_PAGE_LIMIT, decode_content=False) if is_plain else b""
    return Answer(response.status_code, response.headers, body)


def _whole(raw: HTTPResponse, limit: int, *, is_plain: bool) -> bytes:
    if not is_plain:
        raise _UnusableError(CallError.PROTOCOL, "the answer is encoded, which was not asked for")
    too_large = _UnusableError(CallError.TOO_LARGE, f"the answer is larger than {limit:,} bytes")
    if (raw.length_remaining or 0) > limit:
        raise too_large
    body = raw.read(limit + 1, decode_content=False)
    if len(body) > limit:
        raise too_large
    if raw.length_remaining:
        raise _UnusableError(CallError.PROTOCOL, "the answer ends before its Content-Length")
    return body


def _causes(exc: BaseException) -> Iterator[BaseException]:
    cause: object = exc
    while isinstance(cause, BaseException):
        yield cause
        # urllib3 keeps the error of `ssl` as an argument only.
        cause = cause.__cause__ or cause.__context__ or next(iter(cause.args), None)


def _classify(causes: tuple[BaseException, ...]) -> tuple[CallError, str]:
    """Name the first kind that any of the chained exceptions is; special kinds come first."""
    for kind, error, message in _KINDS:
        for cause in causes:
            if isinstance(cause, kind):
                return error, message or _reason(cause)
    return CallError.PROTOCOL, f"the answer is not sound HTTP ({type(causes[-1]).__name__})"


_Kind = type[BaseException] | tuple[type[BaseException], ...]
_KINDS: tuple[tuple[_Kind, CallError, str], ...] = (
    (socket.gaierror, CallError.DNS, "the host's name cannot be resolved"),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        CallError.RESET,
        "the server closed the connection inside TLS",
    ),
    (ssl.SSLError, CallError.TLS, ""),
    (TimeoutError, CallError.TIMEOUT, "the server kept silent for too long"),
    (RemoteDisconnected, CallError.RESET, "the server closed the connection without an answer"),
    ((ConnectionRefusedError, NewConnectionError), CallError.REFUSED, ""),
    (ConnectionError, CallError.RESET, "the connection was reset"),
)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, OSError) and (said := reason(exc)):
        return said
    return _reason(exc.__cause__) if exc.__cause__ is not None else type(exc).__name__
