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
        self.sock.settimeout(BEAT)
        while not self.stop.is_set():
            with suppress(TimeoutError):
                if not self.sock.recv(4096):
                    return


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
        self._listener = socket.create_server((self.host, 0), family=family)
        self._listener.settimeout(BEAT)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything and wait for all threads."""
        self._stop.set()
        for thread in self._threads:
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
            with suppress(TimeoutError):
                sock, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, HangUp), _closing(self._secured(sock)) as secured:
            if self.on_accept is not None:
                self.on_accept(secured, self._stop)
                return
            while (request := _read_request(secured, self._stop)) is not None:
                with self._lock:
                    behave = self.behaviours[min(len(self.seen), len(self.behaviours) - 1)]
                    self.seen.append(request)
                behave(Talk(secured, self._stop, request))

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self.tls is None:
            return sock
        try:
            sock.settimeout(5)
            return self.tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            raise


@contextmanager
def _closing(sock: socket.socket) -> Iterator[socket.socket]:
    with sock:
        yield sock


def _read_request(sock: socket.socket, stop: threading.Event) -> Seen | None:
    sock.settimeout(BEAT)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = _receive(sock, stop)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += _receive(sock, stop)
    method, path, _ = start.split(" ")
    sock.settimeout(None)
    return Seen(method, path, headers, body)


def _receive(sock: socket.socket, stop: threading.Event) -> bytes:
    while not stop.is_set():
        with suppress(TimeoutError):
            return sock.recv(65536)
    return b""
