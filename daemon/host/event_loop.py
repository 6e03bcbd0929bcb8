"""The event loop of the daemon: asyncio's own, with one look-up of a name at a time.

Long computations give way on it: see `in_turns` and `giving_way`.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

GIVE_WAY_EVERY = 200
"""After how many items of a long list others have their turn."""

RESOLVERS = 5
"""How many names are looked up at once; addresses need no looking up.

With all others that is twelve threads, however many clusters there are.
"""


_Asked = tuple[tuple[Any, ...], frozenset[tuple[str, Any]]]


class EventLoop(asyncio.SelectorEventLoop):
    """An event loop on which a name that nobody resolves keeps no more than one thread.

    A look-up cannot be interrupted. Whoever gives up waiting leaves its thread behind, and calls
    that are sent again would soon leave none for other names.
    """

    def __init__(self) -> None:
        """Start no thread yet."""
        super().__init__()
        self._lookups: dict[_Asked, asyncio.Task[list[Any]]] = {}
        self.set_default_executor(ThreadPoolExecutor(RESOLVERS, "resolver"))

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Look up a name, together with everybody who waits for the same. Raises: OSError."""
        asked = (args, frozenset(kwargs.items()))
        lookup = self._lookups.get(asked)
        if lookup is None:
            lookup = self._lookups[asked] = self.create_task(super().getaddrinfo(*args, **kwargs))
            lookup.add_done_callback(lambda done: self._forget(asked, done))
        return await asyncio.shield(lookup)

    def _forget(self, asked: _Asked, lookup: asyncio.Task[list[Any]]) -> None:
        del self._lookups[asked]
        if not lookup.cancelled():
            # Nobody may be waiting for it any more.
            lookup.exception()


async def in_turns(steps: Generator[None, None, T]) -> T:
    """Return what *steps* return; whatever else waits for the loop has its turn between two."""
    return await _awaited(steps)


@types.coroutine
def _awaited(steps: Generator[None, None, T]) -> Generator[None, None, T]:
    # A bare yield is what asyncio.sleep(0) does. Tasks take no such generator from Python 3.12 on.
    return (yield from steps)


async def giving_way(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield *items*; whatever else waits for the loop has its turn every few hundred of them."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % GIVE_WAY_EVERY == 0:
            await asyncio.sleep(0)
