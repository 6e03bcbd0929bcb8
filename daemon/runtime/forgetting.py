"""Deleting old attempts: at the start, hourly, and second after second while there are more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from daemon.core.moment import Moment
from daemon.runtime.ledger_notes import Notes

EVERY = timedelta(hours=1)
AGAIN = timedelta(seconds=1)


class Forgetting:
    """Knows when attempts are to be deleted the next time."""

    def __init__(self, notes: Notes, clock: Callable[[], Moment]) -> None:
        """Delete by *notes*; it is due at once."""
        self._notes = notes
        self._clock = clock
        self._due = timedelta(0)

    def is_due(self, now: Moment) -> bool:
        """Check whether attempts are to be deleted at *now*."""
        return now.uptime >= self._due

    def hasten(self) -> None:
        """Make it due at once: a new configuration may say to keep less."""
        self._due = timedelta(0)

    async def forget(self, keep: timedelta) -> None:
        """Delete attempts that are older than *keep*, some at a time."""
        now = self._clock()
        self._due = now.uptime + EVERY
        if await self._notes.forget_attempts(now.wall - keep):
            self._due = min(self._due, self._clock().uptime + AGAIN)
