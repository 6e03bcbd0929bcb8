"""Ranges and sets of dates. No clock, no file."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""The years for which recurring days are listed; both included."""


@dataclass(frozen=True, slots=True)
class DateRange:
    """Dates from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Check whether *day* is one of them."""
        return self.first <= day <= self.last

    def meeting(self, first: date, last: date) -> tuple[DateRange, ...]:
        """Return the range, if it has a day from *first* to *last*."""
        return (self,) if self.first <= last and self.last >= first else ()


@dataclass(frozen=True, slots=True)
class DateSet:
    """Many dates, as ranges that are sorted and do not touch; `of` makes them so."""

    ranges: tuple[DateRange, ...]

    @classmethod
    def of(cls, ranges: Iterable[DateRange]) -> Self:
        """Return the set of all dates in *ranges*, which may be in any order and overlap."""
        joined: list[DateRange] = []
        for each in sorted(ranges, key=lambda found: found.first):
            if joined and each.first - joined[-1].last <= timedelta(days=1):
                before = joined.pop()
                joined.append(DateRange(before.first, max(before.last, each.last)))
            else:
                joined.append(each)
        return cls(tuple(joined))

    def __contains__(self, day: date) -> bool:
        """Check whether *day* is one of them."""
        index = bisect_right(self.ranges, day, key=lambda found: found.first)
        return index > 0 and day in self.ranges[index - 1]

    def meeting(self, first: date, last: date) -> tuple[DateRange, ...]:
        """Return the ranges that have a day from *first* to *last*; the others are not visited."""
        begin = bisect_left(self.ranges, first, key=lambda found: found.last)
        return self.ranges[begin : bisect_right(self.ranges, last, key=lambda found: found.first)]
