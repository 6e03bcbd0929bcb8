"""The little HTTP server for monitoring: a few pages, read-only, and nobody is waited for.

It has a thread and an event loop of its own, so that no reader costs the passes anything. What is
asked for is answered from memory. Whoever takes longer than two seconds from its first byte to our
last is cut off, and so is the oldest of too many at once: first of those that have not asked for
anything yet. There is always room for a newcomer, and nobody is cut off before it has been heard,
so that no crowd of connections keeps a probe from its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus

import httptools

from daemon.errors import HostError

PATIENCE = timedelta(seconds=2)
HEAD_LIMIT = 8 * 1024
ACCEPTED_TOGETHER = 16
"""How many connections may come in one turn of the loop."""

WAITING = 1024

AT_ONCE = 8 * ACCEPTED_TOGETHER
"""How many there may be: between a connection and the first look at what it sends are fewer turns
of the loop than this factor, and in these no more than so many come after it."""


_HEADERS = {"Cache-Control": "no-store"}
_OTHER_NAME = (
    b"this is not a name of this host: ask by its IP address, as localhost, or by its host name"
    b" (see cbmaintd manual page)\n"
)
"""Its name is not told: whoever led a browser here by another one should not learn it."""


@dataclass(frozen=True)
class Page:
    """What is answered; its `headers` beside those that every answer has."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        """What tells this body from another."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


Find = Callable[[str], Callable[[], Page]]
"""Returns what makes the page at a target, the path and query of a request."""

OnBug = Callable[[Exception], object]


class Endpoint:
    """Serves pages at one address until it is closed."""

    def __init__(self, address: tuple[str, int], find: Find, on_bug: OnBug) -> None:
        """Serve what *find* knows at *address*: host and port, 0 takes a free one.

        *on_bug* is told, on the thread of this server, of a page that cannot be made.
        Raises HostError.
        """
        host, port = address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server(address, family=family)
        except OSError as exc:
            # The library adds the address, as Python writes one.
            reason = str(exc.strerror).partition(" (while ")[0]
            raise HostError(
                f"listen: cannot listen at {host}:{port} ({reason}); choose another"
            ) from exc
        self.port: int = self._listener.getsockname()[1]
        self._find = find
        self._on_bug = on_bug
        self._names = frozenset({"localhost", host.lower(), socket.gethostname().lower()})
        # In the order in which they came, and last those that are being answered.
        self._readers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name="endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more; answers under way are cut off."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _work(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._answer, sock=self._listener, limit=HEAD_LIMIT, backlog=ACCEPTED_TOGETHER
        )
        # More may wait in the system: what it drops comes back a second later only.
        self._listener.listen(WAITING)
        await self._closing.wait()
        server.close()
        for reader in list(self._readers):
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a reader is a task")
        if len(self._readers) >= AT_ONCE:
            # At once: it ends at the loop's next turn only, and more may come before that.
            oldest = next(iter(self._readers))
            del self._readers[oldest]
            oldest.cancel()
        self._readers[task] = writer
        # Readers that vanish, dawdle or speak something else are no event.
        try:
            with contextlib.suppress(TimeoutError, OSError, ValueError, asyncio.CancelledError):
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    await self._exchange(task, reader, writer)
        finally:
            self._readers.pop(task, None)
            writer.transport.abort()

    async def _exchange(
        self,
        task: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        if self._readers.pop(task, None):
            # Behind those that have only come.
            self._readers[task] = writer
        request = _Request.read(head)
        page = self._page(request)
        etag = page.etag
        is_known = page.status == HTTPStatus.OK and etag in request.known
        status = HTTPStatus.NOT_MODIFIED if is_known else HTTPStatus(page.status)
        lines = (
            f"HTTP/1.0 {status.value} {status.phrase}",
            f"Content-Type: {page.kind}",
            *(() if is_known else (f"Content-Length: {len(page.body)}",)),
            f"ETag: {etag}",
            *(f"{name}: {value}" for name, value in (_HEADERS | page.headers).items()),
        )
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        if request.method != "HEAD" and not is_known:
            writer.write(page.body)
        await writer.drain()
        writer.write_eof()
        # Closed before all was read there, a connection may be reset and the answer lost with it.
        while await reader.read(HEAD_LIMIT):
            pass

    def _page(self, request: _Request) -> Page:
        if request.method not in {"GET", "HEAD"}:
            allowed = {"Allow": "GET, HEAD"}
            return Page(
                HTTPStatus.METHOD_NOT_ALLOWED, b"this is read-only: GET and HEAD\n", headers=allowed
            )
        if not self._is_for_us(request.host):
            return Page(HTTPStatus.MISDIRECTED_REQUEST, _OTHER_NAME)
        try:
            return self._find(request.target)()
        except Exception as exc:  # noqa: BLE001  # a bug in one page, which its reader is to see
            self._on_bug(exc)
            return Page(HTTPStatus.INTERNAL_SERVER_ERROR, b"a bug: the log has the traceback\n")

    def _is_for_us(self, host: str) -> bool:
        """Refuse names that are not ours: a page in a browser may have made them lead here."""
        name = host.rpartition(":")[0] if host.count(":") == 1 else host
        name = name.partition("]")[0].removeprefix("[").lower()
        if not host or name in self._names:
            return True
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return False


@dataclass(slots=True)
class _Request:
    """What is asked for; filled in by the parser."""

    method: str = ""
    target: str = ""
    host: str = ""
    known: str = ""
    _seen: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, head: bytes) -> _Request:
        """Read the head of a request. Raises: ValueError."""
        request = cls()
        parser = httptools.HttpRequestParser(request)
        try:
            # Who would rather speak another protocol is answered in this one.
            with contextlib.suppress(httptools.HttpParserUpgrade):
                parser.feed_data(head)
        except httptools.HttpParserError as exc:
            raise ValueError("not valid HTTP") from exc
        request.method = parser.get_method().decode("ascii")
        request.target = b"".join(request._seen).decode("latin-1")
        return request

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the target."""
        self._seen.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the name by which the reader knows us, and what it has of the page."""
        if name.lower() == b"host":
            # Of several, each has to be ours: no name has a comma in it.
            self.host = ",".join(filter(None, (self.host, value.decode("latin-1"))))
        elif name.lower() == b"if-none-match":
            self.known = value.decode("latin-1")
