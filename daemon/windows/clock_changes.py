"""Find where clocks in a zone change, which its rules do not say. No file, no clock, no log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from daemon.windows.wallclock import change_between

_STEP = timedelta(days=3)
"""No two changes of any zone are nearer: the nearest were four days apart (Freetown in 1939)."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A jump of clocks: local times from `low` to `high` come twice, or not at all.

    It is at the instant `at` (UTC), by so much: forward is positive.
    """

    low: datetime
    high: datetime
    at: datetime
    by: timedelta


@lru_cache(maxsize=20_000)
def clock_changes(zone: ZoneInfo, year: int) -> tuple[ClockChange, ...]:
    """Return the changes of clocks in *zone* in a year (UTC), in order."""
    if not date.min.year + 1 < year < date.max.year:
        return ()
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    before, found = _offset(at - _SECOND, zone), []
    while at < end:
        next_at = min(at + _STEP, end)
        # The last instant of the year is the end of this look, and the start of the next year's.
        after = _offset(next_at - _SECOND, zone)
        if after != before:
            found.append(_change(at - _SECOND, next_at - _SECOND, zone))
        at, before = next_at, after
    return tuple(found)


def changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """Yield the changes of clocks in *zone* within `[start, end)`, which are aware, in order."""
    for year in range(start.astimezone(UTC).year, end.astimezone(UTC).year + 1):
        yield from (found for found in clock_changes(zone, year) if start <= found.at < end)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> ClockChange:
    """Return the change between two instants, one on each side of it."""
    at = change_between(before, after, zone)
    clocks = tuple((at + _offset(side, zone)).replace(tzinfo=None) for side in (before, at))
    return ClockChange(min(clocks), max(clocks), at, clocks[1] - clocks[0])


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
