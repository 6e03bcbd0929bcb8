"""Match names with shell globs, at the cost of what matches and not of all patterns.

No file, no clock, no log. Names without a glob are looked up, and of the globs only those are tried
whose literal beginning, or end, a name has: ten thousand patterns cost a name a few look-ups.
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from daemon.windows.work import Work

T = TypeVar("T")

_SIGNS = re.compile(r"[*?\[\]]")

_Matches = Callable[[str], bool]


def is_glob(pattern: str) -> bool:
    """Check whether *pattern* stands for more than a name of its own."""
    return any(sign in pattern for sign in "*?[")


class Globs(Generic[T]):
    """Values by their globs; it does not change."""

    def __init__(self, items: Iterable[tuple[str, T]]) -> None:
        """Take pairs of a pattern, case-sensitive, and its value."""
        self._plain: dict[str, list[T]] = {}
        self._beginning: dict[str, list[tuple[_Matches, T]]] = {}
        self._ending: dict[str, list[tuple[_Matches, T]]] = {}
        for pattern, value in items:
            if not is_glob(pattern):
                self._plain.setdefault(pattern, []).append(value)
                continue
            beginning, *_, end = _SIGNS.split(pattern)
            if len(beginning) > len(end):
                places = self._beginning.setdefault(beginning, [])
            else:
                places = self._ending.setdefault(end, [])
            places.append((_matcher(pattern), value))
        self._begins = sorted({len(text) for text in self._beginning})
        self._ends = sorted({len(text) for text in self._ending})

    def find(self, name: str, work: Work | None = None) -> Iterator[T]:
        """Yield the values of the patterns that match *name*, one with two such patterns twice.

        What has to be tried is counted as *work*.
        """
        yield from self._plain.get(name, ())
        tried = 0
        for matches, value in self._candidates(name):
            tried += 1
            if matches(name):
                yield value
        if work:
            work.add(1 + tried)

    def _candidates(self, name: str) -> Iterator[tuple[_Matches, T]]:
        size = len(name)
        for length in self._begins[: bisect_right(self._begins, size)]:
            yield from self._beginning.get(name[:length], ())
        for length in self._ends[: bisect_right(self._ends, size)]:
            yield from self._ending.get(name[size - length :], ())


def _matcher(pattern: str) -> _Matches:
    """Return what checks whether a name matches."""
    if pattern == "*":
        return _always
    if "?" in pattern or "[" in pattern:
        # Compiled when it is needed: that takes far longer than all the rest.
        return lambda name: bool(_compiled(pattern).match(name))
    first, *middle, last = pattern.split("*")

    def matches(name: str) -> bool:
        if not (name.startswith(first) and name.endswith(last)):
            return False
        begin, end = len(first), len(name) - len(last)
        for part in middle:
            begin = name.find(part, begin, end)
            if begin < 0:
                return False
            begin += len(part)
        return begin <= end

    return matches


def _always(_name: str) -> bool:
    return True


# As many as a file may have windows: with fewer, each repository would compile them all again.
@lru_cache(maxsize=32_768)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
