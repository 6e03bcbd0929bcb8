"""The kinds of rules of a window: each lists its openings between two instants.

No file, no clock, no log. A new kind is one more class here with the methods of `Rule`, and its
section in `config/rules.py`.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from daemon.windows import expressions
from daemon.windows.interval import Interval, between, fired, lasting
from daemon.windows.recurrence.openings import openings
from daemon.windows.recurrence.reader import read_rrule
from daemon.windows.recurrence.rule import Recurrence
from daemon.windows.wallclock import EARLIEST, LATEST

DAY = timedelta(days=1)
MARGIN = 2 * DAY
"""Whatever its zone, a local time read as UTC is off by less; so is any clock change."""

FIRST, LAST = EARLIEST.replace(tzinfo=UTC), LATEST.replace(tzinfo=UTC)


class Rule(Protocol):
    """When a window opens: a frozen value that is valid from the moment it is made."""

    @property
    def longest(self) -> timedelta:
        """How long an opening is at most, but for clocks that change: they add up to a day."""

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterable[Interval]:
        """Yield at least the openings in *zone* that meet `[start, end)`, which are in UTC."""


def intervals(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """Return the openings of *rule* in *zone* that meet `[start, end)`, sorted by start, then end.

    Each local time that the rule names has its own: where a gap moves the first of two, both may
    start at once. *start* and *end* are aware.
    """
    start, end = max(start.astimezone(UTC), FIRST), min(end.astimezone(UTC), LAST)
    if start >= end:
        return []
    found = rule.candidates(zone, start, end)
    meeting = [each for each in found if each.start < end and each.end > start]
    return sorted(meeting, key=lambda each: (each.start, each.end, each.day))


@dataclass(frozen=True, slots=True)
class WeekdayEnd:
    """An end on a named day, the next after that of the start: one to seven days on; 0 is Monday.

    `at` counts from its midnight, up to 24 hours.
    """

    weekday: int
    at: timedelta

    def after(self, day: date) -> timedelta:
        """Return the end of what opens on *day*, counted from the midnight of that day."""
        return ((self.weekday - day.weekday()) % 7 or 7) * DAY + self.at


ClockEnd = timedelta | WeekdayEnd
"""An end on the clock: of some weekday, or counted from the midnight of the start's day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When in a day an opening begins, and its end: either on the clock or after `duration`.

    An `end` of at most 24 hours that is before `start` is on the next day.
    """

    start: time
    end: ClockEnd | None
    duration: timedelta | None

    def __post_init__(self) -> None:
        """Raise ValueError for hours that are empty, or that have no end or two."""
        _check_length(self.end, self.duration)
        if self.end == _since_midnight(self.start):
            raise ValueError(
                "start and end are equal; for a whole day write duration: 24h, or 00:00 to 24:00"
            )

    @property
    def longest(self) -> timedelta:
        """How long an opening is at most, by the clock: clocks that change add to it."""
        if isinstance(self.end, WeekdayEnd):
            return 7 * DAY + self.end.at
        return self.duration or max(self.end or DAY, DAY)

    def days(self, start: datetime, end: datetime) -> tuple[date, date]:
        """Return the first and the last day whose openings may meet `[start, end)`."""
        return (start - self.longest - MARGIN).date(), (end + MARGIN).date()

    def on(self, day: date, zone: ZoneInfo) -> Interval:
        """Return the opening of a day."""
        local = datetime.combine(day, self.start)
        if self.end is None:
            return lasting(local, self.duration or DAY, zone)
        end = self.end.after(day) if isinstance(self.end, WeekdayEnd) else self.end
        local_end = datetime.combine(day, time()) + end
        return between(local, local_end if local_end > local else local_end + DAY, zone)


@dataclass(frozen=True, slots=True)
class Weekly:
    """On some days of the week; 0 is Monday."""

    days: frozenset[int]
    start: time
    end: ClockEnd | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for no days, or for hours that are empty."""
        if not self.days:
            raise ValueError("there is no day in days: name at least one")
        self._hours()

    @property
    def longest(self) -> timedelta:
        """How long an opening is at most, by the clock."""
        return self._hours().longest

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the openings of each of these days."""
        hours = self._hours()
        day, last = hours.days(start, end)
        while day <= last:
            if day.weekday() in self.days:
                yield hours.on(day, zone)
            day += DAY

    def _hours(self) -> Hours:
        return Hours(self.start, self.end, self.duration)


@dataclass(frozen=True, slots=True)
class DayNumber:
    """A day of the month, 1 to 31, or counted from its end, -1 to -31."""

    n: int

    def in_month(self, year: int, month: int) -> date | None:
        """Return the date; None where the month does not have it."""
        length = calendar.monthrange(year, month)[1]
        number = self.n if self.n > 0 else length + 1 + self.n
        return date(year, month, number) if 1 <= number <= length else None


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The first to fourth (1 to 4) or last (-1) of a weekday in the month; 0 is Monday."""

    n: int
    weekday: int

    def in_month(self, year: int, month: int) -> date | None:
        """Return the date; None where the month does not have it."""
        days = [week[self.weekday] for week in calendar.monthcalendar(year, month)]
        found = [day for day in days if day]
        index = self.n - 1 if self.n > 0 else self.n
        return date(year, month, found[index]) if index < len(found) else None


MonthDay = DayNumber | NthWeekday


@dataclass(frozen=True, slots=True)
class Monthly:
    """On some days of every month, moved by `offset_days`."""

    on: tuple[MonthDay, ...]
    offset_days: int
    start: time
    end: ClockEnd | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for no days, or for hours that are empty."""
        if not self.on:
            raise ValueError("there is no day in on: name at least one")
        self._hours()

    @property
    def longest(self) -> timedelta:
        """How long an opening is at most, by the clock."""
        return self._hours().longest

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the openings of each of these days, month by month."""
        hours, offset = self._hours(), timedelta(days=self.offset_days)
        first, last = (day - offset for day in hours.days(start, end))
        month = first.replace(day=1)
        while month <= last:
            # Two descriptions may mean one day.
            for day in {on.in_month(month.year, month.month) for on in self.on}:
                if day:
                    yield hours.on(day + offset, zone)
            month = (month + 31 * DAY).replace(day=1)

    def _hours(self) -> Hours:
        return Hours(self.start, self.end, self.duration)


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a crontab(5) expression, for `duration`."""

    expression: str
    duration: timedelta

    def __post_init__(self) -> None:
        """Raise ValueError for what crontab(5) does not know, and for what never fires."""
        _check_length(None, self.duration)
        expressions.check_cron(self.expression)

    @property
    def longest(self) -> timedelta:
        """How long each opening is."""
        return self.duration

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield an opening for each time at which the expression fires."""
        earliest, latest = _local_bounds(start, end, self.duration)
        times = expressions.cron_times(self.expression, earliest, latest)
        return fired(times, self.duration, expressions.cron_reading(self.expression), zone)


@dataclass(frozen=True, slots=True)
class Rrule:
    """At the times of an RFC 5545 recurrence rule from `dtstart` (local) on, for `duration`.

    An hourly rule fires in both passes of a repeated hour. As in RFC 5545's own examples, a
    `dtstart` that the rule itself does not name is no opening, and does not count as one.
    """

    rule: str
    dtstart: datetime
    duration: timedelta
    recurrence: Recurrence = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError for what RFC 5545 does not know, is too fine, or never fires."""
        _check_length(None, self.duration)
        object.__setattr__(self, "recurrence", read_rrule(self.rule, self.dtstart))

    @property
    def longest(self) -> timedelta:
        """How long each opening is."""
        return self.duration

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterable[Interval]:
        """Return an opening for each instance of the rule."""
        earliest, latest = _local_bounds(start, end, self.duration)
        return openings(self.recurrence, self.duration, zone, earliest, latest)


@dataclass(frozen=True, slots=True)
class Once:
    """One opening; local times in the window's zone, or instants with an offset."""

    start: datetime
    end: datetime | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an opening that is empty, or half local."""
        _check_length(self.end, self.duration)
        if self.end is None:
            return
        if (self.start.tzinfo is None) is not (self.end.tzinfo is None):
            raise ValueError("start and end differ in kind: give both an offset, or neither")
        # The same for local times; for instants, two that share a zone compare by wall clock.
        start, end = (
            at if at.tzinfo is None else at.astimezone(UTC) for at in (self.start, self.end)
        )
        if end <= start:
            raise ValueError("the end is not after the start")

    @property
    def longest(self) -> timedelta:
        """How long the opening is, by the clock."""
        return self.duration or (self.end - self.start if self.end else DAY)

    def candidates(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:  # noqa: ARG002  # it is the same wherever one looks
        """Yield the opening."""
        if self.start.tzinfo is not None:
            begin = self.start.astimezone(UTC)
            until = self.end.astimezone(UTC) if self.end else begin + (self.duration or DAY)
            yield Interval(begin, until, begin.astimezone(zone).date())
        elif self.end is None:
            yield lasting(self.start, self.duration or DAY, zone)
        else:
            yield between(self.start, self.end, zone)


def _local_bounds(start: datetime, end: datetime, duration: timedelta) -> tuple[datetime, datetime]:
    """Return local times wide enough for what lasts *duration* and meets `[start, end)`."""
    earliest, latest = start - duration - MARGIN, end + MARGIN
    return earliest.replace(tzinfo=None), latest.replace(tzinfo=None)


def _check_length(end: object, duration: timedelta | None) -> None:
    if (end is None) is (duration is None):
        raise ValueError("give either an end or a duration")
    if duration is not None and duration <= timedelta(0):
        raise ValueError("the duration is not longer than nothing")


def _since_midnight(at: time) -> timedelta:
    return timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )
