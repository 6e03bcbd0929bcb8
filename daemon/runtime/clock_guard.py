"""Noticing that the clock was set or the host slept: what waits for a time must then look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.core.moment import Moment

STEP = timedelta(seconds=2)
"""A change between the clocks that slewing cannot explain: the clock was set, or the host slept.

A look that comes late on a busy host causes none."""


class ClockGuard:
    """Compares the two clocks at each look; `ticked` is the uptime of the last one."""

    def __init__(self, now: Moment) -> None:
        """Begin with the clocks as they are now."""
        self._offset, self._asleep = _offset(now), now.asleep
        self.ticked = self._beaten = now.uptime

    def beat(self, now: Moment) -> None:
        """Note that the regular alarm rang."""
        self._beaten = now.uptime

    def look(self, now: Moment, beat_every: timedelta) -> timedelta | None:
        """Return by how much the clock was set, 0 if the host only slept; None if neither."""
        stepped, slept = _offset(now) - self._offset, now.asleep - self._asleep
        # Compared with the last look: slewing and drift add up over weeks, but are no step.
        self._offset, self._asleep, self.ticked = _offset(now), now.asleep, now.uptime
        # Of a step forth and back between two looks only a missing beat can be noticed.
        is_beating = now.uptime - self._beaten < beat_every + STEP
        if abs(stepped) < STEP and slept < STEP and is_beating:
            return None
        self._beaten = now.uptime
        return stepped if abs(stepped) >= STEP else timedelta(0)


def _offset(now: Moment) -> timedelta:
    """Return the difference of the two clocks; a suspend counts in both and changes nothing."""
    return now.wall - datetime.min.replace(tzinfo=UTC) - now.uptime
