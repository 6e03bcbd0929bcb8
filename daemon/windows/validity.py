"""The days on which a window may open, and the stretches of time that are worth asking a rule for.

No file, no clock, no log. What a question costs should depend on what it finds: a rule is not asked
for the years before `valid_from`, after `valid_until`, or within a long exclusion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from daemon.windows.dates import DateRange, DateSet
from daemon.windows.rules import DAY, MARGIN

_INSTANT = timedelta.resolution


@dataclass(frozen=True, slots=True)
class Validity:
    """The days from `first` to `last`, both included, but those of `closed`."""

    first: date
    last: date
    closed: DateSet

    @classmethod
    def within(
        cls,
        days: DateRange,
        valid_from: date | None,
        valid_until: date | None,
        excluded: Iterable[DateRange | DateSet],
    ) -> Validity:
        """Return the days in *days* that are valid and not *excluded*."""
        first = max(days.first, valid_from or days.first)
        last = min(days.last, valid_until or days.last)
        closed = [each for found in excluded for each in found.meeting(first, last)]
        return cls(first, last, DateSet.of(closed))

    def __contains__(self, day: date) -> bool:
        """Check whether a window may open on *day*."""
        return self.first <= day <= self.last and day not in self.closed

    def stretches(
        self, start: datetime, end: datetime, longest: timedelta
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield parts of `[start, end)` that all openings of these days meet which meet it.

        They are in order and do not overlap; *longest* is the length of the longest opening. A hole
        is left only where the days between have more openings than to look around it would find.
        """
        least = longest + 2 * MARGIN
        first = self.first
        for hole in self.closed.ranges:
            if hole.last - hole.first > least:
                yield from _stretch(first, max(hole.first, first) - DAY, start, end)
                first = min(hole.last, self.last) + DAY
        yield from _stretch(first, self.last, start, end)


def _stretch(
    first: date, last: date, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the part of `[start, end)` for what opens on the days from *first* to *last*."""
    if first > last:
        return
    begin = max(start, _midnight(first) - MARGIN)
    # What opened on these days and still goes on at the start is open then.
    until = min(end, max(_midnight(last) + DAY + MARGIN, begin + _INSTANT))
    if begin < until:
        yield begin, until


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
