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

from daemon.service.adapter import IDLE_AT_MOST, Adapter, Written
from daemon.service.cluster import Timeouts

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
MOMENT = timedelta(milliseconds=100)


async def with_server(act: Callable[[Adapter, str], Awaitable[None]]) -> int:
    """Have a server that keeps its connections; return how many were made to it."""
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            while await reader.readline():
                await reader.readuntil(b"\r\n\r\n")
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
