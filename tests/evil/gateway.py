"""What stands before a simulated service, and lets single requests meet something evil."""

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

_PASSED_ON = ("authorization", "content-type")


class Gateway:
    """Serves as *backend* does, but for what *choose* says; counts what it let happen."""

    def __init__(self, backend: str, choose: Choose) -> None:
        """Prepare to stand before the service at *backend*, a root such as `http://host:port`."""
        parts = urlsplit(backend)
        self._backend = (str(parts.hostname), parts.port)
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
            mode.behave(talk, lambda: self._forward(talk.request))
        else:
            talk.send(self._forward(talk.request))

    def _forward(self, request: Seen) -> bytes:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        connection = http.client.HTTPConnection(*self._backend, timeout=30)
        try:
            connection.request(request.method, request.path, request.body, headers)
            answered = connection.getresponse()
            body = answered.read()
        finally:
            connection.close()
        kind = answered.getheader("Content-Type") or "application/json"
        head = (
            f"HTTP/1.1 {answered.status} {answered.reason}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("latin-1") + body
