"""How a prepared request of `requests` is sent: on the event loop, under one deadline.

It stands in the place of `requests.adapters.HTTPAdapter`, whose timeout bounds a single wait for
bytes and whose session brings redirects, cookies, proxies and `.netrc` from the environment. Here
nothing comes from the environment, one deadline bounds resolver, connection, TLS and answer alike,
and whatever goes wrong in an exchange is that exchange's failure.

Connections are kept for each server and used again, the one used last first, unless they have been
idle for 15 s: a firewall may have forgotten such a one, and swallow what is sent on it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import requests

from daemon.core.attempt import CallError
from daemon.documents import Body
from daemon.service.cluster import Timeouts
from daemon.service.wire import Wire
from daemon.service.wire_error import WireError, lost

IDLE_AT_MOST = timedelta(seconds=15)
_ATTEMPT_DELAY_S = 0.25
"""How long the next address of a host waits for the one before it (RFC 8305)."""

_PORTS = {"http": 80, "https": 443}


class _Origin(NamedTuple):
    """Whom a connection leads to; by *proxy* if it has one."""

    scheme: str
    host: str
    port: int
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A request as it is sent, in one piece: one call of the system, one TLS record."""

    origin: _Origin
    start: bytes
    rest: bytes

    @classmethod
    def of(cls, request: requests.PreparedRequest, proxy: str | None = None) -> Written:
        """Write a prepared request; plain HTTP goes to a *proxy* with its whole URL."""
        parts = urlsplit(request.url or "")
        is_whole = proxy is not None and parts.scheme == "http"
        target = request.url if is_whole else request.path_url
        lines = [f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        body = request.body if isinstance(request.body, bytes) else b""
        return cls(
            _origin(parts, proxy),
            f"{request.method} {target}".encode("latin-1"),
            "\r\n".join([*lines, "", ""]).encode("latin-1") + body,
        )

    def with_path(self, below: str) -> bytes:
        """Return all of it, with a path *below* that of the URL."""
        if not below:
            return self.start + self.rest
        return self.start.rstrip(b"/") + below.encode("ascii") + self.rest


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; the names of its headers are in lower case.

    It takes up room among the `LargeAnswers` as long as it has its `source`.
    """

    status: int
    headers: Mapping[str, str]
    body: Body
    source: object = None


class Adapter:
    """The connections to some servers under one identity; for one event loop."""

    def __init__(self, tls: ssl.SSLContext, timeouts: Timeouts) -> None:
        """Open nothing yet."""
        self._tls = tls
        self._timeouts = timeouts
        self._idle: dict[_Origin, list[Wire]] = {}
        self._watch = _Watch(timeouts)
        self._opening: set[asyncio.Timeout] = set()
        self._certificates: dict[_Origin, datetime] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first of the certificates ends that servers showed at their last connection."""
        return min(self._certificates.values(), default=None)

    async def send(self, request: Written, *, limit: int, below: str = "") -> Answer:
        """Send *request*, to a path *below* its own, and receive at most *limit* bytes.

        Only a 200 has to be whole: of other answers the status counts and the beginning is shown.
        Raises: WireError.
        """
        loop = asyncio.get_running_loop()
        over = loop.time() + self._timeouts.total.total_seconds()
        origin = request.origin
        wire = self._taken(origin, loop.time()) or await self._connected(origin, over)
        self._watch.begin(wire, over, loop)
        try:
            parser = await wire.exchange(request.with_path(below), limit)
        except BaseException:
            wire.close()
            raise
        finally:
            self._watch.end(wire)
        self._give_back(origin, wire, loop)
        return Answer(parser.status, parser.headers, parser.body, parser)

    async def warm(self, url: str, count: int) -> None:
        """Have up to *count* connections to *url* ready; one that fails will fail its request."""
        loop = asyncio.get_running_loop()
        over = loop.time() + self._timeouts.connect.total_seconds()
        origin = _origin(urlsplit(url), None)
        self._drop_stale(loop.time())
        missing = count - len(self._idle.get(origin, ()))
        made = await asyncio.gather(
            *(self._connected(origin, over) for _ in range(missing)), return_exceptions=True
        )
        for wire in made:
            if isinstance(wire, Wire):
                self._give_back(origin, wire, loop)

    def close(self) -> None:
        """Cut off the exchanges under way and close all connections, also those being opened."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._watch.close()
        for opening in self._opening:
            if not opening.expired():
                opening.reschedule(0)
        for wire in self._all_idle():
            wire.close()
        self._idle.clear()

    def _taken(self, origin: _Origin, now: float) -> Wire | None:
        idle = self._idle.get(origin)
        while idle:
            wire = idle.pop()
            if wire.is_usable and now - wire.idle_since <= IDLE_AT_MOST.total_seconds():
                return wire
            wire.close()
        return None

    def _give_back(self, origin: _Origin, wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        if self._is_closed or not wire.is_usable:
            wire.close()
            return
        wire.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(wire)
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_AT_MOST.total_seconds(), self._sweep_idle, loop)

    def _sweep_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        self._drop_stale(loop.time())
        if self._idle:
            oldest = min(wire.idle_since for wire in self._all_idle())
            due = oldest + IDLE_AT_MOST.total_seconds()
            self._sweep = loop.call_at(due, self._sweep_idle, loop)

    def _drop_stale(self, now: float) -> None:
        for origin, idle in list(self._idle.items()):
            kept = [
                wire
                for wire in idle
                if wire.is_usable and now - wire.idle_since < IDLE_AT_MOST.total_seconds()
            ]
            for wire in set(idle).difference(kept):
                wire.close()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]

    def _all_idle(self) -> Iterable[Wire]:
        return [wire for idle in self._idle.values() for wire in idle]

    async def _connected(self, origin: _Origin, over: float) -> Wire:
        """Open a connection before *over*, on the loop's clock. Raises: WireError."""
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise self._stopping()
        until = min(over, loop.time() + self._timeouts.connect.total_seconds())
        opening = asyncio.timeout_at(until)
        try:
            async with opening:
                self._opening.add(opening)
                wire = await self._opened(origin)
        except TimeoutError:
            if self._is_closed:
                raise self._stopping() from None
            raise _overdue(self._timeouts, is_sent=False) from None
        except WireError as exc:
            exc.may_have_sent = False
            raise
        except (OSError, ValueError) as exc:
            # ValueError, too: an address that nobody can look up is no bug of ours.
            raise lost(exc, may_have_sent=False) from exc
        finally:
            self._opening.discard(opening)
        if self._is_closed:
            wire.close()
            raise self._stopping()
        if wire.certificate_ends is not None:
            self._certificates[origin] = wire.certificate_ends
        return wire

    async def _opened(self, origin: _Origin) -> Wire:
        loop = asyncio.get_running_loop()
        first = _origin(urlsplit(origin.proxy), None) if origin.proxy else origin
        _, wire = await loop.create_connection(
            lambda: Wire(loop), first.host, first.port, happy_eyeballs_delay=_delay_of(first.host)
        )
        try:
            if first.scheme == "https":
                await wire.secure(self._tls, first.host)
            if first is not origin and origin.scheme == "https":
                await _tunnel(wire, origin)
                await wire.secure(self._tls, origin.host)
        except BaseException:
            wire.close()
            raise
        return wire

    def _stopping(self) -> WireError:
        return WireError(CallError.TIMEOUT, "cut off, because we are stopping", may_have_sent=False)


async def _tunnel(wire: Wire, origin: _Origin) -> None:
    """Ask a proxy for a tunnel to *origin*; of a request in TLS it sees no more than that."""
    place = f"{_bracketed(origin.host)}:{origin.port}"
    asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii")
    answer = await wire.exchange(asked, limit=0, is_tunnel=True)
    if answer.status != requests.codes.ok:
        raise WireError(CallError.REFUSED, f"the proxy answers {answer.status} to CONNECT")


class _Watch:
    """Ends each exchange at its deadline, or when the server keeps silent for too long.

    One timer for all of them: nearly all have ended long before, and set none of their own.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._silence_s = timeouts.read.total_seconds()
        self._over: dict[Wire, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, wire: Wire, over: float, loop: asyncio.AbstractEventLoop) -> None:
        """Watch an exchange that begins now and has to end before *over*, on the loop's clock."""
        wire.heard, self._over[wire] = loop.time(), over
        self._look_at(self._due(wire, over), loop)

    def end(self, wire: Wire) -> None:
        """Look no more after an exchange."""
        del self._over[wire]

    def close(self) -> None:
        """Cut off all exchanges under way."""
        if self._timer is not None:
            self._timer.cancel()
        for wire in list(self._over):
            wire.fail(WireError(CallError.TIMEOUT, "cut off, because we are stopping"))

    def _due(self, wire: Wire, over: float) -> float:
        return min(over, wire.heard + self._silence_s)

    def _look_at(self, due: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, now = None, loop.time()
        for wire, over in list(self._over.items()):
            due = self._due(wire, over)
            if now < due:
                self._look_at(due, loop)
            elif now >= over:
                wire.fail(_overdue(self._timeouts, is_sent=True))
            else:
                wire.fail(lost(TimeoutError()))


def _overdue(timeouts: Timeouts, *, is_sent: bool) -> WireError:
    message = f"no complete answer within {timeouts.total.total_seconds():g} s"
    if not is_sent and timeouts.connect < timeouts.total:
        message = f"no connection within {timeouts.connect.total_seconds():g} s"
    return WireError(CallError.TIMEOUT, message, may_have_sent=is_sent)


def _origin(parts: SplitResult, proxy: str | None) -> _Origin:
    return _Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], proxy)


def _delay_of(host: str) -> float | None:
    """Return how long an address of *host* waits for another; None where it is one itself.

    To race a single address with nothing costs as much as the connection.
    """
    try:
        ip_address(host)
    except ValueError:
        return _ATTEMPT_DELAY_S
    return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
