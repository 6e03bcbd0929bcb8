"""Compute the local times of cron expressions and RFC 5545 rules.

No file, no clock, no log. The libraries are used in local time without a zone, which is needed for
an UNTIL in UTC only; `interval` finds the instants. No other module imports the two libraries.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from enum import Enum, auto
from functools import lru_cache
from itertools import dropwhile, islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from dateutil import rrule as rfc5545

_CRON_FIELDS = 5

_GREGORIAN_CYCLE = 400
_LAST_BEGIN = MAXYEAR - 200
"""A rule is followed for 200 years at least and 600 at most."""

EARLIEST, LATEST = datetime(1900, 1, 1), datetime(9900, 1, 1)  # noqa: DTZ001  # local times
"""Nothing is open outside, where the calendar's own arithmetic ends."""

MOST_A_DAY = 1_440
"""How often a rule may open on one day: every minute."""

MOST_A_YEAR = 3_000
"""How often a MONTHLY or YEARLY rule may open in a year: each answer counts from its beginning."""

MOST_COUNTED = 10_000
"""How large COUNT may be, for the same reason."""

MOST_POSITIONS = 50
"""How many different positions BYSETPOS may have: each is looked for in each period."""

_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)
_RANGES = {
    "INTERVAL": range(1, 1_000_000),
    "COUNT": range(1, MOST_COUNTED + 1),
    "BYMONTH": range(1, 13),
    "BYWEEKNO": range(1, 54),
    "BYYEARDAY": range(1, 367),
    "BYMONTHDAY": range(1, 32),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSECOND": range(60),
    "BYSETPOS": range(1, 367),
}
_FROM_THE_END = ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYSETPOS")
_SINGLE = ("INTERVAL", "COUNT")
_KNOWN = ("FREQ", "UNTIL", "WKST", "BYDAY", *_RANGES)
# RFC 5545, 3.3.10: these parts are not allowed with other frequencies; libraries ignore them there.
_ALLOWED_WITH = {
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY", "HOURLY"),
    "BYMONTHDAY": ("YEARLY", "MONTHLY", "DAILY", "HOURLY"),
}

Parts = dict[str, str]


class Reading(Enum):
    """Which instants a local time refers to, where clocks show it twice or never."""

    NAMED = auto()
    """The rule names hours and minutes: the first instant; in a gap the end of the gap."""
    EVERY = auto()
    """The rule names hours, or some of them, and steps within: every instant; in a gap its end."""
    REAL = auto()
    """The rule fires in whatever hour there is: every instant; none in a gap."""


def check_cron(expression: str) -> None:
    """Raise ValueError for what crontab(5) does not allow, and for what never fires."""
    if len(expression.split()) != _CRON_FIELDS:
        raise ValueError(
            "a cron expression has five fields: minute, hour, day of month, month, day of week;"
            " there are no seconds and no @ names"
        )
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001  # a local time
    except StopIteration as exc:
        raise ValueError("this cron expression never fires") from exc
    except (CronSimError, ValueError) as exc:
        wrong = str(exc).removeprefix("Bad ") if isinstance(exc, CronSimError) else "a number"
        raise ValueError(
            f"{wrong} of this cron expression is not as in crontab(5), or never comes"
        ) from exc


def cron_reading(expression: str) -> Reading:
    """Return which instants the times of a cron expression refer to."""
    minute, hour = expression.split()[:2]
    if hour.startswith("*"):
        return Reading.REAL
    return Reading.EVERY if minute.startswith("*") else Reading.NAMED


def cron_times(expression: str, earliest: datetime, latest: datetime) -> Iterator[datetime]:
    """Yield the local times of a cron expression after *earliest*, up to *latest*."""
    # The library matches days; its own walk tries each hour, and takes five times as long.
    cron = _cron(expression)
    times = [time(hour, minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    for day in cron_days(cron, earliest.date(), latest.date()):
        found = (datetime.combine(day, at) for at in times)
        yield from (at for at in found if earliest < at <= latest)


@lru_cache(maxsize=1024)
def _cron(expression: str) -> CronSim:
    """Return a parsed expression, of which only the sets and `match_day` may be used."""
    return CronSim(expression, EARLIEST)


def cron_days(cron: CronSim, first: date, last: date) -> Iterator[date]:
    """Yield the days from *first* to *last* on which *cron* fires.

    Only those are tried that its months and, if a weekday does not do, its days of the month allow.
    """
    numbers = _days_of_month(cron)
    for year in range(first.year, last.year + 1):
        for month in sorted(cron.months):
            begin = max(date(year, month, 1), first)
            end = min(date(year, month, monthrange(year, month)[1]), last)
            # Before the first or after the last month, the end is before the beginning.
            for number in range(begin.day, end.day + 1) if begin <= end else ():
                if number in numbers and cron.match_day(begin.replace(day=number)):
                    yield begin.replace(day=number)


def _days_of_month(cron: CronSim) -> set[int]:
    """Return the days of the month on which *cron* may fire."""
    if not cron.day_and:
        return set(range(1, 32))
    latest = {CronSim.LAST: range(28, 32), CronSim.LAST_WEEKDAY: range(26, 32)}
    return {day for number in cron.days for day in latest.get(number, (number,))}


def check_rrule(rule: str, dtstart: datetime) -> None:
    """Check that a rule is as in RFC 5545, not too fine, and fires at least once.

    Raises:
        ValueError: the text says which part is wrong and what is allowed.

    """
    if dtstart.tzinfo is not None:
        raise ValueError("the start of a rule is a local time, without offset")
    parts = _parts(rule)
    _check_frequency(parts)
    for name, value in parts.items():
        _check_part(name, value)
    _check_combination(parts)
    _check_work(parts)
    # The zone is not known yet, and moves UNTIL by less than a day.
    until = _until(parts, ZoneInfo("UTC")) + timedelta(days=1)
    try:
        first = next(_followed(parts, dtstart), None)
    except (ValueError, TypeError) as exc:
        raise ValueError(f"this rule never fires ({exc})") from exc
    if first is None or first > until:
        raise ValueError("this rule never fires")
    if parts["FREQ"] in {"MONTHLY", "YEARLY"}:
        _check_year(_followed(parts, dtstart), first + timedelta(days=366))


def _check_work(parts: Parts) -> None:
    """Raise ValueError for a rule whose openings of one day, or whose search for them, are many."""
    if (times := _times_a_day(parts)) > MOST_A_DAY:
        raise ValueError(
            f"this rule names {times:,} times of a day; at most {MOST_A_DAY:,} are allowed, one a"
            " minute"
        )
    if _count(parts, "BYSETPOS") > MOST_POSITIONS:
        raise ValueError(f"BYSETPOS has more than {MOST_POSITIONS} positions")


def _check_year(times: Iterator[datetime], end: datetime) -> None:
    """Raise ValueError if too many *times* are before *end*."""
    if next(islice(times, MOST_A_YEAR, None), end) < end:
        raise ValueError(
            f"this rule opens more than {MOST_A_YEAR:,} times in a year: write it with FREQ=DAILY,"
            " WEEKLY or HOURLY"
        )


def _count(parts: Parts, name: str) -> int:
    """Return how many different numbers a part has, 1 without it."""
    return len({int(number) for number in parts.get(name, "1").split(",")})


def _times_a_day(parts: Parts) -> int:
    hours = _count(parts, "BYHOUR")
    if parts["FREQ"] == "HOURLY" and "BYHOUR" not in parts:
        hours = -(-24 // int(parts.get("INTERVAL", "1")))
    return hours * _count(parts, "BYMINUTE") * _count(parts, "BYSECOND")


def rrule_times_a_day(rule: str) -> int:
    """Return how often a rule fires on one day, at most."""
    return _times_a_day(_parts(rule))


def cron_times_a_day(expression: str) -> int:
    """Return how often a cron expression fires on one day, at most."""
    cron = _cron(expression)
    return len(cron.hours) * len(cron.minutes)


def means_either_day(expression: str) -> bool:
    """Check whether a cron expression fires on a day of the month or a weekday, whichever it is."""
    _, _, day, _, weekday = expression.split()
    return not (day.startswith("*") or weekday.startswith("*"))


def rrule_reading(rule: str) -> Reading:
    """Return which instants the times of a rule refer to."""
    parts = _parts(rule)
    if parts["FREQ"] != "HOURLY":
        return Reading.NAMED
    is_plain = "BYHOUR" not in parts and int(parts.get("INTERVAL", "1")) == 1
    return Reading.REAL if is_plain else Reading.EVERY


def rrule_times(
    rule: str, dtstart: datetime, zone: ZoneInfo, earliest: datetime, latest: datetime
) -> Iterator[datetime]:
    """Yield the local times of a rule that began at *dtstart*, *earliest* to *latest* inclusive.

    *zone* is for an UNTIL in UTC; an UNTIL that is only a date includes the whole day.
    """
    parts = _parts(rule)
    last = min(latest, _until(parts, zone))
    begin = dtstart + _whole_periods(parts, earliest - dtstart)
    times = dropwhile(lambda at: at < earliest, _followed(parts, begin))
    return takewhile(lambda at: at <= last, times)


def _followed(parts: Parts, begin: datetime) -> Iterator[datetime]:
    """Yield the times of a rule up to a bound of our own.

    The library goes on until the year 9999, which takes seconds. The calendar repeats every 400
    years, weekdays included, so the rule is shifted by whole cycles towards that year.
    """
    cycles = (_LAST_BEGIN - begin.year) // _GREGORIAN_CYCLE * _GREGORIAN_CYCLE
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL")
    shifted = begin.replace(year=begin.year + cycles)
    for at in rfc5545.rrulestr(text, dtstart=shifted):
        yield at.replace(year=at.year - cycles)


def _whole_periods(parts: Parts, distance: timedelta) -> timedelta:
    """Return by how much a rule may begin later and still have the same times from then on."""
    weeks = {"HOURLY": 0, "DAILY": 0, "WEEKLY": 1}.get(parts["FREQ"])
    if weeks is None or "COUNT" in parts:
        return timedelta(0)
    # After as many days as the interval has hours, an hourly rule is back at the same hour.
    period = timedelta(days=int(parts.get("INTERVAL", "1")) * (7 if weeks else 1))
    return max(distance // period, 0) * period


def _until(parts: Parts, zone: ZoneInfo) -> datetime:
    match = _UNTIL.fullmatch(parts.get("UNTIL", "99001231"))
    day, clock, utc = match.groups() if match else ("", "", "")
    try:
        until = datetime.strptime(day + (clock or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007  # local
    except ValueError:
        raise ValueError(
            "UNTIL is a date such as 20261231, or a time such as 20261231T010000Z"
        ) from None
    until = min(max(until, EARLIEST), LATEST)
    return until.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if utc else until


def _parts(rule: str) -> Parts:
    """Return the parts of a rule. Raises ValueError for those that RFC 5545 does not have."""
    parts: Parts = {"WKST": "MO"}
    seen = set()
    for part in rule.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name not in _KNOWN or not value:
            raise ValueError(
                f"{part[:40]!r} is no part of a rule such as FREQ=WEEKLY;BYDAY=SU;"
                f" known are {', '.join(_KNOWN)}"
            )
        if name in seen:
            raise ValueError(f"{name} is there twice")
        seen.add(name)
        parts[name] = value
    return parts


def _check_frequency(parts: Parts) -> None:
    frequency = parts.get("FREQ")
    if frequency in {"SECONDLY", "MINUTELY"}:
        raise ValueError(f"FREQ={frequency} is too fine; HOURLY is the finest")
    if frequency not in _FREQUENCIES:
        raise ValueError(f"FREQ is missing or unknown: it is one of {', '.join(_FREQUENCIES)}")


def _check_part(name: str, value: str) -> None:
    if name in _RANGES:
        _check_numbers(name, value)
    elif name == "BYDAY" and not all(map(_WEEKDAY.fullmatch, value.split(","))):
        raise ValueError("BYDAY is a list of MO TU WE TH FR SA SU, with numbers as in 2TU or -1SU")
    elif name == "WKST" and not re.fullmatch("MO|TU|WE|TH|FR|SA|SU", value):
        raise ValueError("WKST is one of MO TU WE TH FR SA SU")


def _check_numbers(name: str, value: str) -> None:
    allowed = _RANGES[name]
    numbers = [value] if name in _SINGLE else value.split(",")
    for number in numbers:
        if not _NUMBER.fullmatch(number) or not _is_allowed(name, int(number)):
            signed = f", or -{allowed[0]} to -{allowed[-1]}" if name in _FROM_THE_END else ""
            raise ValueError(
                f"{name}={number[:20]} is not a number from {allowed[0]} to {allowed[-1]}{signed}"
            )


def _is_allowed(name: str, number: int) -> bool:
    return (abs(number) if name in _FROM_THE_END else number) in _RANGES[name]


def _check_combination(parts: Parts) -> None:
    """Raise ValueError for parts that may not be combined."""
    frequency = parts["FREQ"]
    for name, frequencies in _ALLOWED_WITH.items():
        if name in parts and frequency not in frequencies:
            raise ValueError(f"{name} does not go with FREQ={frequency}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL exclude each other")
    if "BYSETPOS" in parts and not any(
        name.startswith("BY") for name in parts.keys() - {"BYSETPOS"}
    ):
        raise ValueError("BYSETPOS chooses among what another BY part names; there is none")
    _check_weekdays(parts)


def _check_weekdays(parts: Parts) -> None:
    days = parts.get("BYDAY", "").split(",")
    numbered = [day for day in days if day[:-2]]
    if not numbered:
        return
    if parts["FREQ"] not in {"YEARLY", "MONTHLY"} or "BYWEEKNO" in parts:
        raise ValueError(f"BYDAY={numbered[0]}: numbers go with FREQ=MONTHLY or YEARLY alone")
    # The library would use only the days that are in both.
    if len(numbered) < len(days):
        raise ValueError("BYDAY mixes days with and without numbers: write two windows")
