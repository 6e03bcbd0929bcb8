"""One opening: from local times and a zone to two instants, whatever clocks do in between.

No file, no clock, no log:

1. An opening is half-open, `[start, end)`, between two instants in UTC.
2. It belongs to the local date that its rule names, also where a gap moves its start.
3. `start` and `end` are wall-clock times, read as widely as they can be; `duration` is elapsed.
4. If both readings fall together the opening keeps its nominal length.
5. A rule that fires in any hour fires at every real instant, so never in a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.windows.wallclock import (
    Reading,
    end_instant,
    every_instant,
    exists,
    shows,
    start_instant,
)


class DstEffect(StrEnum):
    """What a clock change did to an opening; its length goes first.

    Moved: its start or its end fell into a gap, and it is as long as its rule says. Shortened,
    lengthened: more or less time elapses between `start` and `end` than their clock times say.
    """

    MOVED = "moved"
    SHORTENED = "shortened"
    LENGTHENED = "lengthened"


@dataclass(frozen=True, slots=True)
class Interval:
    """One opening: `[start, end)` in UTC, and the local date that its rule names."""

    start: datetime
    end: datetime
    day: date
    dst: DstEffect | None = None


def lasting(local: datetime, duration: timedelta, zone: ZoneInfo) -> Interval:
    """Return the opening that begins when clocks show *local* and lasts for *duration*."""
    start = start_instant(local, zone)
    dst = None if shows(start, local, zone) else DstEffect.MOVED
    return Interval(start, start + duration, local.date(), dst)


def between(local: datetime, local_end: datetime, zone: ZoneInfo) -> Interval:
    """Return the opening from one local time to another."""
    start, end = start_instant(local, zone), end_instant(local_end, zone)
    nominal = local_end - local
    if end <= start:
        return Interval(start, start + nominal, local.date(), DstEffect.MOVED)
    return Interval(start, end, local.date(), _effect(local, local_end, end - start, zone))


def _effect(
    local: datetime, local_end: datetime, elapsed: timedelta, zone: ZoneInfo
) -> DstEffect | None:
    nominal = local_end - local
    if elapsed < nominal:
        return DstEffect.SHORTENED
    if elapsed > nominal:
        return DstEffect.LENGTHENED
    return None if exists(local, zone) and exists(local_end, zone) else DstEffect.MOVED


def fired(
    times: Iterable[datetime], duration: timedelta, reading: Reading, zone: ZoneInfo
) -> Iterator[Interval]:
    """Yield the openings that begin when clocks show *times*: for each none, one or two."""
    for local in times:
        found = [] if reading is Reading.NAMED else every_instant(local, zone)
        for start in found:
            yield Interval(start, start + duration, local.date())
        if not found and reading is not Reading.REAL:
            yield lasting(local, duration, zone)
