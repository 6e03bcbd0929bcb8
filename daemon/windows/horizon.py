"""The openings of some windows between two instants, in an order in which questions find them.

No file, no clock, no log. A question costs what it finds and a few searches, however many openings
there are. All that is sorted is sorted in small parts: on a thread beside an event loop, one long
call of the standard library would hold up the loop as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import TypeVar

from daemon.windows.window import Opening

T = TypeVar("T")

MOST_RUNS = 300_000
"""How many runs are remembered together."""

_PART_S = 3600


@dataclass(frozen=True, slots=True)
class _Alike:
    """Openings of similar length, sorted by `pauses`: from when each is paused for."""

    longest: timedelta
    pauses: Sequence[datetime]
    openings: Sequence[Opening]

    def near(self, since: datetime, until: datetime) -> Iterator[Opening]:
        first = bisect_right(self.pauses, since - self.longest)
        found = self.openings[first : bisect_right(self.pauses, until)]
        return (opening for opening in found if opening.end > since)


@dataclass(frozen=True, slots=True)
class Runs:
    """From when to when something is held without a break, in order."""

    begins: Sequence[datetime]
    ends: Sequence[datetime]

    def end_of(self, at: datetime) -> datetime | None:
        """Return the end of the last run that began by *at*."""
        index = bisect_right(self.begins, at)
        return self.ends[index - 1] if index else None


class Horizon:
    """The openings that hold something between two instants, and the edges of all of them.

    It does not change, but for runs that it remembers.
    """

    def __init__(
        self, start: datetime, end: datetime, of_window: Mapping[str, Sequence[Opening]]
    ) -> None:
        """Sort the openings of each window."""
        self.start, self.end = start, end
        self._of_window = of_window
        edges: dict[datetime, None] = {}
        alike: dict[int, list[Opening]] = {}
        for opening in chain.from_iterable(of_window.values()):
            edges[opening.pause_from] = edges[opening.start] = edges[opening.end] = None
            length = int((opening.end - opening.pause_from).total_seconds())
            alike.setdefault(length.bit_length() // 2, []).append(opening)
        self._edges = [edge for edge in _in_order(edges, _itself) if start <= edge < end]
        self._alike = [_sorted_alike(found) for found in alike.values()]
        self._runs: dict[int, tuple[tuple[str, ...], datetime, Runs]] = {}
        self._remembered = 0

    def covers(self, start: datetime, end: datetime) -> bool:
        """Check whether it has all openings from *start* to *end*."""
        return self.start <= start and end <= self.end

    def edge_after(self, now: datetime) -> datetime | None:
        """Return the first edge after *now*; None if there is none before the end."""
        index = bisect_right(self._edges, now)
        return self._edges[index] if index < len(self._edges) else None

    def between_edges(self, now: datetime) -> tuple[datetime, datetime]:
        """Return `[since, until)` around *now*, within the horizon, in which no edge lies."""
        index = bisect_right(self._edges, now)
        since = self._edges[index - 1] if index else self.start
        return since, self._edges[index] if index < len(self._edges) else self.end

    def near(self, since: datetime, until: datetime) -> list[Opening]:
        """Return the openings that end after *since* and for which pauses begin by *until*."""
        return [opening for alike in self._alike for opening in alike.near(since, until)]

    def runs(self, names: tuple[str, ...], merge_gap: timedelta, limit: datetime) -> Runs:
        """Return the runs of openings of the windows *names* that are paused for before *limit*.

        Gaps shorter than *merge_gap* do not end a run. The answer is remembered for *names* as an
        object: to hash thousands of names for each repository would take longer than the search.
        """
        known = self._runs.get(id(names))
        if known is None or known[0] is not names or known[1] != limit:
            found = chain.from_iterable(self._of_window.get(name, ()) for name in names)
            mine = (opening for opening in found if opening.pause_from < limit)
            known = names, limit, _joined(mine, merge_gap)
            if self._remembered > MOST_RUNS:
                self._remembered, self._runs = 0, {}
            self._remembered += len(known[2].begins) + 1
            self._runs[id(names)] = known
        return known[2]


def _joined(openings: Iterable[Opening], merge_gap: timedelta) -> Runs:
    begins: list[datetime] = []
    ends: list[datetime] = []
    least = max(merge_gap, timedelta.resolution)
    for opening in _in_order(openings, attrgetter("pause_from")):
        if not ends or opening.pause_from - ends[-1] >= least:
            begins.append(opening.pause_from)
            ends.append(opening.end)
        else:
            ends[-1] = max(ends[-1], opening.end)
    return Runs(begins, ends)


def _sorted_alike(openings: Iterable[Opening]) -> _Alike:
    ordered = list(_in_order(openings, attrgetter("pause_from")))
    longest = max(opening.end - opening.pause_from for opening in ordered)
    return _Alike(longest, [opening.pause_from for opening in ordered], ordered)


def _in_order(items: Iterable[T], key: Callable[[T], datetime]) -> Iterator[T]:
    """Yield *items* sorted, an hour of them after the other."""
    parts: dict[int, list[T]] = {}
    for item in items:
        parts.setdefault(int(key(item).timestamp()) // _PART_S, []).append(item)
    for part in sorted(parts):
        yield from sorted(parts[part], key=key)


def _itself(at: datetime) -> datetime:
    return at
