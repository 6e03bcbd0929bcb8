"""Parse an iCalendar file (RFC 5545) into the days of its all-day events.

No error quotes the file: whoever edits schedules.yaml may name one that only the daemon can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from daemon.windows.dates import FIRST_YEAR, LAST_YEAR, DateRange
from daemon.windows.recurrence.reader import check_rrule, rrule_times

if TYPE_CHECKING:
    from icalendar import Component

LINES_LIMIT = 100_000
EVENTS_LIMIT = 10_000
RULES_LIMIT = 500
_DAYS_LIMIT = 100_000

_KNOWN = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")

_EVENT = re.compile(r"^BEGIN:VEVENT", re.MULTILINE | re.IGNORECASE)
_RULE = re.compile(r"^RRULE", re.MULTILINE | re.IGNORECASE)

# What the library raises besides ValueError for lines that it cannot parse.
_UNREADABLE = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """The days of a calendar's all-day events; `timed` counts events that have a time of day."""

    ranges: tuple[DateRange, ...]
    timed: int


@dataclass(frozen=True, slots=True)
class _Event:
    """An event, called by its place in the file."""

    number: int
    component: Component

    def __str__(self) -> str:
        return f"event {self.number}"

    def __contains__(self, name: str) -> bool:
        return name in self.component

    def get(self, name: str, default: object = None) -> Any:
        return self.component.get(name, default)


@lru_cache(maxsize=8)
def all_day_events(text: str) -> CalendarDays:
    """Parse the all-day events of all calendars in *text*, repeated ones up to `LAST_YEAR`.

    A cancelled event has no days; one that was moved out of a series has its new days.

    Raises:
        ValueError: the text is no calendar, is too long, or has an event that cannot be parsed.

    """
    _check_size(text)
    events = list(_events(text))
    untimed = [event for event in events if not isinstance(_date(event, "DTSTART"), datetime)]
    moved: dict[str, set[date]] = {}
    for event in untimed:
        if "RECURRENCE-ID" in event:
            moved.setdefault(_uid(event), set()).add(_day(_date(event, "RECURRENCE-ID")))
    found = chain.from_iterable(_ranges(event, moved) for event in untimed)
    ranges = tuple(islice(found, _DAYS_LIMIT + 1))
    if len(ranges) > _DAYS_LIMIT:
        raise ValueError(f"its events repeat more than {_DAYS_LIMIT} times")
    return CalendarDays(ranges, len(events) - len(untimed))


def _check_size(text: str) -> None:
    """Raise ValueError for a file whose days would take too long to find."""
    counts = (
        ("lines", text.count("\n"), LINES_LIMIT),
        ("events", len(_EVENT.findall(text)), EVENTS_LIMIT),
        ("rules of repetition (RRULE)", len(_RULE.findall(text)), RULES_LIMIT),
    )
    for what, found, most in counts:
        if found > most:
            raise ValueError(f"has {found:,} {what}; at most {most:,} are read")


def _events(text: str) -> Iterator[_Event]:
    from icalendar import Calendar  # noqa: PLC0415  # slow to import, and used by few files

    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except _UNREADABLE as exc:
        raise ValueError("is no iCalendar file") from exc
    if not calendars:
        raise ValueError("is no iCalendar file: no part from BEGIN:VCALENDAR to END:VCALENDAR")
    found = chain.from_iterable(calendar.walk("VEVENT") for calendar in calendars)
    for number, component in enumerate(found, start=1):
        event = _Event(number, component)
        for name, _ in component.errors:
            raise ValueError(f"{event}: {name if name in _KNOWN else 'a line'} is not valid")
        yield event


def _uid(event: _Event) -> str:
    return str(event.get("UID"))


def _date(event: _Event, name: str) -> date:
    found: Any = event.get(name)
    at = getattr(found, "dt", None)
    if isinstance(at, date):
        return at
    raise ValueError(f"{event}: {name} is missing, there twice, or no date")


def _ranges(event: _Event, moved: Mapping[str, set[date]]) -> Iterator[DateRange]:
    """Yield the days of a single event, of a series, or of one that was moved out of a series."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    more = max(_length(event), timedelta(days=1)) - timedelta(days=1)
    taken = set(_dates(event, "EXDATE"))
    if "RECURRENCE-ID" not in event:
        taken |= moved.get(_uid(event), set())
    for day in _occurrences(event):
        if day not in taken:
            try:
                yield DateRange(day, day + more)
            except OverflowError:
                raise ValueError(f"{event}: ends beyond the calendar") from None


def _length(event: _Event) -> timedelta:
    if "DTEND" in event:
        # The end is not part of the event (RFC 5545, 3.6.1).
        return _day(_date(event, "DTEND")) - _date(event, "DTSTART")
    if "DURATION" not in event:
        return timedelta(days=1)
    found: Any = event.get("DURATION")
    length = getattr(found, "dt", None)
    if isinstance(length, timedelta):
        return length
    raise ValueError(f"{event}: DURATION is there twice, or no duration")


def _occurrences(event: _Event) -> Iterator[date]:
    start = _date(event, "DTSTART")
    yield start
    yield from _dates(event, "RDATE")
    begin = datetime.combine(start, time.min)
    earliest = max(begin, datetime(FIRST_YEAR, 1, 1))  # noqa: DTZ001  # a date, not an instant
    latest = datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001
    for rule in _listed(event.get("RRULE")):
        text = rule.to_ical().decode()
        try:
            check_rrule(text, begin)
        except ValueError as exc:
            reason = "it is not as in RFC 5545, finer than HOURLY, too much, or never fires"
            raise ValueError(f"{event}: its RRULE cannot be used: {reason}") from exc
        # UTC is where an UNTIL with a time is read; a series of days has none by the standard.
        times = rrule_times(text, begin, ZoneInfo("UTC"), earliest, latest)
        yield from (at.date() for at in times if at > begin)


def _dates(event: _Event, name: str) -> Iterator[date]:
    for line in _listed(event.get(name)):
        for each in getattr(line, "dts", (line,)):
            at = getattr(each, "dt", None)
            if not isinstance(at, date):
                raise ValueError(f"{event}: {name} names what is no date")  # noqa: TRY004
            yield _day(at)


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at
