"""Instants as people write them on the command line."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.durations import parse_duration
from daemon.errors import UsageError

FORMS = "2026-01-31, 2026-01-31T02:00 or 2026-01-31T02:00:00Z"

_MARGIN = 4
"""Years around an instant that have to exist: openings are looked for before and after it."""

_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def read_instant(option: str, text: str, zone: ZoneInfo, forms: str = FORMS) -> datetime:
    """Parse the value of *option*, local in *zone* if it has no offset; return it in UTC.

    Raises:
        UsageError: it is not a time, and none of the *forms* that are allowed, or is beyond the
            calendar.

    """
    return _parsed(option, text, zone, forms).astimezone(UTC)


def read_future(option: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Parse an end after *now*; a time of day is the next one. Raises UsageError.

    Where clocks change it is the later of two readings, as the end of a window is.
    """
    if match := _TIME_OF_DAY.fullmatch(text):
        local = now.astimezone(zone).replace(
            hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0
        )
        coming = (_latest(local + timedelta(days=days)) for days in (0, 1, 2))
        return next(instant for instant in coming if instant > now)
    instant = _latest(_parsed(option, text, zone, f"18:00, {FORMS}"))
    if instant <= now:
        raise UsageError(f"{option} {text}: is in the past: it is {now.astimezone(zone):%F %T %Z}")
    return instant


def read_past(option: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Parse an instant, or how long ago it was (`2h`). Raises UsageError."""
    try:
        return now - parse_duration(text)
    except ValueError:
        return read_instant(option, text, zone, f"2h, {FORMS}")
    except OverflowError as exc:
        raise UsageError(f"{option} {text}: that is beyond the calendar") from exc


def _parsed(option: str, text: str, zone: ZoneInfo, forms: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f"{option} {text}: not a time; write {forms}") from exc
    aware = instant if instant.tzinfo else instant.replace(tzinfo=zone)
    # Compared by its year: at the very edge it cannot even be converted to UTC.
    if not MINYEAR + _MARGIN <= aware.year <= MAXYEAR - _MARGIN:
        raise UsageError(f"{option} {text}: that is beyond the calendar")
    return aware


def _latest(local: datetime) -> datetime:
    """Return in UTC the later of the two readings that a local time may have."""
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
