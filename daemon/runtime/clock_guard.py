"""Notices that the clock was set, or that the host slept: whatever waits for a time must look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.core.moment import Moment

STEP = timedelta(seconds=2)
"""A change between the clocks that is no slewing: somebody set the clock, or the host slept.

A look that comes late on a busy host is neither."""


class ClockGuard:
    """Compares the two clocks at each look; `ticked` is the uptime of the last one."""

    def __init__(self, now: Moment) -> None:
        """Begin with the clocks as they are."""
        self._offset, self._asleep = _offset(now), now.asleep
        self.ticked = self._beaten = now.uptime

    def beat(self, now: Moment) -> None:
        """Note that the alarm rang which always does."""
        self._beaten = now.uptime

    def look(self, now: Moment, beat_every: timedelta) -> timedelta | None:
        """Return by how much the clock was set, 0 if the host only slept; None if all is well."""
        stepped, slept = _offset(now) - self._offset, now.asleep - self._asleep
        # Slewing and drift add up over weeks; each bit of it is no step.
        self._offset, self._asleep, self.ticked = _offset(now), now.asleep, now.uptime
        # Steps there and back between two ticks leave nothing to see but a beat that stays out.
        is_beating = now.uptime - self._beaten < beat_every + STEP
        if abs(stepped) < STEP and slept < STEP and is_beating:
            return None
        self._beaten = now.uptime
        return stepped if abs(stepped) >= STEP else timedelta(0)


def _offset(now: Moment) -> timedelta:
    """Return the distance of the two clocks; a suspend counts in both and does not change it."""
    return now.wall - datetime.min.replace(tzinfo=UTC) - now.uptime
