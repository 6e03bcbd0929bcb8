"""HTTP/1.1 on sockets: a thread for each connection, and requests answered in their order.

What is on the wire is parsed by `httptools`; what is said of it is what Go's server says, which is
the one of the Backup Service.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import struct
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPMethod, HTTPStatus
from pathlib import Path

import httptools

from daemon.errors import HostError
from daemon.simulator.credentials import credentials
from daemon.simulator.go_json import MAX_BODY

_LARGEST_HEAD = 1024 * 1024
_CHUNK = 64 * 1024
_LINGER_S = 1.0
_TEXT = "text/plain; charset=utf-8"
_NO_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
_BAD = 400, "400 Bad Request"
_CODED = 501, "Unsupported transfer encoding"
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_REQUEST_LINE = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.[01]\r?$", re.MULTILINE)
_NO_ASCII = re.compile(rb"[\x80-\xff]")
_HOST = re.compile(r"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")


@dataclass
class Exchange:
    """One request as it came, and who sent it."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    hosts: int = 0
    encodings: list[str] = field(default_factory=list)
    version: str = "1.1"
    is_whole: bool = False
    is_last: bool = False
    is_continued: bool = False
    user: str = ""
    password: str | None = ""
    is_management: bool = False
    is_reset: bool = False

    @property
    def is_old(self) -> bool:
        """Check whether it is HTTP/1.0."""
        return self.version == "1.0"

    @property
    def is_coded(self) -> bool:
        """Check whether its body is coded in another way than by chunks."""
        return bool(self.encodings) and [each.lower() for each in self.encodings] != ["chunked"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Exchange], Reply | None]
"""What becomes of a request; None closes the connection without a byte.

Of one whose body is still to come, None is to let it come.
"""


class Listener(socketserver.ThreadingTCPServer):
    """Listens at one address; keeps its connections in order to be able to close them."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        answer: Answer,
        refuse_unread: Answer,
        *,
        is_management: bool = False,
    ) -> None:
        """Listen. Raises HostError when the port is taken."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer, self.refuse_unread = answer, refuse_unread
        self.is_management = is_management
        self.connections: set[socket.socket] = set()
        try:
            super().__init__(address, _Connection)
        except OSError as exc:
            raise HostError(
                f"cannot listen on {address[0]}:{address[1]} ({exc.strerror});"
                " choose another --port"
            ) from exc

    def wrap(
        self, certificate: Path, key: Path, clients: tuple[Path, ssl.VerifyMode] | None
    ) -> None:
        """Speak TLS from now on; *clients* is the CA of their certificates, and who needs one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients:
            authority, context.verify_mode = clients
            context.load_verify_locations(authority)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that vanish; show a bug of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came


class _Parser:
    """Collects the requests of one connection."""

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque()
        self._parser = self._new()
        self._head = 0
        self._in_body = False

    def _new(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # As Go's server, which takes a line without its CR, and chunks before a length.
        parser.set_dangerous_leniencies(
            lenient_chunked_length=True, lenient_optional_cr_before_lf=True
        )
        return parser

    def feed(self, data: bytes) -> None:
        """Take bytes as they come; raises HttpParserError."""
        if not self._head and not self._in_body:
            # A target of any bytes is one to Go's server, but not to this parser.
            line, end, rest = data.partition(b"\n")
            data = _NO_ASCII.sub(lambda found: b"%%%02X" % ord(found[0]), line) + end + rest
        self._head = 0 if self._in_body else self._head + len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            # No upgrade is taken up here: what comes next is the next request.
            self._parser = self._new()
            rest = data[exc.args[0] :] if exc.args else b""
            if rest:
                self.feed(rest)

    @property
    def is_head_too_large(self) -> bool:
        return self._head > _LARGEST_HEAD

    # Called by the parser

    def on_message_begin(self) -> None:
        self.exchanges.append(Exchange())

    def on_url(self, url: bytes) -> None:
        self.exchanges[-1].target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange, kind, text = (
            self.exchanges[-1],
            name.decode("latin-1").lower(),
            value.decode("latin-1"),
        )
        exchange.hosts += kind == "host"
        if kind == "transfer-encoding":
            exchange.encodings.append(text)
        # Of a header that comes twice the first counts.
        exchange.headers.setdefault(kind, text)

    def on_headers_complete(self) -> None:
        exchange = self.exchanges[-1]
        exchange.method = self._parser.get_method().decode("latin-1")
        exchange.version = self._parser.get_http_version()
        exchange.is_last = not self._parser.should_keep_alive()
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        kept = self.exchanges[-1].body
        kept += body[: MAX_BODY + 1 - len(kept)]

    def on_message_complete(self) -> None:
        self.exchanges[-1].is_whole = True
        self._in_body = False
        self._head = 0


class _Connection(socketserver.BaseRequestHandler):
    server: Listener
    request: socket.socket

    def setup(self) -> None:
        self.server.connections.add(self.request)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self) -> None:
        self.server.connections.discard(self.request)

    def handle(self) -> None:
        try:
            self._converse()
        except ssl.SSLError as exc:
            if exc.reason == "HTTP_REQUEST" and not self.server.is_management:
                self._say_in_plain()
            raise

    def _say_in_plain(self) -> None:
        """Tell a client that does not speak TLS, as Go's server does."""
        self.server.connections.discard(self.request)
        with socket.socket(fileno=self.request.detach()) as self.request:
            self.request.sendall(_NO_TLS)
            self._linger()

    def _converse(self) -> None:
        parser = _Parser()
        while data := self.request.recv(_CHUNK):
            try:
                parser.feed(data)
            except httptools.HttpParserError as exc:
                # Those before it are answered first.
                if self._answer_all(parser):
                    self._refuse_wrong(parser, data, exc)
                return
            if parser.is_head_too_large:
                self._refuse(431, "431 Request Header Fields Too Large")
                return
            if not self._answer_all(parser):
                return

    def _refuse_wrong(self, parser: _Parser, data: bytes, exc: httptools.HttpParserError) -> None:
        """Refuse what the parser does not take; a method that it does not know no path has."""
        is_method = isinstance(exc, httptools.HttpParserInvalidMethodError)
        is_ours = is_method and not self.server.is_management
        exchange = _unknown_method(data) if is_ours else None
        if exchange and (reply := self.server.refuse_unread(exchange)):
            self._send(reply, exchange)
            self._linger()
            return
        is_coded = bool(parser.exchanges) and parser.exchanges[-1].is_coded
        self._refuse(*(_CODED if is_coded else _BAD))

    def _answer_all(self, parser: _Parser) -> bool:
        """Answer what is whole, in order; return whether the connection goes on."""
        waiting = parser.exchanges
        while waiting and waiting[0].is_whole:
            if not self._answer(waiting.popleft()):
                return False
        return not (waiting and waiting[0].method) or self._read_on(waiting[0])

    def _read_on(self, exchange: Exchange) -> bool:
        """Return whether to read the body of a request; answer who asks that before sending it."""
        if exchange.is_coded:
            self._refuse(*_CODED)
            return False
        expected = exchange.headers.get("expect", "").lower()
        if not expected or exchange.is_old or exchange.is_continued or exchange.body:
            return True
        if expected != "100-continue":
            self._refuse(417, "")
            return False
        if flaw := _flaw(exchange):
            self._refuse(*flaw)
            return False
        self._identify(exchange)
        reply = self.server.refuse_unread(exchange)
        if reply is None:
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            exchange.is_continued = True
            return True
        exchange.is_last = True
        self._send(reply, exchange)
        self._linger()
        return False

    def _identify(self, exchange: Exchange) -> None:
        exchange.is_management = self.server.is_management
        shown = exchange.headers.get("authorization", "")
        exchange.user, exchange.password = credentials(self.request, shown)

    def _answer(self, exchange: Exchange) -> bool:
        if flaw := _flaw(exchange):
            self._refuse(*flaw)
            return False
        self._identify(exchange)
        reply = self.server.answer(exchange)
        if exchange.is_reset:
            linger = struct.pack("ii", 1, 0)
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.request.close()
        if reply is None or exchange.is_reset:
            return False
        self._send(reply, exchange)
        if exchange.is_last:
            self._linger()
        return not exchange.is_last

    def _send(self, reply: Reply, exchange: Exchange) -> None:
        headers = [("Content-Type", reply.kind)] if reply.kind else []
        headers += reply.headers
        if self.server.is_management:
            headers.append(("Server", "Couchbase Server"))
        headers += [("Date", formatdate(usegmt=True)), ("Content-Length", str(len(reply.body)))]
        if exchange.is_last and not exchange.is_old:
            headers.append(("Connection", "close"))
        elif exchange.is_old and not exchange.is_last:
            headers.append(("Connection", "keep-alive"))
        body = b"" if exchange.method == "HEAD" else reply.body
        # In one segment: head and body apart cost the client a delayed acknowledgement.
        self.request.sendall(_head(reply.status, headers) + body)

    def _refuse(self, status: int, text: str) -> None:
        headers = [("Content-Type", _TEXT), ("Connection", "close")]
        headers.append(("Content-Length", str(len(text))))
        self.request.sendall(_head(status, headers) + text.encode())
        self._linger()

    def _linger(self) -> None:
        """Let the client read the answer: closing on unread bytes would reset the connection."""
        with contextlib.suppress(OSError):
            if not isinstance(self.request, ssl.SSLSocket):
                self.request.shutdown(socket.SHUT_WR)
            self.request.settimeout(_LINGER_S)
            while self.request.recv(_CHUNK):
                pass


def _unknown_method(data: bytes) -> Exchange | None:
    """Return the request whose method is not a known one; None if there is no such line."""
    for line in _REQUEST_LINE.finditer(data):
        method, target = (part.decode("latin-1") for part in line.groups())
        if method not in set(HTTPMethod):
            return Exchange(method, target, is_last=True)
    return None


def _flaw(exchange: Exchange) -> tuple[int, str] | None:
    """Return what Go's server says of a request that it hands to nobody, in its words."""
    if exchange.version not in {"1.0", "1.1"}:
        return 505, "505 HTTP Version Not Supported: unsupported protocol version"
    if exchange.is_coded:
        return _CODED
    if _BAD_ESCAPE.search(exchange.target.partition("?")[0]):
        return _BAD
    host = exchange.headers.get("host", "")
    faults = {
        "too many Host headers": exchange.hosts > 1,
        "missing required Host header": exchange.hosts == 0 and not exchange.is_old,
        "malformed Host header": not _HOST.fullmatch(host),
    }
    return next(((400, f"400 Bad Request: {what}") for what in faults if faults[what]), None)


def _head(status: int, headers: list[tuple[str, str]]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = f"status code {status}"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")
