"""Parse the values of an iCalendar event, and find the whole days that it lasts.

An event counts if it lasts whole days, in whatever form its program writes that:

- days (`VALUE=DATE`), to an end, for a duration, or one day without either;
- times of day, from midnight to midnight: in their zone, in none, or in UTC;
- times of day with a mark that they stand for whole days.

Times of day are read without their zone, except those in UTC: which day it is says the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.config.advice.zones import known_zone
from daemon.config.days.ics_events import ALL_DAY_MARKS, UNREADABLE, Event, Property
from daemon.windows.dates import DateRange

_DAY = timedelta(days=1)

# The latest midnight in UTC: it is at 11:00 for New Zealand, and the earliest, Hawaii's, at 10:00.
_TO_MIDNIGHT = timedelta(hours=13)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days: the `first`, and how many (`length`, at least 1)."""

    first: date
    length: int

    def on(self, day: date) -> DateRange:
        """Return as many days from *day* on."""
        return DateRange(day, day + (self.length - 1) * _DAY)


def single(event: Event, name: str) -> Property | None:
    """Return the property of a name, if it is there. Raises ValueError if it is there twice."""
    found = event.all(name)
    if len(found) > 1:
        raise ValueError(f"line {found[1].line}: {name} is there twice")
    return found[0] if found else None


def start_of(event: Event) -> date:
    """Return the start as it is written; a time is aware if it is in UTC. Raises ValueError."""
    found = single(event, "DTSTART")
    if found is None:
        raise ValueError(f"line {event.line}: DTSTART is missing in the event that begins here")
    return date_of(found)


def date_of(prop: Property) -> date:
    """Return the one date or time that a property has. Raises ValueError."""
    return _date(prop, prop.value)


def dates_of(event: Event, name: str) -> list[date]:
    """Return the dates and times that the properties of a name list. Raises ValueError."""
    return [
        _date(prop, text)
        for prop in event.all(name)
        for text in prop.value.split(",")
        if text.strip()
    ]


def zone_of(event: Event) -> ZoneInfo | None:
    """Return the zone for which an event's times in UTC are meant; None if it is not known."""
    start = event.all("DTSTART")
    named = known_zone(start[0].parameters.get("TZID", "")) if start else None
    return named or event.zone


def day_of(at: date, zone: ZoneInfo | None) -> date:
    """Return the day of a date or time; a time in UTC without a *zone* stands for a midnight."""
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        return at.date()
    return at.astimezone(zone).date() if zone else (at + _TO_MIDNIGHT).date()


def wall_time(at: date, zone: ZoneInfo | None) -> datetime:
    """Return the time that clocks show, of a day its midnight; *zone* is for times in UTC."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time.min)
    if at.tzinfo and zone:
        at = at.astimezone(zone)
    return at.replace(tzinfo=None)


def whole_days(event: Event) -> Span | None:
    """Return the days that an event lasts; None for one with a time of day.

    Raises:
        ValueError: its start, or an end that matters, is missing or not legible.
        OverflowError: it is beyond the calendar.

    """
    start = start_of(event)
    if not isinstance(start, datetime):
        return Span(start, max(_days_long(event, start), 1))
    zone = zone_of(event)
    is_marked = any(event.text(mark) in {"TRUE", "1"} for mark in ALL_DAY_MARKS)
    midnights = [z for z in (zone, None) if wall_time(start, z).time() == time.min]
    if not midnights and not is_marked:
        return None
    end = _end(event, start)
    for clock in midnights:
        begin, stop = wall_time(start, clock), wall_time(end, clock)
        if stop > begin and stop.time() == time.min:
            return Span(begin.date(), (stop - begin).days)
    if not is_marked:
        return None
    length = round((wall_time(end, None) - wall_time(start, None)) / _DAY)
    return Span(day_of(start, zone), max(length, 1))


def _days_long(event: Event, start: date) -> int:
    found = single(event, "DTEND")
    if found is None:
        return _duration(event, _DAY).days
    # The end is not part of the event (RFC 5545, 3.6.1), but the day of one such as 23:59 is.
    end, zone = date_of(found), zone_of(event)
    is_in_utc = isinstance(end, datetime) and end.tzinfo is not None and zone is None
    is_within = not is_in_utc and wall_time(end, zone).time() != time.min
    return (day_of(end, zone) - start).days + is_within


def _end(event: Event, start: datetime) -> date:
    if end := single(event, "DTEND"):
        return date_of(end)
    return start + _duration(event, timedelta(0))


def _duration(event: Event, without: timedelta) -> timedelta:
    found = single(event, "DURATION")
    if found is None:
        return without
    length = _parsed(found, found.value)
    if isinstance(length, timedelta):
        return length
    raise ValueError(f"line {found.line}: DURATION is not a duration")


def _date(prop: Property, text: str) -> date:
    found = _parsed(prop, text.strip())
    if not isinstance(found, date):
        raise ValueError(f"line {prop.line}: {prop.name} names something that is not a date")  # noqa: TRY004
    return found


def _parsed(prop: Property, text: str) -> object:
    from icalendar.prop import vDDDTypes  # noqa: PLC0415  # slow to import, used by few files

    try:
        found: object = vDDDTypes.from_ical(text)  # type: ignore[no-untyped-call]
    except UNREADABLE as exc:
        raise ValueError(f"line {prop.line}: {prop.name} is not valid") from exc
    return found
