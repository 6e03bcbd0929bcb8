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


_SECOND = timedelta(seconds=1)


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
    # Clocks change at whole seconds, whatever fraction the time in the gap has.
    before, after = (_instant(local, zone, fold).replace(microsecond=0) for fold in (1, 0))
    return change_between(before, after, zone)


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


def change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which clocks in *zone* change, between two (UTC) on each side of it."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
