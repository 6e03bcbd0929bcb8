"""An HTTP server that misbehaves by script: raw sockets, one thread for each connection."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

BEAT = 0.01
"""Seconds between two pieces of what drips."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Talk:
    """One request's half-finished exchange, from the server's side."""

    sock: socket.socket
    stop: threading.Event
    request: Seen

    def send(self, data: bytes) -> None:
        """Send as it is."""
        self.sock.sendall(data)

    def drip(self, piece: bytes) -> None:
        """Send *piece* again and again until the client is gone."""
        while not self.stop.wait(BEAT):
            self.sock.sendall(piece)

    def wait_for_the_end(self) -> None:
        """Do nothing until the client is gone."""
        while self.sock.recv(4096):
            pass


class HangUp(Exception):  # noqa: N818 - an order, no fault
    """Raised by a behaviour to have its connection closed."""


Behaviour = Callable[[Talk], None]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer soundly; underscores in the names of *headers* stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def raw(data: bytes) -> Behaviour:
    """Send exactly *data* and expect another request."""

    def behave(talk: Talk) -> None:
        talk.send(data)

    return behave


def cut(data: bytes = b"") -> Behaviour:
    """Send *data* and close."""

    def behave(talk: Talk) -> None:
        talk.send(data)
        raise HangUp

    return behave


def dripping(start: bytes, piece: bytes) -> Behaviour:
    """Send *start*, then *piece* without end."""

    def behave(talk: Talk) -> None:
        talk.send(start)
        talk.drip(piece)

    return behave


def flooding(start: bytes, piece: bytes) -> Behaviour:
    """Send *start*, then *piece* without end and without a pause."""

    def behave(talk: Talk) -> None:
        talk.send(start)
        while not talk.stop.is_set():
            talk.send(piece)

    return behave


def silent(talk: Talk) -> None:
    """Never answer."""
    talk.wait_for_the_end()


def resetting(talk: Talk) -> None:
    """Abort the connection with RST."""
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise HangUp


@dataclass
class EvilServer:
    """Behaves once in each of the given ways, request by request, and in the last for ever.

    With *on_accept* no request is read: it gets the bare connection.
    """

    behaviours: tuple[Behaviour, ...] = (silent,)
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    on_accept: Callable[[socket.socket, threading.Event], None] | None = None
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        """Listen."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._serving: dict[threading.Thread, socket.socket] = {}
        self._listener = socket.create_server((self.host, 0), family=family, backlog=256)
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cut everything off and wait for all threads."""
        self._stop.set()
        _cut_off(self._listener)
        self._acceptor.join()
        with self._lock:
            serving = dict(self._serving)
        for sock in serving.values():
            _cut_off(sock)
        for thread in serving:
            thread.join()
        self._listener.close()

    @property
    def port(self) -> int:
        """The port that the system chose."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The server's root."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,))
                with self._lock:
                    self._serving[thread] = sock
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with suppress(OSError, HangUp), _closing(self._secured(sock)) as secured:
                self._talk(secured)
        finally:
            with self._lock:
                del self._serving[threading.current_thread()]

    def _talk(self, sock: socket.socket) -> None:
        with self._lock:
            self._serving[threading.current_thread()] = sock
        # Who hung up on the plain socket did not reach the one that TLS made of it.
        if self._stop.is_set():
            return
        if self.on_accept is not None:
            self.on_accept(sock, self._stop)
            return
        while (request := _read_request(sock)) is not None:
            with self._lock:
                behave = self.behaviours[min(len(self.seen), len(self.behaviours) - 1)]
                self.seen.append(request)
            behave(Talk(sock, self._stop, request))

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self.tls is None:
            return sock
        try:
            sock.settimeout(5)
            secured = self.tls.wrap_socket(sock, server_side=True)
            secured.settimeout(None)
        except OSError:
            sock.close()
            raise
        return secured


@contextmanager
def _closing(sock: socket.socket) -> Iterator[socket.socket]:
    with sock:
        yield sock


def _cut_off(sock: socket.socket) -> None:
    """Wake whoever waits for *sock*; `SSLSocket.shutdown` would take the session from under it."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _read_request(sock: socket.socket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        piece = sock.recv(65536)
        if not piece:
            return None
        body += piece
    method, path, _ = start.split(" ")
    return Seen(method, path, headers, body)
