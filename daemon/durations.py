"""Durations as people write them (`90s`, `15m`, `2h`, `1d`, `1h30m`, `500ms`) and as logs do."""

from __future__ import annotations

import re
from datetime import timedelta

from daemon.wording import shown

PATTERN = r"^(?=[0-9])([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
EXAMPLES = "90s, 15m, 2h, 1d, 1h30m or 500ms"

# Longer ones are slips of the pen, and would make the calendar's arithmetic overflow.
LONGEST = timedelta(days=3660)

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


def parse_duration(text: str) -> timedelta:
    """Parse a duration: numbers with units, the largest unit first.

    Raises:
        ValueError: it is none, or longer than ten years; the text says what is allowed.

    """
    match = re.fullmatch(PATTERN, text)
    if match is None:
        bare = " a bare number has no unit;" if text.isdecimal() else ""
        raise ValueError(f"{shown(text)} is not a duration:{bare} write {EXAMPLES}")
    parts = zip(match.groups(), _UNITS.items(), strict=True)
    seconds = sum(
        int(part.removesuffix(unit)) * length.total_seconds()
        for part, (unit, length) in parts
        if part
    )
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{shown(text)} is too long: at most {format_duration(LONGEST)}")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return a duration in the form that `parse_duration` reads, cut to milliseconds."""
    if duration < timedelta(0):
        return f"-{format_duration(-duration)}"
    text, rest = "", duration
    for unit, length in _UNITS.items():
        count, rest = divmod(rest, length)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds, rounded."""
    return round(duration / _UNITS["ms"])
