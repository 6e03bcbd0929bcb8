"""One rule of a window, to its openings between two instants.

No file, no clock, no log; the only place that turns rules into time:

1. An opening is half-open, `[start, end)`, between two instants in UTC.
2. It belongs to the local date that its rule names, also where a gap moves its start.
3. `start` and `end` are wall-clock times, read as widely as they can be; `duration` is elapsed.
4. If both readings fall together the opening keeps its nominal length.
"""

from __future__ import annotations

import calendar
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import dropwhile, takewhile
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from dateutil import rrule as rfc5545

from daemon.wallclock import end_instant, every_instant, exists, start_instant

DAY = timedelta(days=1)
MARGIN = 2 * DAY
"""Whatever its zone, a local time read as UTC is off by less; so is any clock change."""

HORIZON = timedelta(days=366 * 60)
"""How far from its `from` an RRULE is followed: our own bound, the library's is the year 9999."""


_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)


class DstEffect(StrEnum):
    """What a clock change did to an opening."""

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
        """Refuse hours that are empty. Raises ValueError."""
        if self.end is not None and self.end == _since_midnight(self.start):
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
        """Check the hours."""
        _hours(self)


@dataclass(frozen=True, slots=True)
class DayNumber:
    """A day of the month, 1 to 31, or counted from its end, -1 to -31."""

    n: int

    def in_month(self, year: int, month: int) -> date | None:
        """Give the date; None where the month does not have it."""
        length = calendar.monthrange(year, month)[1]
        number = self.n if self.n > 0 else length + 1 + self.n
        return date(year, month, number) if 1 <= number <= length else None


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The first to fourth (1 to 4) or last (-1) of a weekday in the month; 0 is Monday."""

    n: int
    weekday: int

    def in_month(self, year: int, month: int) -> date | None:
        """Give the date; None where the month does not have it."""
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
        """Check the hours."""
        _hours(self)


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a crontab(5) expression, for `duration`."""

    expression: str
    duration: timedelta

    def __post_init__(self) -> None:
        """Refuse what crontab(5) does not know, and what never fires. Raises ValueError."""
        if len(self.expression.split()) != 5:  # noqa: PLR2004  # minute hour day month weekday
            raise ValueError("a cron expression has five fields: minute hour day month weekday")
        try:
            next(CronSim(self.expression, datetime(2000, 1, 1)))  # noqa: DTZ001  # local time
        except (CronSimError, StopIteration) as exc:
            raise ValueError(f"not a cron expression that ever fires ({exc!s})") from exc


@dataclass(frozen=True, slots=True)
class Rrule:
    """At the times of an RFC 5545 recurrence rule from `dtstart` (local) on, for `duration`."""

    rule: str
    dtstart: datetime
    duration: timedelta

    def __post_init__(self) -> None:
        """Refuse rules that are no rule, too fine, or never fire. Raises ValueError."""
        parts = dict(part.partition("=")[::2] for part in self.rule.upper().split(";"))
        if parts.get("FREQ") in {"SECONDLY", "MINUTELY"}:
            raise ValueError(f"FREQ={parts['FREQ']} is too fine; HOURLY is the finest")
        if parts.get("INTERVAL") == "0":
            raise ValueError("INTERVAL=0 never moves on; it must be 1 or more")
        first = next(iter(_occurrences(self, ZoneInfo("UTC"))), None)
        if first is None:
            raise ValueError("this rule never fires")


@dataclass(frozen=True, slots=True)
class Once:
    """One opening; local times in the window's zone, or instants with an offset."""

    start: datetime
    end: datetime | None = None
    duration: timedelta | None = None


Rule = Weekly | Monthly | Cron | Rrule | Once


def intervals(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> list[Interval]:
    """List the openings of *rule* in *zone* that meet `[start, end)`, sorted by start.

    The one place that knows when a window is open; *start* and *end* are aware.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    found = {interval.start: interval for interval in _candidates(rule, zone, start, end)}
    return [
        found[key] for key in sorted(found) if found[key].start < end and found[key].end > start
    ]


def _candidates(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Interval]:
    match rule:
        case Weekly() | Monthly():
            hours = _hours(rule)
            for day in _days(rule, start - hours.longest, end + MARGIN):
                yield _on_day(day, hours, zone)
        case Cron() | Rrule():
            for local in _locals(rule, zone, start - rule.duration - MARGIN, end + MARGIN):
                yield from _for_duration(rule, local, zone)
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
        for on in rule.on:
            day = on.in_month(month.year, month.month)
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
    dst = None if exists(local, zone) else DstEffect.MOVED
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
    """List the local times that a rule names, from *start* to *end* in any zone."""
    earliest, latest = _naive(start), _naive(end)
    named: Iterable[datetime]
    if isinstance(rule, Cron):
        named = CronSim(rule.expression, earliest)
    else:
        named = dropwhile(lambda at: at < earliest, _occurrences(rule, zone))
    return takewhile(lambda at: at <= latest, named)


def _for_duration(rule: Cron | Rrule, local: datetime, zone: ZoneInfo) -> Iterator[Interval]:
    """Give the openings that begin when clocks show *local*: two, where each hour counts."""
    if _is_hourly(rule):
        for start in every_instant(local, zone):
            yield Interval(start, start + rule.duration, local.date())
    else:
        yield _lasting(local, rule.duration, zone)


def _is_hourly(rule: Cron | Rrule) -> bool:
    match rule:
        case Cron(expression=expression):
            return expression.split()[1].startswith("*")
        case Rrule(rule=text):
            return "FREQ=HOURLY" in text.upper()
        case _:
            assert_never(rule)


@lru_cache(maxsize=4096)
def _occurrences(rule: Rrule, zone: ZoneInfo) -> rfc5545.rrule:
    """Build the library's rule on local times, within our bound."""
    text = _UNTIL.sub(lambda found: _local_until(found[1], zone), rule.rule)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = rfc5545.rrulestr(text, dtstart=rule.dtstart)
    except (ValueError, TypeError, KeyError, AttributeError, Warning) as exc:
        raise ValueError(f"not an RFC 5545 rule ({exc})") from exc
    if not isinstance(parsed, rfc5545.rrule):
        raise ValueError("write one rule alone, without DTSTART or EXDATE")  # noqa: TRY004  # a value
    # The library's own replace(until=) is refused beside COUNT.
    within: Any = parsed
    bound = rule.dtstart + HORIZON
    within._until = min(within._until or bound, bound)  # noqa: SLF001
    return parsed


def _local_until(text: str, zone: ZoneInfo) -> str:
    until = datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return f"UNTIL={until.astimezone(zone):%Y%m%dT%H%M%S}"


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


def _since_midnight(at: time) -> timedelta:
    return timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )


def _naive(instant: datetime) -> datetime:
    """Read an instant as a local time somewhere: two days of margin cover every zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)
