"""What stands before a simulated service, and lets single requests meet something evil.

with Gateway(simulator.url, lambda request: MODES["resets"]) as gateway:
    ...  # gateway.url, gateway.requests, gateway.injected
"""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.evil.modes import Mode
from tests.evil.server import EvilServer, Seen, Talk

Choose = Callable[[Seen], Mode | None]
"""Says what a request meets; None lets it pass. It is called from many threads."""

_OF_A_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}
)
"""Headers of one connection, not of what is said over it."""


class Gateway:
    """Serves as *backend* does, but for what *choose* says; any number of clients may use it.

    `requests` counts all that came, `injected` those that met a mode, by its name.
    """

    def __init__(self, backend: str, choose: Choose) -> None:
        """Prepare to stand before the service at *backend*, a root such as `http://host:port`."""
        self._backend = _Backend(backend)
        self._choose = choose
        self._server = EvilServer((self._behave,))
        self._turn = threading.Lock()
        self.injected: Counter[str] = Counter()
        self.requests = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything and wait for all threads."""
        self._server.__exit__(kind, exc, trace)
        self._backend.close()

    @property
    def url(self) -> str:
        """The gateway's root."""
        return self._server.url

    def _behave(self, talk: Talk) -> None:
        mode = self._choose(talk.request)
        with self._turn:
            self.requests += 1
            # Whoever stands here for hours must not remember every request.
            self._server.seen.clear()
            if mode:
                self.injected[mode.name] += 1
        if mode:
            mode.behave(talk, lambda: self._ask(talk.request))
        else:
            talk.send(self._ask(talk.request))

    def _ask(self, request: Seen) -> bytes:
        """Return the answer of the service behind. Raises OSError if none came."""
        return self._backend.ask(request)


class _Backend:
    """The service behind, and connections to it, each lent to one request at a time."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        self._address = (str(parts.hostname), parts.port)
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._is_closed = False

    def ask(self, request: Seen) -> bytes:
        """Return the answer as it is on the wire. Raises OSError if none came."""
        connection = self._borrow()
        try:
            answer = _exchange(connection, request)
        except (OSError, http.client.HTTPException) as exc:
            # Never sent again: a request that has come once takes effect at most once.
            connection.close()
            raise ConnectionError("the service behind gave no answer") from exc
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Close all connections, those that are lent as soon as they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _borrow(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return http.client.HTTPConnection(*self._address, timeout=30)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()


def _exchange(connection: http.client.HTTPConnection, request: Seen) -> bytes:
    headers = {name: value for name, value in request.headers.items() if name not in _OF_A_HOP}
    connection.request(request.method, request.path, request.body or None, headers)
    answered = connection.getresponse()
    body = answered.read()
    said = [pair for pair in answered.getheaders() if pair[0].lower() not in _OF_A_HOP]
    lines = [f"{name}: {value}" for name, value in [*said, ("Content-Length", len(body))]]
    head = "\r\n".join([f"HTTP/1.1 {answered.status} {answered.reason}", *lines, "", ""])
    return head.encode("latin-1") + body
