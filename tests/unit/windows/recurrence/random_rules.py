"""Draw recurrence rules from the whole grammar that is accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from tests.unit.windows.recurrence.reference import MINUTE, Given

ZONES = tuple(
    map(
        ZoneInfo,
        (
            "UTC",
            "Europe/Helsinki",
            "America/St_Johns",
            "America/Sao_Paulo",
            "Africa/Casablanca",
            "Australia/Lord_Howe",
            "Pacific/Apia",
        ),
    )
)
"""Clocks change at midnight, a minute after it, by half an hour, four times a year, by a day."""

FIRST = datetime(2009, 1, 1)  # noqa: DTZ001  # local; Apia lost a day in 2011
LENGTHS = {"YEARLY": 1200, "MONTHLY": 700, "WEEKLY": 300, "DAILY": 200, "HOURLY": 50}
"""For how many days a rule is followed."""

_RANGES = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (1, 53),
    "BYYEARDAY": (1, 366),
    "BYMONTHDAY": (1, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
}
_SIGNED = {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"}
_NOT_WITH = {
    "BYWEEKNO": {"MONTHLY", "WEEKLY", "DAILY", "HOURLY"},
    "BYYEARDAY": {"MONTHLY", "WEEKLY", "DAILY"},
    "BYMONTHDAY": {"WEEKLY"},
}
_INTERVALS = (1, 1, 1, 2, 3, 5)
_LONG = {"HOURLY": (7, 800), "DAILY": (1, 40)}


def draw(random: Random) -> tuple[Given, ZoneInfo]:
    """Return a rule, and a zone to follow it in."""
    frequency = random.choice(tuple(LENGTHS))
    begin = FIRST + timedelta(
        minutes=random.randrange(3 * 365 * 24 * 60), seconds=random.choice((0, 0, 7))
    )
    numbers = [
        (name, _numbers(random, name))
        for name in _RANGES
        if frequency not in _NOT_WITH.get(name, ()) and random.random() < 0.25
    ]
    is_numbered = frequency in {"YEARLY", "MONTHLY"} and "BYWEEKNO" not in dict(numbers)
    days = _days(random, is_numbered=is_numbered) if random.random() < 0.4 else ()
    if (numbers or days) and random.random() < 0.3:
        numbers.append(("BYSETPOS", tuple(random.choice((1, 2, 3, 7, -1, -2, -5)) for _ in "ab")))
    given = Given(
        frequency,
        begin,
        interval=random.choice((*_INTERVALS, *_LONG.get(frequency, (1, 1)))),
        wkst=random.randrange(7),
        numbers=tuple(numbers),
        days=days,
    )
    return _with_end(random, given), random.choice(ZONES)


def _numbers(random: Random, name: str) -> tuple[int, ...]:
    least, most = _RANGES[name]
    count = random.choice((1, 2, 4, (most - least) // 2))
    if name in {"BYMINUTE", "BYSECOND"}:
        count = min(count, 2)
    drawn = [random.randint(least, most) for _ in range(count)]
    if name in _SIGNED:
        drawn = [random.choice((n, n, -n)) for n in drawn]
    return tuple(drawn)


def _days(random: Random, *, is_numbered: bool) -> tuple[tuple[int, int], ...]:
    most = random.choice((5, 5, 53))
    return tuple(
        (
            random.choice((0, random.randint(1, most), -random.randint(1, most)))
            if is_numbered
            else 0,
            random.randrange(7),
        )
        for _ in range(random.choice((1, 2, 4)))
    )


def _with_end(random: Random, given: Given) -> Given:
    """End a rule by COUNT, or by an UNTIL in local time or in UTC, or not at all."""
    kind = random.choice(("count", "local", "instant", "none"))
    end = given.begin + random.randrange(LENGTHS[given.frequency] * 24 * 4) * 15 * MINUTE
    if kind == "count":
        return replace(given, count=random.choice((1, 2, 5, 30, 200)))
    if kind == "local":
        return replace(given, until=end)
    return replace(given, until=end.replace(tzinfo=UTC)) if kind == "instant" else given
