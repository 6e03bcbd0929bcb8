"""HTTP/1.1 on sockets: a thread for each connection, and requests answered in their order.

What is on the wire is parsed by `httptools`; what is said of it is what Go's server says, which is
the one of the Backup Service.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path

import httptools

from daemon.errors import HostError
from daemon.simulator.credentials import credentials
from daemon.simulator.go_json import MAX_BODY

_LARGEST_HEAD = 1024 * 1024
_CHUNK = 64 * 1024
_LINGER_S = 1.0
_TEXT = "text/plain; charset=utf-8"


@dataclass
class Exchange:
    """One request as it came, and who sent it."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False
    is_last: bool = False
    is_old: bool = False
    is_continued: bool = False
    user: str = ""
    password: str | None = ""
    is_management: bool = False
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Exchange], Reply | None]
"""What becomes of a request; None closes the connection without a byte."""


class Listener(socketserver.ThreadingTCPServer):
    """Listens at one address; keeps its connections in order to be able to close them."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], answer: Answer, *, is_management: bool = False
    ) -> None:
        """Listen. Raises HostError when the port is taken."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer, self.is_management = answer, is_management
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
        self._parser = httptools.HttpRequestParser(self)
        self._head = 0
        self._in_body = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they come; raises HttpParserError."""
        self._head = 0 if self._in_body else self._head + len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            # No upgrade is taken up here: what comes next is the next request.
            self._parser = httptools.HttpRequestParser(self)
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
        self.exchanges[-1].headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        exchange = self.exchanges[-1]
        exchange.method = self._parser.get_method().decode("latin-1")
        exchange.is_old = self._parser.get_http_version() != "1.1"
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
        parser = _Parser()
        while data := self.request.recv(_CHUNK):
            try:
                parser.feed(data)
            except httptools.HttpParserError:
                # Those before it are answered first.
                if self._answer_all(parser):
                    self._refuse(400, "400 Bad Request")
                return
            if parser.is_head_too_large:
                self._refuse(431, "431 Request Header Fields Too Large")
                return
            if not self._answer_all(parser):
                return

    def _answer_all(self, parser: _Parser) -> bool:
        """Answer what is whole, in order; return whether the connection goes on."""
        waiting = parser.exchanges
        while waiting and waiting[0].is_whole:
            if not self._answer(waiting.popleft()):
                return False
        if waiting and waiting[0].method and waiting[0].headers.get("expect"):
            if waiting[0].headers["expect"].lower() != "100-continue":
                self._refuse(417, "")
                return False
            if not (waiting[0].is_old or waiting[0].body or waiting[0].is_continued):
                self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            waiting[0].is_continued = True
        return True

    def _answer(self, exchange: Exchange) -> bool:
        if not exchange.is_old and "host" not in exchange.headers:
            self._refuse(400, "400 Bad Request: missing required Host header")
            return False
        exchange.is_management = self.server.is_management
        shown = exchange.headers.get("authorization", "")
        exchange.user, exchange.password = credentials(self.request, shown)
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


def _head(status: int, headers: list[tuple[str, str]]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = f"status code {status}"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")
