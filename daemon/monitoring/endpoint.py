"""The little HTTP server for monitoring: a few pages, read-only, and nobody is waited for.

What is asked for is answered from memory. Whoever takes longer than two seconds from its first byte
to our last is cut off, and holds one of a few threads at most; the passes never notice.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from daemon.errors import HostError
from daemon.service.deadlines import Deadlines

PATIENCE = timedelta(seconds=2)
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]


class Endpoint:
    """Serves pages at one address until it is closed."""

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        """Listen at *address*, host and port; 0 takes a free one. Raises HostError."""
        host, port = address
        try:
            self._server = _Server(address, pages)
        except OSError as exc:
            raise HostError(
                f"listen: cannot listen at {host}:{port} ({exc.strerror}); choose another"
            ) from exc
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="endpoint", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens at."""
        port: int = self._server.server_address[1]
        return port

    def close(self) -> None:
        """Listen no more; answers under way are cut off."""
        self._server.shutdown()
        self._server.server_close()
        self._server.deadlines.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.pages = pages
        self.names = frozenset({"localhost", address[0].lower(), socket.gethostname().lower()})
        self.deadlines = Deadlines(PATIENCE)
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            with self.deadlines.start() as deadline:
                deadline.guard(request)
                super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of readers that vanish or dawdle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: _Server

    def do_GET(self) -> None:  # the base's name
        self._send(self._page())

    do_HEAD = do_GET  # noqa: N815  # the base's name

    def _page(self) -> Page:
        if not self._is_for_us():
            return Page(HTTPStatus.MISDIRECTED_REQUEST, b"this host is called otherwise\n")
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            known = ", ".join(self.server.pages)
            return Page(HTTPStatus.NOT_FOUND, f"there are: {known}\n".encode())
        return page()

    def _is_for_us(self) -> bool:
        """Refuse names that are not ours: a page in a browser may have made them lead here."""
        host = self.headers.get("Host", "")
        name = host.rpartition(":")[0] if host.count(":") == 1 else host
        name = name.partition("]")[0].removeprefix("[").lower()
        if not host or name in self.server.names:
            return True
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return False

    def _send(self, page: Page) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing: a scrape is no event."""
