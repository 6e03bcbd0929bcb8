"""One thread for work that would hold up the event loop, such as a disk's or a long computation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class WorkerThread:
    """Does what it is given, one thing after the other; no work keeps the process from ending."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what *work* returns on the thread. Raises what it raises."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def on_thread() -> None:
            try:
                result = work()
            except BaseException as exc:  # noqa: BLE001  # raised where it is waited for
                _hand(loop, done, exc, None)
            else:
                _hand(loop, done, None, result)

        self._work.put(on_thread)
        return await done

    def _run(self) -> None:
        while True:
            self._work.get()()


def _hand(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[T],
    error: BaseException | None,
    result: T | None,
) -> None:
    def settle() -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None may be the result

    # At a stop the loop may have ended before the work did.
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
