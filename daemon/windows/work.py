"""Count work, so that what takes long can be done in steps, with others' turns between them.

No file, no clock, no log. Steps are a generator that yields whenever much was done since it last
did, and returns the result.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]

MUCH = 1_000
"""So much work, each about a microsecond, is a step: then others have their turn."""


class Work:
    """Counts what was done since somebody had a turn."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.total = self._done = 0

    def add(self, count: int = 1) -> None:
        """Note *count* more pieces of work."""
        self.total += count
        self._done += count

    def is_much(self) -> bool:
        """Check whether it is time for a yield; if so, begin a new step."""
        if self._done < MUCH:
            return False
        self._done = 0
        return True


def result_of(steps: Steps[T]) -> T:
    """Return what *steps* come to, done without a break."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
