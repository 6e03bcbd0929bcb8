"""A second reading of RFC 5545 rules, by brute force: every day is asked, then every hour of it.

Written from 3.3.10 of the RFC and from what the manual says of clock changes, for comparison; it
shares no code with the product, and knows rules as parts, not as text. `begin` and an UNTIL without
a zone are local times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import groupby
from zoneinfo import ZoneInfo

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class Given:
    """A rule as its parts: numbers, or for BYDAY which of a weekday (0 for all) and the weekday."""

    frequency: str
    begin: datetime
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    wkst: int = 0
    numbers: tuple[tuple[str, tuple[int, ...]], ...] = ()
    days: tuple[tuple[int, int], ...] = ()

    @cached_property
    def by(self) -> Mapping[str, tuple[int, ...]]:
        """The numbers of each BY part but BYDAY."""
        return dict(self.numbers)

    def __str__(self) -> str:
        """Write the rule as calendars do."""
        found = [f"FREQ={self.frequency}", f"INTERVAL={self.interval}", f"WKST={CODES[self.wkst]}"]
        found += [f"{name}={','.join(map(str, numbers))}" for name, numbers in self.numbers]
        if self.days:
            named = (f"{n or ''}{CODES[weekday]}" for n, weekday in self.days)
            found.append(f"BYDAY={','.join(named)}")
        if self.count:
            found.append(f"COUNT={self.count}")
        if self.until:
            found.append(f"UNTIL={self.until:%Y%m%dT%H%M%S}{'Z' if self.until.tzinfo else ''}")
        return ";".join(found)


def starts(given: Given, zone: ZoneInfo, last: datetime) -> list[datetime]:
    """Return when the openings of a rule begin (UTC), in order, up to about *last* (local)."""
    found = set()
    for local in _local_times(given, last):
        is_late = given.until and not given.until.tzinfo and local > given.until
        if local >= given.begin and not is_late:
            found |= set(_instants(given, local, zone))
    ordered = sorted(found)[: given.count]
    if given.until and given.until.tzinfo:
        return [at for at in ordered if at <= given.until]
    return ordered


def _local_times(given: Given, last: datetime) -> Iterator[datetime]:
    """Yield what a rule names in all its periods from the one of DTSTART on."""
    places = given.by.get("BYSETPOS")
    for _, each in groupby(_named(given, last), key=lambda found: found[0]):
        of_period = [local for _, local in each]
        for index, local in enumerate(of_period):
            if places is None or index + 1 in places or index - len(of_period) in places:
                yield local


def _named(given: Given, last: datetime) -> Iterator[tuple[int, datetime]]:
    """Yield each time that all BY parts allow, with the number of its period, in order."""
    # Whole periods on both sides, so that BYSETPOS has all of each to choose from.
    around = (366 if given.frequency == "YEARLY" else 31) * DAY
    day, end = given.begin.date() - around, last.date() + around
    minutes = given.by.get("BYMINUTE", (given.begin.minute,))
    seconds = given.by.get("BYSECOND", (given.begin.second,))
    while day <= end:
        if _is_day(given, day):
            for hour in range(24):
                if not _is_hour(given, hour):
                    continue
                period = _period(given, day, hour)
                if period % given.interval == 0:
                    for minute in sorted(set(minutes)):
                        for second in sorted(set(seconds)):
                            yield period, datetime.combine(day, time(hour, minute, second))
        day += DAY


def _period(given: Given, day: date, hour: int) -> int:
    """Return how many periods lie between that of DTSTART and that of an hour."""
    begin = given.begin.date()
    if given.frequency == "YEARLY":
        return day.year - begin.year
    if given.frequency == "MONTHLY":
        return 12 * (day.year - begin.year) + day.month - begin.month
    if given.frequency == "WEEKLY":
        return (_week_begin(day, given.wkst) - _week_begin(begin, given.wkst)).days // 7
    if given.frequency == "DAILY":
        return (day - begin).days
    return (datetime.combine(day, time(hour)) - given.begin.replace(minute=0, second=0)) // HOUR


@cache
def _week_begin(day: date, wkst: int) -> date:
    while day.weekday() != wkst:
        day -= DAY
    return day


def _is_hour(given: Given, hour: int) -> bool:
    if "BYHOUR" in given.by:
        return hour in given.by["BYHOUR"]
    return given.frequency == "HOURLY" or hour == given.begin.hour


def _is_day(given: Given, day: date) -> bool:
    by, days = given.by, given.days
    months, month_days = by.get("BYMONTH"), by.get("BYMONTHDAY")
    if not (month_days or days or by.get("BYYEARDAY")):
        months, month_days, days = _of_begin(given, months)
    month, year = (day.replace(day=1), _next_month(day)), (_new_year(day), _new_year(day, 1))
    is_of_year = given.frequency == "YEARLY" and "BYMONTH" not in by
    return (
        (not months or day.month in months)
        and (not month_days or _meet(month_days, _places(day, *month)))
        and ("BYYEARDAY" not in by or _meet(by["BYYEARDAY"], _places(day, *year)))
        and ("BYWEEKNO" not in by or _meet(by["BYWEEKNO"], _week_numbers(day, given.wkst)))
        and (not days or _is_weekday(days, day, *(year if is_of_year else month)))
    )


def _of_begin(
    given: Given, months: tuple[int, ...] | None
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None, tuple[tuple[int, int], ...]]:
    """Return the months, days of the month and weekdays of a rule that names no day."""
    begin = given.begin
    if given.frequency == "WEEKLY" or "BYWEEKNO" in given.by:
        return months, None, ((0, begin.weekday()),)
    if given.frequency == "MONTHLY":
        return months, (begin.day,), ()
    if given.frequency == "YEARLY":
        return months or (begin.month,), (begin.day,), ()
    return months, None, ()


def _meet(named: tuple[int, ...], places: tuple[int, int]) -> bool:
    return places[0] in named or places[1] in named


def _is_weekday(days: tuple[tuple[int, int], ...], day: date, first: date, end: date) -> bool:
    return any(
        weekday == day.weekday() and (not n or n in _places(day, first, end, 7))
        for n, weekday in days
    )


def _new_year(day: date, later: int = 0) -> date:
    return date(day.year + later, 1, 1)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * DAY).replace(day=1)


@cache
def _places(day: date, first: date, end: date, step: int = 1) -> tuple[int, int]:
    """Return which day it is of those from *first* to before *end*, from either side."""
    steps = range(0, (end - first).days, step)
    before = sum(1 for n in steps if day - n * DAY >= first)
    after = sum(1 for n in steps if day + n * DAY < end)
    return before, -after


@cache
def _week_numbers(day: date, wkst: int) -> tuple[int, int]:
    """Return which week of a year it is in which a day is, from the start and from the end."""
    for year in (day.year - 1, day.year, day.year + 1):
        weeks = _weeks(year, wkst)
        for index, begin in enumerate(weeks):
            if begin <= day < begin + 7 * DAY:
                return index + 1, index - len(weeks)
    raise AssertionError("every day is in a week")


@cache
def _weeks(year: int, wkst: int) -> tuple[date, ...]:
    """Return the first days of all weeks of which at least four days are in a year."""
    found = []
    begin = _week_begin(date(year, 1, 1) - 7 * DAY, wkst)
    while begin.year <= year:
        if sum((begin + n * DAY).year == year for n in range(7)) >= 4:
            found.append(begin)
        begin += 7 * DAY
    return tuple(found)


def _instants(given: Given, local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return at which instants an opening begins that the rule names for a local time."""
    offsets = {(local + n * DAY).replace(tzinfo=UTC).astimezone(zone).utcoffset() for n in (-1, 1)}
    there = sorted(
        at
        for offset in offsets
        for at in ((local - (offset or 0 * DAY)).replace(tzinfo=UTC),)
        if at.astimezone(zone).replace(tzinfo=None) == local
    )
    if given.frequency != "HOURLY":
        return there[:1] or [_after_gap(local, zone)]
    if there or ("BYHOUR" not in given.by and given.interval == 1):
        return there
    return [_after_gap(local, zone)]


@cache
def _after_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first whole minute at which clocks show more than a time that they skip."""
    at = local.replace(tzinfo=UTC, second=0) - 27 * HOUR
    while at.astimezone(zone).replace(tzinfo=None) < local:
        at += MINUTE
    return at
