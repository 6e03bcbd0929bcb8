"""Parse an iCalendar file (RFC 5545) into the days of its all-day events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from daemon.windows.dates import FIRST_YEAR, LAST_YEAR, DateRange
from daemon.windows.expressions import check_rrule, rrule_times

if TYPE_CHECKING:
    from icalendar import Component

_EVENTS_LIMIT = 100_000

# What the library raises besides ValueError for lines that it cannot parse.
_UNREADABLE = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """The days of a calendar's all-day events; `timed` counts events that have a time of day."""

    ranges: tuple[DateRange, ...]
    timed: int


@lru_cache(maxsize=8)
def all_day_events(text: str) -> CalendarDays:
    """Parse the all-day events of all calendars in *text*, repeated ones up to `LAST_YEAR`.

    A cancelled event has no days; one that was moved out of a series has its new days.

    Raises:
        ValueError: the text is no calendar, or one of its events cannot be parsed.

    """
    events = list(_events(text))
    untimed = [event for event in events if not isinstance(_date(event, "DTSTART"), datetime)]
    moved: dict[str, set[date]] = {}
    for event in untimed:
        if "RECURRENCE-ID" in event:
            moved.setdefault(_uid(event), set()).add(_day(_date(event, "RECURRENCE-ID")))
    found = chain.from_iterable(_ranges(event, moved) for event in untimed)
    ranges = tuple(islice(found, _EVENTS_LIMIT + 1))
    if len(ranges) > _EVENTS_LIMIT:
        raise ValueError(f"its events repeat more than {_EVENTS_LIMIT} times")
    return CalendarDays(ranges, len(events) - len(untimed))


def _events(text: str) -> Iterator[Component]:
    from icalendar import Calendar  # noqa: PLC0415  # slow to import, and used by few files

    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except _UNREADABLE as exc:
        raise ValueError(f"is no iCalendar file ({exc})") from exc
    if not calendars:
        raise ValueError("is no iCalendar file: no part from BEGIN:VCALENDAR to END:VCALENDAR")
    for calendar in calendars:
        for event in calendar.walk("VEVENT"):
            for name, reason in event.errors:
                raise ValueError(f"{_name(event)}: {name or 'a line'} is not valid ({reason})")
            yield event


def _name(event: Component) -> str:
    return f"event {str(event.get('SUMMARY', event.get('UID', 'without a name')))[:60]!r}"


def _uid(event: Component) -> str:
    return str(event.get("UID"))


def _date(event: Component, name: str) -> date:
    found: Any = event.get(name)
    at = getattr(found, "dt", None)
    if isinstance(at, date):
        return at
    raise ValueError(f"{_name(event)}: {name} is missing, there twice, or no date")


def _ranges(event: Component, moved: Mapping[str, set[date]]) -> Iterator[DateRange]:
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
                raise ValueError(f"{_name(event)}: ends beyond the calendar") from None


def _length(event: Component) -> timedelta:
    if "DTEND" in event:
        # The end is not part of the event (RFC 5545, 3.6.1).
        return _day(_date(event, "DTEND")) - _date(event, "DTSTART")
    if "DURATION" not in event:
        return timedelta(days=1)
    found: Any = event.get("DURATION")
    length = getattr(found, "dt", None)
    if isinstance(length, timedelta):
        return length
    raise ValueError(f"{_name(event)}: DURATION is there twice, or no duration")


def _occurrences(event: Component) -> Iterator[date]:
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
            raise ValueError(f"{_name(event)}: RRULE: {exc}") from exc
        # UTC is where an UNTIL with a time is read; a series of days has none by the standard.
        times = rrule_times(text, begin, ZoneInfo("UTC"), earliest, latest)
        yield from (at.date() for at in times if at > begin)


def _dates(event: Component, name: str) -> Iterator[date]:
    for line in _listed(event.get(name)):
        for each in getattr(line, "dts", (line,)):
            at = getattr(each, "dt", None)
            if not isinstance(at, date):
                raise ValueError(f"{_name(event)}: {name} names what is no date")  # noqa: TRY004
            yield _day(at)


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at
