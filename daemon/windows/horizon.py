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
from daemon.windows.work import Steps, Work

T = TypeVar("T")

MOST_FOLLOWED = 100_000
"""For how many sets of windows it is remembered how long they are open without a break."""

_PART_S = 3600
_LOOKS_A_STEP = 50


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
        self._runs: dict[tuple[str, datetime], Runs] = {}
        self._joined: set[datetime] = set()
        self._followed: dict[int, tuple[tuple[str, ...], datetime, datetime, datetime]] = {}

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

    def join(self, merge_gap: timedelta, limit: datetime) -> None:
        """Compute the runs of all windows, so that `end_of_run` finds them."""
        if limit not in self._joined:
            for window in self._of_window:
                self._runs_of(window, merge_gap, limit)
            self._joined.add(limit)

    def end_of_run(
        self,
        names: tuple[str, ...],
        end: datetime,
        merge_gap: timedelta,
        limit: datetime,
        work: Work,
    ) -> Steps[datetime]:
        """Return until when openings of *names* follow one that ends at *end* without a break.

        Gaps shorter than *merge_gap* are none, and openings that are paused for from *limit* on do
        not count. The answer is remembered for *names* as an object: to hash thousands of names for
        each repository would take longer than the search.
        """
        known = self._followed.get(id(names))
        if known and known[0] is names and known[1] == limit and known[2] <= end <= known[3]:
            return known[3]
        work.add(len(names))
        runs = [found for name in names if (found := self._runs_of(name, merge_gap, limit)).ends]
        least = max(merge_gap, timedelta.resolution) - timedelta.resolution
        until = yield from _followed(runs, end, least, work)
        if len(self._followed) >= MOST_FOLLOWED:
            self._followed = {}
        self._followed[id(names)] = names, limit, end, until
        return until

    def _runs_of(self, window: str, merge_gap: timedelta, limit: datetime) -> Runs:
        """Return the runs of openings of a window that are paused for before *limit*."""
        known = self._runs.get((window, limit))
        if known is None:
            mine = (o for o in self._of_window.get(window, ()) if o.pause_from < limit)
            known = self._runs[window, limit] = _joined(mine, merge_gap)
        return known


def _followed(runs: Sequence[Runs], end: datetime, least: timedelta, work: Work) -> Steps[datetime]:
    """Return until when *runs* follow each other without a break from *end* on."""
    while True:
        later = end
        for number, each in enumerate(runs, start=1):
            found = each.end_of(end + least)
            if found is not None and found > later:
                later = found
            if number % _LOOKS_A_STEP == 0:
                work.add(_LOOKS_A_STEP)
                if work.is_much():
                    yield
        work.add(len(runs) % _LOOKS_A_STEP)
        if work.is_much():
            yield
        if later == end:
            return end
        end = later


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
