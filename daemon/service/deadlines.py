"""A deadline over everything that a thread sends and receives for one exchange.

A socket's own timeout bounds a single wait for bytes, so that a peer which drips holds its reader
for ever. A `Deadline` shuts the sockets of its exchange down instead. To the reader that looks like
a clean end of file: whoever reads asks `is_over` afterwards, however complete the answer seems.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta

_current: ContextVar[Deadline] = ContextVar("deadline")


def current() -> Deadline:
    """Return the deadline of the exchange that this thread is in; LookupError if it is in none."""
    return _current.get()


class Deadline:
    """The end of the time that one exchange may take, and the sockets to shut down then."""

    def __init__(self, at: float) -> None:
        """Start with no socket; *at* is an instant of the monotonic clock, in seconds.

        What the exchange learns on its way is kept here, too: `certificate_ends` is when that of
        the server ends, if a connection had to be made and the certificate was verified.
        """
        self.at = at
        self.is_over = False
        self.may_have_sent = False
        self.certificate_ends: datetime | None = None
        self._is_finished = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def guard(self, sock: socket.socket) -> None:
        """Shut *sock* down when the deadline passes, or now if it has passed."""
        with self._lock:
            if sock not in self._sockets:
                self._sockets.append(sock)
            if self.is_over:
                _shut_down(sock)

    def cut(self) -> None:
        """End the exchange, unless it has finished: its connection may serve another by now."""
        with self._lock:
            if self._is_finished:
                return
            self.is_over = True
            for sock in self._sockets:
                _shut_down(sock)

    def finish(self) -> None:
        """Let go of the sockets."""
        with self._lock:
            self._is_finished = True
            self._sockets.clear()


def _shut_down(sock: socket.socket) -> None:
    # Not SSLSocket.shutdown: it takes the TLS layer from under the thread that is reading.
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Deadlines:
    """All deadlines of one client, watched by one thread that starts with the first of them.

    They are all equally long. The oldest is thus the next to end, and a watcher that sleeps no
    longer than that length never has to be woken for a new one.
    """

    def __init__(self, length: timedelta) -> None:
        """Return every exchange *length* from its start to the last byte of its answer."""
        self._length = length.total_seconds()
        self._running: dict[Deadline, None] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def is_closed(self) -> bool:
        """Whether everything has been cut off by `close`."""
        return self._closed.is_set()

    @contextmanager
    def start(self) -> Iterator[Deadline]:
        """Hold a new deadline over what this thread sends and receives inside the block."""
        deadline = self._begin()
        token = _current.set(deadline)
        try:
            yield deadline
        finally:
            _current.reset(token)
            deadline.finish()
            with self._lock:
                self._running.pop(deadline, None)

    def close(self) -> None:
        """Cut off what is under way and whatever starts from now on, and end the watcher."""
        self._closed.set()
        with self._lock:
            running, watcher = tuple(self._running), self._watcher
        for deadline in running:
            deadline.cut()
        if watcher is not None:
            watcher.join()

    def _begin(self) -> Deadline:
        with self._lock:
            deadline = Deadline(time.monotonic() + self._length)
            self._running[deadline] = None
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._watcher.start()
        if self._closed.is_set():
            deadline.cut()
        return deadline

    def _watch(self) -> None:
        while not self._closed.wait(self._until_next()):
            for deadline in self._due():
                deadline.cut()

    def _until_next(self) -> float:
        with self._lock:
            oldest = next(iter(self._running), None)
        return self._length if oldest is None else max(0.0, oldest.at - time.monotonic())

    def _due(self) -> list[Deadline]:
        now = time.monotonic()
        with self._lock:
            due = [deadline for deadline in self._running if deadline.at <= now]
            for deadline in due:
                del self._running[deadline]
        return due
