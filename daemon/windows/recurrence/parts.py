"""Parse the text of a recurrence rule, and refuse what is no rule, or too much of one.

No file, no clock, no log. All bad parts of a rule are named at once, each with its value and with
what is allowed. How much a rule may cost is computed from its parts, before anything is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from itertools import product
from typing import TypeVar

from daemon.windows.recurrence.rule import Frequency, Recurrence
from daemon.windows.wallclock import EARLIEST, LATEST, Reading

MOST_A_DAY = 1_440
"""How many times of one day a rule may name: every minute."""

MOST_A_PERIOD = 7 * MOST_A_DAY
"""How many times a rule may name in one period of its FREQ: every minute of a week."""

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)
_RANGES = {
    "INTERVAL": range(1, 1_000_000),
    "COUNT": range(1, 1_000_000),
    "BYMONTH": range(1, 13),
    "BYWEEKNO": range(1, 54),
    "BYYEARDAY": range(1, 367),
    "BYMONTHDAY": range(1, 32),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSECOND": range(60),
    "BYSETPOS": range(1, 367),
}
_NTH = range(1, 54)
_FROM_THE_END = ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYSETPOS")
_SINGLE = ("INTERVAL", "COUNT")
_KNOWN = ("FREQ", "UNTIL", "WKST", "BYDAY", *_RANGES)
# RFC 5545, 3.3.10: these parts are not allowed with other frequencies; libraries ignore them there.
_ALLOWED_WITH = {
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY", "HOURLY"),
    "BYMONTHDAY": ("YEARLY", "MONTHLY", "DAILY", "HOURLY"),
}

_PERIODS = {Frequency.WEEKLY: "week", Frequency.MONTHLY: "month", Frequency.YEARLY: "year"}

_Parts = dict[str, str]
T = TypeVar("T")


def parse(rule: str, dtstart: datetime) -> Recurrence:
    """Parse a rule that begins at *dtstart* (local).

    Raises:
        ValueError: the text says what is wrong with each part, and what is allowed.

    """
    if dtstart.tzinfo is not None:
        raise ValueError("the start of a rule is a local time, without offset")
    parts = _parts(rule)
    if faults := list(_faults(parts)):
        raise ValueError("; ".join(faults))
    if faults := list(_contradictions(parts)):
        raise ValueError("; ".join(faults))
    found = _Numbers(parts, dtstart)
    found.check_work()
    return found.recurrence()


def _parts(rule: str) -> _Parts:
    """Return the parts of a rule by name."""
    parts: _Parts = {}
    # Calendar programs write a semicolon at the end as well.
    for part in rule.upper().removeprefix("RRULE:").removesuffix(";").split(";"):
        name, _, value = part.partition("=")
        if name not in _KNOWN or not value:
            raise ValueError(
                f"{part[:40]!r} is not a part of a rule such as FREQ=WEEKLY;BYDAY=SU;"
                f" known: {', '.join(_KNOWN)}"
            )
        if name in parts:
            raise ValueError(f"{name} is there twice")
        parts[name] = value
    return parts


def _faults(parts: _Parts) -> Iterator[str]:
    """Yield what is wrong with each part by itself."""
    frequency = parts.get("FREQ", "")
    if frequency in {"SECONDLY", "MINUTELY"}:
        yield f"FREQ={frequency} is too fine; HOURLY is the finest"
    elif frequency not in set(Frequency):
        there = f"FREQ={frequency[:20]}: " if frequency else ""
        yield f"{there}FREQ is missing or unknown: it is one of {', '.join(Frequency)}"
    for name, value in parts.items():
        if name in _RANGES:
            yield from _wrong_numbers(name, value)
        elif name == "BYDAY":
            yield from _each_once(value.split(","), _wrong_weekday)
        elif name == "WKST" and value not in _WEEKDAYS:
            yield f"WKST={value[:20]}: WKST is one of {' '.join(_WEEKDAYS)}"
        elif name == "UNTIL" and _until(value) is None:
            yield (
                f"UNTIL={value[:20]}: UNTIL is a date such as 20261231, or a time such as"
                " 20261231T010000Z"
            )


def _each_once(values: list[str], check: Callable[[str], str | None]) -> Iterator[str]:
    """Yield what is wrong with each of *values*, and nothing twice."""
    yield from dict.fromkeys(fault for fault in map(check, values) if fault)


def _wrong_numbers(name: str, value: str) -> Iterator[str]:
    allowed = _RANGES[name]

    def wrong(number: str) -> str | None:
        if _NUMBER.fullmatch(number):
            n = abs(int(number)) if name in _FROM_THE_END else int(number)
            if n in allowed:
                return None
        signed = f", or -{allowed[0]} to -{allowed[-1]}" if name in _FROM_THE_END else ""
        return f"{name}={number[:20]} is not a number from {allowed[0]} to {allowed[-1]}{signed}"

    yield from _each_once([value] if name in _SINGLE else value.split(","), wrong)


def _wrong_weekday(day: str) -> str | None:
    match = _WEEKDAY.fullmatch(day)
    if match and (not match[1] or abs(int(match[1])) in _NTH):
        return None
    return (
        f"BYDAY={day[:20]}: BYDAY is a list of {' '.join(_WEEKDAYS)}, with numbers from"
        f" {_NTH[0]} to {_NTH[-1]}, or -{_NTH[0]} to -{_NTH[-1]}, as in 2TU or -1SU"
    )


def _contradictions(parts: _Parts) -> Iterator[str]:
    """Yield what may not be combined."""
    frequency = parts["FREQ"]
    for name, frequencies in _ALLOWED_WITH.items():
        if name in parts and frequency not in frequencies:
            yield (
                f"{name} does not go with FREQ={frequency}, only with"
                f" {' or '.join(', '.join(frequencies).rsplit(', ', 1))}"
            )
    if "COUNT" in parts and "UNTIL" in parts:
        yield "COUNT and UNTIL exclude each other"
    if "BYSETPOS" in parts and not any(
        name.startswith("BY") for name in parts.keys() - {"BYSETPOS"}
    ):
        yield "BYSETPOS chooses among what another BY part names; there is none"
    numbered = [day for day in parts.get("BYDAY", "").split(",") if day[:-2]]
    if numbered and frequency not in {"YEARLY", "MONTHLY"}:
        yield f"BYDAY={numbered[0]}: numbers go with FREQ=MONTHLY or YEARLY alone"
    elif numbered and "BYWEEKNO" in parts:
        yield f"BYDAY={numbered[0]}: numbers do not go with BYWEEKNO"


class _Numbers:
    """The parts of a rule as sets of numbers, with those that DTSTART stands in for."""

    def __init__(self, parts: _Parts, dtstart: datetime) -> None:
        self.parts, self.dtstart = parts, dtstart.replace(microsecond=0)
        self.frequency = Frequency(parts["FREQ"])
        self.interval = int(parts.get("INTERVAL", "1"))
        self.months = self._set("BYMONTH")
        self.week_numbers = self._set("BYWEEKNO")
        self.year_days = self._set("BYYEARDAY")
        self.month_days = self._set("BYMONTHDAY")
        self.positions = self._set("BYSETPOS")
        days = [day for day in parts.get("BYDAY", "").split(",") if day]
        self.weekdays = frozenset(_WEEKDAYS.index(day) for day in days if not day[:-2])
        self.nth_weekdays = frozenset(
            (int(day[:-2]), _WEEKDAYS.index(day[-2:])) for day in days if day[:-2]
        )
        if not (days or self.year_days or self.month_days):
            self._take_day()
        is_hourly = self.frequency is Frequency.HOURLY
        self.hours = self._set("BYHOUR") or frozenset(range(24) if is_hourly else {dtstart.hour})
        self.minutes = self._set("BYMINUTE") or frozenset({dtstart.minute})
        self.seconds = self._set("BYSECOND") or frozenset({dtstart.second})

    def _set(self, name: str) -> frozenset[int]:
        value = self.parts.get(name)
        return frozenset(map(int, value.split(","))) if value else frozenset()

    def _take_day(self) -> None:
        """Take the day from DTSTART, where the rule leaves it open (RFC 5545, 3.3.10)."""
        if self.frequency is Frequency.WEEKLY or self.week_numbers:
            self.weekdays = frozenset({self.dtstart.weekday()})
        elif self.frequency in {Frequency.MONTHLY, Frequency.YEARLY}:
            self.month_days = frozenset({self.dtstart.day})
            if self.frequency is Frequency.YEARLY and not self.months:
                self.months = frozenset({self.dtstart.month})

    def check_work(self) -> None:
        """Raise ValueError for a rule that names too many times in a day, or in a period."""
        a_day = len(self.minutes) * len(self.seconds) * self._hours_a_day()
        if a_day > MOST_A_DAY:
            raise ValueError(
                f"this rule names {a_day:,} times of a day; at most {MOST_A_DAY:,} are allowed,"
                " one a minute"
            )
        if (in_period := a_day * self._days_a_period()) > MOST_A_PERIOD:
            period = _PERIODS[self.frequency]
            raise ValueError(
                f"this rule names up to {in_period:,} times in one {period}, and has to be"
                f" expanded {period} by {period}; at most {MOST_A_PERIOD:,} are allowed: write it"
                " with FREQ=DAILY"
            )

    def _hours_a_day(self) -> int:
        if self.frequency is Frequency.HOURLY:
            return min(len(self.hours), -(-24 // self.interval))
        return len(self.hours)

    def _days_a_period(self) -> int:
        """Return on how many days of a period the rule fires, at most."""
        if self.frequency in {Frequency.DAILY, Frequency.HOURLY}:
            return 1
        if self.frequency is Frequency.WEEKLY:
            return len(self.weekdays)
        months = 1 if self.frequency is Frequency.MONTHLY else len(self.months) or 12
        days = [min(31 * months, 366)]
        if self.month_days:
            days.append(months * len(self.month_days))
        if self.weekdays or self.nth_weekdays:
            is_of_year = self.frequency is Frequency.YEARLY and not self.months
            nth = len(self.nth_weekdays) * (1 if is_of_year else months)
            days.append(len(self.weekdays) * min(5 * months, 53) + nth)
        if self.year_days:
            days.append(len(self.year_days))
        if self.week_numbers:
            days.append(7 * (len(self.week_numbers) + 1))
        return min(days)

    def recurrence(self) -> Recurrence:
        """Return the rule; its times of one day are expanded here."""
        count, until = self.parts.get("COUNT"), self.parts.get("UNTIL")
        is_chosen_by_clock = self.frequency in {Frequency.DAILY, Frequency.HOURLY}
        return Recurrence(
            dtstart=self.dtstart,
            frequency=self.frequency,
            interval=self.interval,
            count=int(count) if count else None,
            until=_until(until) if until else None,
            week_start=_WEEKDAYS.index(self.parts.get("WKST", "MO")),
            months=self.months,
            week_numbers=self.week_numbers,
            year_days=self.year_days,
            month_days=self.month_days,
            weekdays=self.weekdays,
            nth_weekdays=self.nth_weekdays,
            clock=self._clock(),
            positions=frozenset() if is_chosen_by_clock else self.positions,
            most_a_day=len(self.minutes) * len(self.seconds) * self._hours_a_day(),
            reading=self._reading(),
        )

    def _clock(self) -> tuple[time, ...]:
        """Return the times of a day; BYSETPOS chooses here in a period of a day, or of an hour."""
        if self.frequency is Frequency.HOURLY:
            within = self._at(sorted(product(sorted(self.minutes), sorted(self.seconds))))
            return tuple(time(hour, *each) for hour in sorted(self.hours) for each in within)
        every = sorted(product(self.hours, self.minutes, self.seconds))
        if self.frequency is Frequency.DAILY:
            every = self._at(every)
        return tuple(time(*each) for each in every)

    def _at(self, times: list[T]) -> list[T]:
        """Return those of *times* that BYSETPOS chooses; all without it."""
        chosen = {n - 1 if n > 0 else len(times) + n for n in self.positions}
        return [at for index, at in enumerate(times) if index in chosen or not chosen]

    def _reading(self) -> Reading:
        """Return which instants a local time refers to: an hourly rule fires in both passes."""
        if self.frequency is not Frequency.HOURLY:
            return Reading.NAMED
        is_plain = "BYHOUR" not in self.parts and self.interval == 1
        return Reading.REAL if is_plain else Reading.EVERY


def _until(value: str) -> datetime | None:
    """Return the instant, or the last local time; a date includes its whole day."""
    match = _UNTIL.fullmatch(value)
    day, clock, utc = match.groups() if match else ("", "", "")
    try:
        until = datetime.strptime(day + (clock or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007  # local
    except ValueError:
        return None
    until = min(max(until, EARLIEST), LATEST)
    return until.replace(tzinfo=UTC) if utc else until
