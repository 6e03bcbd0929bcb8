"""Find the events of an iCalendar file (RFC 5545), each with the properties that name its days.

Nothing else is parsed: what a calendar program writes into another property, or into a part that is
no event, may be as odd as it likes. No error quotes the file: see `calendar_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from daemon.config.advice.zones import known_zone

ALL_DAY_MARKS = (
    "X-MICROSOFT-CDO-ALLDAYEVENT",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT",
    "X-FUNAMBOL-ALLDAY",
)
"""How programs say of an event with a time of day that it is one of whole days."""

_USED = frozenset(
    {
        *("DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"),
        *("UID", "SEQUENCE", "DTSTAMP", "STATUS", *ALL_DAY_MARKS),
    }
)
_CALENDAR, _EVENT = "VCALENDAR", "VEVENT"
_EVENTS = ([_CALENDAR, _EVENT], [_EVENT])
"""Where an event stands; some files have events alone."""

_RULES = ("RRULE", "EXRULE")
_RULE_LIMIT, _PARAMETERS_LIMIT = 10_000, 100
"""How many characters a rule may have, and how many parameters any other property."""

_NAME = re.compile(r"[ \t]*([A-Za-z0-9-]+)[ \t]*[;:]")

UNREADABLE = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)
"""What the library raises for a line or a value that it cannot parse."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property as it stands in the file, in `line`."""

    line: int
    name: str
    value: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that begins in `line`; `zone` is for which its calendar has times in UTC."""

    line: int
    zone: ZoneInfo | None
    properties: dict[str, list[Property]]

    def all(self, name: str) -> list[Property]:
        """Return the properties of a name."""
        return self.properties.get(name, [])

    @property
    def uid(self) -> str:
        """Return what revisions of an event, and the days of a series, have in common."""
        return next((found.value for found in self.all("UID")), "")

    def text(self, name: str) -> str:
        """Return the value of the first property of a name in capitals, an empty one without it."""
        return next((found.value.strip().upper() for found in self.all(name)), "")


def find_events(text: str) -> list[Event]:
    """Return the events of all calendars in *text*.

    Raises:
        ValueError: there is no calendar, one is cut off, or a property of an event is not legible.

    """
    reading = _Reading()
    for number, line in _unfolded(text):
        reading.add(number, line)
    if not reading.has_calendar:
        raise ValueError("is not an iCalendar file: no part from BEGIN:VCALENDAR to END:VCALENDAR")
    if reading.parts:
        raise ValueError("is cut off: a part of it has no END; export the calendar once more")
    return [
        Event(line, calendar.zone, properties)
        for calendar in reading.calendars
        for line, properties in calendar.events
    ]


@dataclass(slots=True)
class _Calendar:
    """A calendar that is being read."""

    zone: ZoneInfo | None = None
    events: list[tuple[int, dict[str, list[Property]]]] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """The state after a line: the open `parts`, and whether the line was one that is used."""

    calendars: list[_Calendar] = field(default_factory=lambda: [_Calendar()])
    parts: list[str] = field(default_factory=list)
    has_calendar: bool = False
    was_read: bool = False

    def add(self, number: int, line: str) -> None:
        """Take the next line. Raises ValueError if it makes no sense."""
        match = _NAME.match(line)
        name = match[1].upper() if match else ""
        if name == "BEGIN":
            self._begin(number, _value(line).upper())
        elif name == "END":
            if self.parts[-1:] != [_value(line).upper()]:
                raise ValueError(f"line {number}: END closes what did not begin last")
            self.parts.pop()
        elif self.parts == [_CALENDAR] or self.parts in _EVENTS:
            self._add_property(number, name, line)
        self.was_read = name in {"BEGIN", "END", *_USED}

    def _begin(self, number: int, part: str) -> None:
        self.parts.append(part)
        if self.parts == [_CALENDAR]:
            self.calendars.append(_Calendar())
        if self.parts in _EVENTS:
            self.calendars[-1].events.append((number, {}))
        self.has_calendar = self.has_calendar or part in {_CALENDAR, _EVENT}

    def _add_property(self, number: int, name: str, line: str) -> None:
        if name in _USED and self.parts in _EVENTS:
            found = self.calendars[-1].events[-1][1].setdefault(name, [])
            found.append(_property(number, name, line))
        elif name == "X-WR-TIMEZONE":
            self.calendars[-1].zone = known_zone(_value(line))
        elif not name and line.strip() and self.was_read:
            # After a property that is not used it may be the rest of that.
            raise ValueError(
                f"line {number}: it is not a property; if it goes on from the one before it, it"
                " begins with a space"
            )


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; those that begin with a space go on from the one before."""
    begin, pieces = 1, [""]
    for number, line in enumerate(re.split(r"\r?\n", text), start=1):
        if line[:1] in {" ", "\t"}:
            pieces.append(line[1:])
        else:
            yield begin, "".join(pieces)
            begin, pieces = number, [line.lstrip("\ufeff")]
    yield begin, "".join(pieces)


def _value(line: str) -> str:
    return line.partition(":")[2].strip()


def _property(number: int, name: str, line: str) -> Property:
    if len(line) > _RULE_LIMIT if name in _RULES else line.count(";") > _PARAMETERS_LIMIT:
        raise ValueError(f"line {number}: {name} is too long: no calendar program writes that")
    from icalendar.parser import Contentline  # noqa: PLC0415  # slow to import, used by few files

    try:
        _, parameters, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
        texts = {str(key).upper(): str(each) for key, each in parameters.items()}
    except UNREADABLE as exc:
        raise ValueError(f"line {number}: {name} is not valid") from exc
    return Property(number, name, str(value).strip(), texts)
