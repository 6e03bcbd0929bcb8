"""One thread for slow work: what it is given is done in turn, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest

from daemon.host.thread import WorkerThread

PATIENCE_S = 10.0


def test_work_is_done_in_turn_on_one_thread() -> None:
    """Whoever waits gets the result of their own work, in the order in which it was given."""
    done: list[tuple[int, str]] = []

    def work(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    async def act() -> list[int]:
        thread = WorkerThread("slow")
        return await asyncio.gather(*(thread.run(lambda n=n: work(n)) for n in range(5)))  # type: ignore[misc]

    assert asyncio.run(act()) == list(range(5))
    assert done == [(number, "slow") for number in range(5)]


def test_the_loop_goes_on_meanwhile() -> None:
    """Work that waits for the loop comes to its end: the loop is not held up by it."""
    let = threading.Event()

    async def act() -> bool:
        working = asyncio.create_task(WorkerThread("slow").run(lambda: let.wait(PATIENCE_S)))
        await asyncio.sleep(0)
        let.set()
        return await working

    assert asyncio.run(act())


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    """Whatever ends a piece of work is its own: it is raised to who waits, the thread goes on."""

    def fail() -> None:
        raise LookupError

    async def act() -> int:
        thread = WorkerThread("slow")
        with pytest.raises(LookupError):
            await thread.run(fail)
        return await thread.run(lambda: 1)

    assert asyncio.run(act()) == 1


def test_who_no_longer_waits_does_no_harm() -> None:
    """A result for somebody who has stopped waiting is dropped, also after the loop has ended."""
    let, over = threading.Event(), threading.Event()
    faults: list[dict[str, object]] = []

    async def act(thread: WorkerThread) -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        waiting = asyncio.create_task(thread.run(lambda: let.wait(PATIENCE_S)))
        await asyncio.sleep(0)
        waiting.cancel()
        let.set()
        return await thread.run(lambda: 2)

    async def leave(thread: WorkerThread) -> None:
        let.clear()
        waiting = asyncio.create_task(thread.run(lambda: let.wait(PATIENCE_S)))
        await asyncio.sleep(0)
        del waiting

    thread = WorkerThread("slow")
    found = asyncio.run(act(thread))
    asyncio.run(leave(thread))
    let.set()

    async def check() -> None:
        await thread.run(over.set)

    asyncio.run(check())
    assert (found, over.is_set(), faults) == (2, True, [])
