"""How openings and spans of time are shown, to programs and to people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Console

from daemon.timeline import LOOK_AHEAD
from daemon.windows import Opening, Window

MINUTE = timedelta(minutes=1)
LEAST_WIDTH = 10
"""What is left of the first column of a table where there is no room."""

_FIRST_LOOK = timedelta(days=1)


def ahead(window: Window, now: datetime) -> Iterator[Opening]:
    """Give the openings from *now* on, one that is open included, for 400 days.

    It looks further only while somebody wants more: of a window that opens every minute the next
    opening is known at once, all of a year's are not.
    """
    start, length, end = now, _FIRST_LOOK, now + LOOK_AHEAD
    while start < end:
        stop = min(start + length, end)
        for opening in window.openings(start, stop):
            # One that began before a later look was given by the look before.
            if start == now or opening.start >= start:
                yield opening
        start, length = stop, length * 4


def opening_json(opening: Opening) -> dict[str, str]:
    """Give an opening as `calendar` and `status` print it; times have the zone's offset."""
    shown = {
        "window": opening.window,
        "start": opening.local_start.isoformat(),
        "end": opening.local_end.isoformat(),
        "timezone": opening.zone.key,
    }
    return shown | ({"dst": opening.dst.value} if opening.dst else {})


def print_json(document: object) -> None:
    """Print one JSON document; of a list, each item on a line of its own."""
    if isinstance(document, list) and document:
        # Not `indent`: that is a slow encoder, and a year of many windows has 200,000 openings.
        text = "[\n  " + ",\n  ".join(map(json.dumps, document)) + "\n]"
    else:
        text = json.dumps(document, indent=2)
    sys.stdout.write(f"{text}\n")


def print_columns(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their titles; what is too wide in the first column is folded.

    For tables of any length: a year of a thousand windows has 200,000 rows.
    """
    table = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    room = console().width - sum(width + 2 for width in widths[1:])
    widths[0] = min(widths[0], max(room, LEAST_WIDTH))
    lines = (line for row in table for line in _folded(row, widths))
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _folded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, *others = row
    cells = [first[: widths[0]], *others]
    yield "  ".join(map(str.ljust, cells, widths)).rstrip()
    for start in range(widths[0], len(first), widths[0]):
        yield first[start : start + widths[0]]


def console() -> Console:
    """Give the terminal; colours and width follow NO_COLOR, COLUMNS and whether it is one."""
    return Console(highlight=False, soft_wrap=False)


def span(length: timedelta) -> str:
    """Give a span as people say it, its two largest units: `2 h 10 min`."""
    units = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", MINUTE))
    if length < MINUTE:
        return f"{max(round(length.total_seconds()), 0)} s"
    parts, rest = [], length
    for name, unit in units:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def clock(instant: datetime) -> str:
    """Give a local time as people read it, with its weekday and zone."""
    return f"{instant:%a %Y-%m-%d %H:%M %Z}"


def clock_with_offset(instant: datetime) -> str:
    """Give a local time as `clock` does, and what it is from UTC, for zones nobody knows."""
    return f"{clock(instant)} ({instant.isoformat()[-6:]})"
