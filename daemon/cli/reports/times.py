"""Times and lengths of time in the words of a report; no table, which takes rich."""

from __future__ import annotations

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def span(length: timedelta) -> str:
    """Return a span in its two largest units: `2 h 10 min`."""
    units = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", MINUTE))
    if length < MINUTE:
        return f"{max(round(length.total_seconds()), 0)} s"
    parts, rest = [], length
    for name, unit in units:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def format_local(instant: datetime) -> str:
    """Return a local time as people read it, with its weekday and zone."""
    return f"{instant:%a %Y-%m-%d %H:%M %Z}"


def format_until(end: datetime, now: datetime) -> str:
    """Return the local time *end*, whether that is tomorrow, and how long it is from *now*."""
    is_tomorrow = end.date() == now.astimezone(end.tzinfo).date() + timedelta(days=1)
    # Whole minutes: what is an hour should not be 59 minutes because a moment has passed.
    length = timedelta(minutes=round((end - now) / MINUTE)) if end - now > MINUTE else end - now
    return f"{'tomorrow, ' if is_tomorrow else ''}{format_local(end)} (in {span(length)})"


def format_argument(instant: datetime) -> str:
    """Return a local time with its offset as `--opening` takes it, without seconds of 0."""
    return instant.isoformat(timespec="seconds" if instant.second else "minutes")


def format_local_with_offset(instant: datetime) -> str:
    """Return a local time with its offset from UTC, too, for zones few people know."""
    return f"{format_local(instant)} ({instant.isoformat()[-6:]})"
