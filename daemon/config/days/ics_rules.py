"""Follow the rules of repetition (RFC 5545, 3.8.5.3) of an iCalendar event of whole days."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.config.days.ics_events import Event, Property
from daemon.config.days.ics_values import Span, date_of, start_of, wall_time, zone_of
from daemon.windows.dates import FIRST_YEAR, LAST_YEAR
from daemon.windows.recurrence.reader import local_times, read_rrule

RULES_LIMIT = 500
MONTHS_LIMIT = 60_000
"""How many rules may be followed, and through how many months together: it takes seconds."""

_FIRST = datetime(FIRST_YEAR, 1, 1)  # noqa: DTZ001  # on the event's own clock
_LAST = datetime(LAST_YEAR, 12, 31, 23, 59, 59)  # noqa: DTZ001

_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")
_MONTHS = 12

# RFC 5545, 3.3.10: these "MUST be ignored" in a series of days.
_USUAL = ("RSCALE=GREGORIAN", "SKIP=OMIT")
_OF_THE_CLOCK = ("BYHOUR=", "BYMINUTE=", "BYSECOND=")


class Unused(StrEnum):
    """A rule that is passed over."""

    EMPTY = "with an empty rule of repetition"
    ENDED = "with a rule of repetition that ends (UNTIL) before it begins"


def check_work(events: Iterable[Event]) -> None:
    """Raise ValueError if the rules of *events* of whole days take too long to follow together."""
    rules = months = 0
    for event in events:
        for rule in (*event.all("RRULE"), *event.all("EXRULE")):
            rules += 1
            months += _months(event, rule)
            where = f"line {event.line}: with the event that begins here there are more than"
            if rules > RULES_LIMIT:
                raise ValueError(
                    f"{where} {RULES_LIMIT:,} rules of repetition (RRULE) of all-day events"
                )
            if months > MONTHS_LIMIT:
                raise ValueError(
                    f"{where} {MONTHS_LIMIT:,} months to follow rules of repetition (RRULE)"
                    f" through, up to {LAST_YEAR}: give them an end (UNTIL)"
                )


def unused(event: Event, rule: Property) -> Unused | None:
    """Return why a rule adds no day to those of the event itself, if it does not."""
    if not _parts(rule):
        return Unused.EMPTY
    return Unused.ENDED if _last(event, rule) < wall_time(start_of(event), None) else None


def repetitions(event: Event, span: Span, rule: Property) -> Iterator[date]:
    """Yield the first days on which an event of *span* is repeated, up to `LAST_YEAR`.

    Raises:
        ValueError: the rule cannot be used.

    """
    if unused(event, rule):
        return
    begin = wall_time(start_of(event), None)
    # Of an event in UTC, whose day is another in its own zone.
    shift = span.first - begin.date()
    parts = [part for part in _parts(rule) if not _says_nothing(part)]
    text = ";".join(parts)
    try:
        if not any(part.startswith("FREQ=") and part[5:] in _FREQUENCIES for part in parts):
            raise ValueError("finer than DAILY, or no frequency")  # noqa: TRY301
        read = read_rrule(text, begin)
    except ValueError as exc:
        reason = "it is not as in RFC 5545, finer than DAILY, too much, or never fires"
        raise ValueError(f"line {rule.line}: its RRULE cannot be used: {reason}") from exc
    last = min(_last(event, rule), _LAST)
    # The zone is for an UNTIL in UTC, which was taken out.
    times = local_times(read, ZoneInfo("UTC"), max(begin, _FIRST), last)
    yield from (at.date() + shift for at in times if at > begin)


def _months(event: Event, rule: Property) -> int:
    """Return how many months have to be looked at to follow a rule."""
    named = dict(part.partition("=")[::2] for part in _parts(rule))
    interval = named.get("INTERVAL", "")
    step = max(int(interval), 1) if re.fullmatch("[0-9]{1,6}", interval) else 1
    begin = start_of(event).year
    if "COUNT" not in named:
        # Whatever was before it does not have to be counted.
        begin = max(begin, FIRST_YEAR)
    years = max(min(_last(event, rule), _LAST).year - begin + 1, 0)
    a_year = len(set(named["BYMONTH"].split(","))) if "BYMONTH" in named else _MONTHS
    is_of_one_day = not any(name.startswith("BY") for name in named)
    match named.get("FREQ"):
        case "YEARLY":
            return -(-years // step) * (1 if is_of_one_day else a_year)
        case "MONTHLY":
            return -(-years * a_year // step)
        case _:
            return years * a_year


def _parts(rule: Property) -> list[str]:
    """Return the parts of a rule; some programs write blanks, or empty ones after the last `;`."""
    return [part for part in "".join(rule.value.upper().split()).split(";") if part]


def _says_nothing(part: str) -> bool:
    """Check whether a part is not followed: UNTIL is another's work, -1 is Exchange's for ever.

    And what RFC 7529 has for other calendars says, of this one, what is meant without it.
    """
    return part.startswith(("UNTIL=", "COUNT=-", *_OF_THE_CLOCK)) or part in _USUAL


def _last(event: Event, rule: Property) -> datetime:
    """Return the end of a rule on the event's own clock; one that is a day includes it."""
    start = start_of(event)
    ends = [part.removeprefix("UNTIL=") for part in _parts(rule) if part.startswith("UNTIL=")]
    if not ends:
        return _LAST
    until = date_of(Property(rule.line, f"UNTIL of {rule.name}", ends[0], {}))
    if not isinstance(until, datetime):
        return datetime.combine(until, time.max)
    is_in_utc = isinstance(start, datetime) and start.tzinfo is not None
    return wall_time(until, None if is_in_utc else zone_of(event))
