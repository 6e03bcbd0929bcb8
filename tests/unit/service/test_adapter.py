"""Connections that are kept: for how long, and what the kernel does for them meanwhile."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
import requests
import trustme

from daemon.core.attempt import CallError
from daemon.service.adapter import IDLE_AT_MOST, Adapter, Written
from daemon.service.cluster import Timeouts
from daemon.service.wire_error import WireError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
MOMENT = timedelta(milliseconds=100)


async def with_server(act: Callable[[Adapter, str], Awaitable[None]]) -> int:
    """Have a server that keeps its connections; return how many were made to it."""
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            while line := await reader.readline():
                await reader.readuntil(b"\r\n\r\n")
                if b"silent" not in line:
                    writer.write(ANSWER)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        adapter = Adapter(ssl.create_default_context(), Timeouts())
        await act(adapter, f"http://127.0.0.1:{port}")
        adapter.close()
        await asyncio.gather(*filter(None, served))
    return len(served)


async def get(adapter: Adapter, url: str) -> None:
    """Send one request."""
    answer = await adapter.send(Written.of(requests.Request("GET", url).prepare()), limit=100)
    assert answer.body == b"[]"


@pytest.mark.parametrize(
    ("idle", "connections"),
    [(timedelta(0), 1), (IDLE_AT_MOST - MOMENT, 1), (IDLE_AT_MOST + MOMENT, 2)],
)
@pytest.mark.parametrize("is_swept", [False, True])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, idle: timedelta, connections: int, *, is_swept: bool
) -> None:
    """After 15 s a firewall may have forgotten a connection: the next request makes another."""

    async def act(adapter: Adapter, url: str) -> None:
        loop = asyncio.get_running_loop()
        real, passed = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        await get(adapter, url)
        passed = idle.total_seconds()
        if is_swept:
            # Timers that are due ring in the loop's next turns.
            for _ in range(5):
                await asyncio.sleep(0)
            kept = [wire for wires in adapter._idle.values() for wire in wires]
            assert len(kept) == 2 - connections
        await get(adapter, url)

    assert asyncio.run(with_server(act)) == connections


def test_each_exchange_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins later is given up later, whatever began and ended on the way."""
    found: list[list[CallError]] = []

    async def act(adapter: Adapter, url: str) -> None:
        loop = asyncio.get_running_loop()
        real, passed = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        silence_s, ended = Timeouts().read.total_seconds(), []

        async def wait_in_vain() -> None:
            try:
                await get(adapter, f"{url}/silent")
            except WireError as exc:
                ended.append(exc.error)

        waiting = []
        for passed in (0.0, silence_s / 2):  # noqa: B007  # what the clock shows
            waiting.append(asyncio.create_task(wait_in_vain()))
            await get(adapter, url)
        half = silence_s / 2
        for passed in (silence_s - 1, silence_s + 5, silence_s + half - 1, 2 * silence_s):  # noqa: B007
            await get(adapter, url)
            for _ in range(5):
                await asyncio.sleep(0)
            found.append(list(ended))
        await asyncio.gather(*waiting)

    asyncio.run(with_server(act))

    assert found == [[], [CallError.TIMEOUT], [CallError.TIMEOUT], [CallError.TIMEOUT] * 2]


def test_the_kernel_probes_a_silent_connection() -> None:
    """A peer that is gone is noticed within half a minute, also while nobody waits for it."""
    found: dict[str, int] = {}

    async def act(adapter: Adapter, url: str) -> None:
        await adapter.warm(url, 1)
        ((wire,),) = adapter._idle.values()
        assert wire._transport is not None
        sock = wire._transport.get_extra_info("socket")
        for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"):
            found[option] = sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, option))
        found["on"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    asyncio.run(with_server(act))

    assert found["on"]
    assert found["TCP_KEEPIDLE"] + found["TCP_KEEPINTVL"] * found["TCP_KEEPCNT"] <= 30


def test_connections_are_made_ready_once() -> None:
    """What is warmed is used by the requests that follow, and what is there is not made again."""

    async def act(adapter: Adapter, url: str) -> None:
        await adapter.warm(url, 3)
        await adapter.warm(url, 3)
        await asyncio.gather(*(get(adapter, url) for _ in range(3)))

    assert asyncio.run(with_server(act)) == 3


def test_a_connection_that_is_being_opened_is_cut_off() -> None:
    """Who stops does not wait for a server that takes its time over a connection."""
    never = timedelta(hours=1)

    async def act(server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        adapter = Adapter(ssl.create_default_context(), Timeouts(never, never, never))
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        request = Written.of(requests.Request("GET", url).prepare())
        calls = [
            asyncio.create_task(adapter.send(request, limit=100)),
            asyncio.create_task(adapter.warm(url, 2)),
        ]
        accepted = [(await loop.sock_accept(server))[0] for _ in range(3)]
        for sock in accepted:
            # It has begun to speak TLS, and is not answered.
            assert await loop.sock_recv(sock, 1)
        adapter.close()
        cut, warmed = await asyncio.gather(*calls, return_exceptions=True)
        for sock in accepted:
            sock.close()

        assert isinstance(cut, WireError)
        assert (str(cut), cut.may_have_sent) == ("cut off, because we are stopping", False)
        assert warmed is None

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        asyncio.run(asyncio.wait_for(act(server), 60))


ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"


@pytest.mark.parametrize(
    ("said", "is_sound", "outcome"),
    [
        (ANSWER, True, b"[]"),
        (ANSWER, False, b"[]"),
        (ENDLESS, True, b"[]"),
        (ENDLESS, False, CallError.RESET),
        (HALF, True, CallError.PROTOCOL),
        (HALF, False, CallError.RESET),
        (b"", True, CallError.RESET),
        (b"", False, CallError.RESET),
    ],
)
def test_an_end_of_tls(said: bytes, outcome: bytes | CallError, *, is_sound: bool) -> None:
    """A session ends soundly, as each server ends idle ones, or is cut; the next goes on anew."""
    ca = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)

    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        if not is_sound:
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    async def ask_twice() -> list[bytes | CallError]:
        async with await asyncio.start_server(serve, "127.0.0.1", ssl=serving) as server:
            port = server.sockets[0].getsockname()[1]
            written = Written.of(requests.Request("GET", f"https://127.0.0.1:{port}/").prepare())
            adapter = Adapter(trusting, Timeouts())
            found: list[bytes | CallError] = []
            for _ in range(2):
                try:
                    found.append(bytes((await adapter.send(written, limit=100)).body))
                except WireError as exc:
                    found.append(exc.error)
                await over.wait()
                over.clear()
                # The end is there: the loop's next turns read it.
                for _ in range(5):
                    await asyncio.sleep(0)
            adapter.close()
            return found

    assert asyncio.run(ask_twice()) == [outcome] * 2
