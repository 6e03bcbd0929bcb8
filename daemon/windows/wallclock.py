"""Convert wall-clock times to instants, so that an opening is as long as it can be.

No file, no clock, no log.

- A start in a repeated hour is the first of the two; in a gap it is the first instant after it.
- An end in a repeated hour is the second of the two; in a gap it is shifted by the gap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from zoneinfo import ZoneInfo

EARLIEST, LATEST = datetime(1900, 1, 1), datetime(9900, 1, 1)  # noqa: DTZ001  # local times
"""Nothing is open outside, where the calendar's own arithmetic ends."""


class Reading(Enum):
    """Which instants a local time refers to, where clocks show it twice or never."""

    NAMED = auto()
    """The rule names hours and minutes: the first instant; in a gap the end of the gap."""
    EVERY = auto()
    """The rule names hours, or some of them, and steps within: every instant; in a gap its end."""
    REAL = auto()
    """The rule fires in whatever hour there is: every instant; none in a gap."""


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Check whether clocks in *zone* ever show *local*; if not, it survives no round trip."""
    return shows(_instant(local, zone, 0), local, zone)


def shows(instant: datetime, local: datetime, zone: ZoneInfo) -> bool:
    """Check whether clocks in *zone* show *local* at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None) == local


def start_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) at which clocks in *zone* show *local* or later."""
    instant = _instant(local, zone, 0)
    if shows(instant, local, zone):
        return instant
    return _end_of_gap(_instant(local, zone, 1), instant, zone)


def end_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the last instant (UTC) at which clocks in *zone* reach *local*."""
    return _instant(local, zone, 1 if exists(local, zone) else 0)


def every_instant(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants (UTC) at which clocks in *zone* show *local*: none, one or two."""
    if not exists(local, zone):
        return []
    return sorted({_instant(local, zone, 0), _instant(local, zone, 1)})


def _instant(local: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the transition between two instants, one on each side of it, to the second."""
    # Clocks change at whole seconds, whatever fraction the time in the gap has.
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
