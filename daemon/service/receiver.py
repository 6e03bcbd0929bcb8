"""What the connections of a thread share: the buffer that takes what comes, and a bound on it."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

LARGE: Final = 1024 * 1024
LARGE_TOGETHER: Final = 64 * LARGE
"""How many bytes of answers are kept at once, of those that are larger than `LARGE`: room for
100,000 repositories, and a bound for any number of hostile clusters."""


class LargeAnswers:
    """The large answers that are kept; where they are too much, the largest is given up.

    Nobody waits for room: a server that dribbles would hold the others. An answer takes up room
    until it is forgotten, also while it is read.
    """

    def __init__(self, most: int = LARGE_TOGETHER) -> None:
        """Keep *most* bytes."""
        self._most = most
        self._sizes: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._give_up: WeakKeyDictionary[object, Callable[[], None]] = WeakKeyDictionary()

    def grow(self, answer: object, size: int, give_up: Callable[[], None]) -> None:
        """Note that *answer*, which is still coming, has *size* bytes."""
        self._sizes[answer], self._give_up[answer] = size, give_up
        while sum(self._sizes.values()) > self._most:
            largest = max(self._give_up, key=self._sizes.__getitem__)
            give_up = self._give_up[largest]
            self.forget(largest)
            give_up()

    def complete(self, answer: object) -> None:
        """Note that *answer* is whole: it is going to be read, and then forgotten."""
        self._give_up.pop(answer, None)

    def forget(self, answer: object) -> None:
        """Note that *answer* has failed: nobody reads it."""
        self._sizes.pop(answer, None)
        self._give_up.pop(answer, None)


class _Shared(threading.local):
    """Of each thread, since each may have an event loop."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(64 * 1024))
        self.large_answers = LargeAnswers()


_SHARED: Final = _Shared()


def large_answers() -> LargeAnswers:
    """Return those of this thread."""
    return _SHARED.large_answers


class Receiver(asyncio.BufferedProtocol):
    """A protocol that is given bytes, without a new buffer of 256 KiB for each piece.

    asyncio makes one for protocols that are not buffered, and cuts it down to what came: with the
    answer to a POST that takes longer than to read it.
    """

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take a piece of what comes."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next piece goes; it is taken from there before another one comes."""
        del sizehint
        return _SHARED.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take the piece out of the buffer."""
        self.data_received(bytes(_SHARED.buffer[:nbytes]))
