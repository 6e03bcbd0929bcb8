"""Looking up names: a resolver that hangs for one name is no other name's trouble."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from daemon.host.event_loop import GIVE_WAY_EVERY, RESOLVERS, EventLoop, giving_way, in_turns

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


def test_a_name_that_hangs_keeps_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is given up and asked again; another name is found meanwhile."""
    answered, asked = threading.Event(), Counter[str]()

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked[host] += 1
        if host == "hangs.example":
            answered.wait(60)
        return FOUND

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def act(loop: EventLoop) -> list[Any]:
        for _ in range(2 * RESOLVERS):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await loop.getaddrinfo("hangs.example", 80)
        found = await loop.getaddrinfo("other.example", 80)
        answered.set()
        return found + await loop.getaddrinfo("hangs.example", 80)

    loop = EventLoop()
    try:
        found = loop.run_until_complete(act(loop))
    finally:
        answered.set()
        loop.close()

    assert found == FOUND * 2
    assert asked == {"hangs.example": 1, "other.example": 1}


def test_a_failure_is_everybodys_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each who waits for a name hears that it is unknown; the next one asks anew."""
    asked = Counter[str]()

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked[host] += 1
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    loop = EventLoop()

    async def ask() -> list[BaseException | list[Any]]:
        lookups = (loop.getaddrinfo("gone.example", 80) for _ in range(3))
        return await asyncio.gather(*lookups, return_exceptions=True)

    try:
        first, second = loop.run_until_complete(ask()), loop.run_until_complete(ask())
    finally:
        loop.close()

    assert all(isinstance(each, socket.gaierror) for each in first + second)
    assert asked["gone.example"] == 2


def turns_beside(work: Callable[[], Coroutine[Any, Any, list[int]]]) -> tuple[list[int], int]:
    """Return what *work* returns, and how many turns another task had meanwhile."""

    async def act() -> tuple[list[int], int]:
        done = asyncio.create_task(work())
        turns = 0
        while not done.done():
            turns += 1
            await asyncio.sleep(0)
        return await done, turns

    return asyncio.run(act())


def test_steps_leave_others_their_turns() -> None:
    """Whatever waits for the loop has a turn between two steps, and the result is the same."""

    def steps() -> Generator[None, None, list[int]]:
        for _ in range(50):
            yield
        return [7]

    found, turns = turns_beside(lambda: in_turns(steps()))

    assert found == [7]
    assert turns >= 50


def test_a_long_list_is_gone_through_in_turns() -> None:
    """Every few hundred items of it others have a turn; a short one is gone through at once."""

    async def through(count: int) -> list[int]:
        return [item async for item in giving_way(range(count))]

    found, turns = turns_beside(lambda: through(20 * GIVE_WAY_EVERY))
    _, few = turns_beside(lambda: through(GIVE_WAY_EVERY - 1))

    assert found == list(range(20 * GIVE_WAY_EVERY))
    assert turns >= 20 > few
