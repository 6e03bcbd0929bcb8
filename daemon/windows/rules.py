"""One rule of a window, to its openings between two instants.

No file, no clock, no log; the only place that turns rules into time:

1. An opening is half-open, `[start, end)`, between two instants in UTC.
2. It belongs to the local date that its rule names, also where a gap moves its start.
3. `start` and `end` are wall-clock times, read as widely as they can be; `duration` is elapsed.
4. If both readings fall together the opening keeps its nominal length.
5. A rule that fires in any hour fires at every real instant, so never in a gap.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from daemon.windows import expressions
from daemon.windows.expressions import Reading
from daemon.windows.wallclock import end_instant, every_instant, exists, shows, start_instant

DAY = timedelta(days=1)
MARGIN = 2 * DAY
"""Whatever its zone, a local time read as UTC is off by less; so is any clock change."""

FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)
"""Nothing is open outside, where the calendar's own arithmetic ends."""


class DstEffect(StrEnum):
    """What a clock change did to an opening; its length goes first.

    Moved: its start or its end fell into a gap, and it is as long as its rule says. Shortened,
    lengthened: more or less time elapses between `start` and `end` than their clock times say.
    """

    MOVED = "moved"
    SHORTENED = "shortened"
    LENGTHENED = "lengthened"


@dataclass(frozen=True, slots=True)
class Interval:
    """One opening: `[start, end)` in UTC, and the local date that its rule names."""

    start: datetime
    end: datetime
    day: date
    dst: DstEffect | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """When in a day an opening begins, and its end: either on the clock or after `duration`.

    `end` counts from midnight, up to 24 hours; one before `start` is on the next day.
    """

    start: time
    end: timedelta | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse hours that are empty or without one end. Raises ValueError."""
        _check_length(self.end, self.duration)
        if self.end == _since_midnight(self.start):
            raise ValueError(
                "start and end are equal; for a whole day write duration: 24h, or 00:00 to 24:00"
            )

    @property
    def longest(self) -> timedelta:
        """No opening is longer than this, clock changes included."""
        return (self.duration or DAY) + MARGIN


@dataclass(frozen=True, slots=True)
class Weekly:
    """On some days of the week; 0 is Monday. Raises ValueError for hours that are empty."""

    days: frozenset[int]
    start: time
    end: timedelta | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Check the days and the hours."""
        if not self.days:
            raise ValueError("there is no day in days: name at least one")
        _hours(self)


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
    """On some days of every month, moved by `offset_days`. Raises ValueError as `Weekly` does."""

    on: tuple[MonthDay, ...]
    offset_days: int
    start: time
    end: timedelta | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Check the days and the hours."""
        if not self.on:
            raise ValueError("there is no day in on: name at least one")
        _hours(self)


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a crontab(5) expression, for `duration`."""

    expression: str
    duration: timedelta

    def __post_init__(self) -> None:
        """Refuse what crontab(5) does not know, and what never fires. Raises ValueError."""
        _check_length(None, self.duration)
        expressions.check_cron(self.expression)


@dataclass(frozen=True, slots=True)
class Rrule:
    """At the times of an RFC 5545 recurrence rule from `dtstart` (local) on, for `duration`.

    An hourly rule fires in both passes of a repeated hour. As in RFC 5545's own examples, a
    `dtstart` that the rule itself does not name is no opening.
    """

    rule: str
    dtstart: datetime
    duration: timedelta

    def __post_init__(self) -> None:
        """Refuse rules that are no rule, too fine, or never fire. Raises ValueError."""
        _check_length(None, self.duration)
        expressions.check_rrule(self.rule, self.dtstart)


@dataclass(frozen=True, slots=True)
class Once:
    """One opening; local times in the window's zone, or instants with an offset."""

    start: datetime
    end: datetime | None = None
    duration: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse an opening that is empty, or half local. Raises ValueError."""
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


Rule = Weekly | Monthly | Cron | Rrule | Once


def intervals(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """List the openings of *rule* in *zone* that meet `[start, end)`, sorted by start, then end.

    Each local time that the rule names gives its own: where a gap moves the first of two, both may
    start together. *start* and *end* are aware.
    """
    start, end = max(start.astimezone(UTC), FIRST), min(end.astimezone(UTC), LAST)
    if start >= end:
        return []
    found = _candidates(rule, zone, start, end)
    meeting = [each for each in found if each.start < end and each.end > start]
    return sorted(meeting, key=lambda each: (each.start, each.end, each.day))


def _candidates(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
    """Yield at least the openings that meet `[start, end)`."""
    match rule:
        case Weekly() | Monthly():
            hours = _hours(rule)
            for day in _days(rule, start - hours.longest, end + MARGIN):
                yield _on_day(day, hours, zone)
        case Cron() | Rrule():
            reading = _reading(rule)
            for local in _locals(rule, zone, start - rule.duration - MARGIN, end + MARGIN):
                yield from _for_duration(local, rule.duration, reading, zone)
        case Once():
            yield _once(rule, zone)
        case _:
            assert_never(rule)


def _days(rule: Weekly | Monthly, start: datetime, end: datetime) -> Iterator[date]:
    if isinstance(rule, Monthly):
        yield from _month_dates(rule, start, end)
        return
    day = start.date()
    while day <= end.date():
        if day.weekday() in rule.days:
            yield day
        day += DAY


def _month_dates(rule: Monthly, start: datetime, end: datetime) -> Iterator[date]:
    offset = timedelta(days=rule.offset_days)
    first, last = start.date() - offset, end.date() - offset
    month = first.replace(day=1)
    while month <= last:
        # Two descriptions may mean one day.
        for day in {on.in_month(month.year, month.month) for on in rule.on}:
            if day:
                yield day + offset
        month = (month + 31 * DAY).replace(day=1)


def _on_day(day: date, hours: Hours, zone: ZoneInfo) -> Interval:
    local = datetime.combine(day, hours.start)
    if hours.end is None:
        return _lasting(local, hours.duration or DAY, zone)
    local_end = datetime.combine(day, time()) + hours.end
    return _between(local, local_end if local_end > local else local_end + DAY, zone)


def _lasting(local: datetime, duration: timedelta, zone: ZoneInfo) -> Interval:
    start = start_instant(local, zone)
    dst = None if shows(start, local, zone) else DstEffect.MOVED
    return Interval(start, start + duration, local.date(), dst)


def _between(local: datetime, local_end: datetime, zone: ZoneInfo) -> Interval:
    start, end = start_instant(local, zone), end_instant(local_end, zone)
    nominal = local_end - local
    if end <= start:
        return Interval(start, start + nominal, local.date(), DstEffect.MOVED)
    return Interval(start, end, local.date(), _effect(local, local_end, end - start, zone))


def _effect(
    local: datetime, local_end: datetime, elapsed: timedelta, zone: ZoneInfo
) -> DstEffect | None:
    nominal = local_end - local
    if elapsed < nominal:
        return DstEffect.SHORTENED
    if elapsed > nominal:
        return DstEffect.LENGTHENED
    return None if exists(local, zone) and exists(local_end, zone) else DstEffect.MOVED


def _locals(
    rule: Cron | Rrule, zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[datetime]:
    """Yield the local times that a rule names between two instants, if these are wide enough."""
    earliest, latest = start.replace(tzinfo=None), end.replace(tzinfo=None)
    match rule:
        case Cron():
            return expressions.cron_times(rule.expression, earliest, latest)
        case Rrule():
            return expressions.rrule_times(rule.rule, rule.dtstart, zone, earliest, latest)
        case _:
            assert_never(rule)


def _for_duration(
    local: datetime, duration: timedelta, reading: Reading, zone: ZoneInfo
) -> Iterator[Interval]:
    """Yield the openings that begin when clocks show *local*: none, one or two."""
    found = [] if reading is Reading.NAMED else every_instant(local, zone)
    for start in found:
        yield Interval(start, start + duration, local.date())
    if not found and reading is not Reading.REAL:
        yield _lasting(local, duration, zone)


def _reading(rule: Cron | Rrule) -> Reading:
    match rule:
        case Cron():
            return expressions.cron_reading(rule.expression)
        case Rrule():
            return expressions.rrule_reading(rule.rule)
        case _:
            assert_never(rule)


def _once(rule: Once, zone: ZoneInfo) -> Interval:
    if rule.start.tzinfo is not None:
        start = rule.start.astimezone(UTC)
        end = rule.end.astimezone(UTC) if rule.end else start + (rule.duration or DAY)
        return Interval(start, end, start.astimezone(zone).date())
    if rule.end is None:
        return _lasting(rule.start, rule.duration or DAY, zone)
    return _between(rule.start, rule.end, zone)


def _hours(rule: Weekly | Monthly) -> Hours:
    return Hours(rule.start, rule.end, rule.duration)


def _check_length(end: object, duration: timedelta | None) -> None:
    if (end is None) is (duration is None):
        raise ValueError("give either an end or a duration")
    if duration is not None and duration <= timedelta(0):
        raise ValueError("the duration is not longer than nothing")


def _since_midnight(at: time) -> timedelta:
    return timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )
