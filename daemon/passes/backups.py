"""The backups that one cluster is owed after its resumes: one at a time, each at most once.

A window that held a hundred repositories must not start a hundred backups in the second in which
the cluster comes back from its maintenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.core.attempt import Action
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.service.client import ServiceError, WithheldError

EVERY = timedelta(seconds=10)
"""How far apart two of them start on one cluster."""

NOTHING = timedelta(0)
AGAIN = timedelta(minutes=1)
"""How long after a failure that surely started nothing it is tried again."""


class Backups:
    """What is owed, as the holdings remember it; used by one pass at a time."""

    def __init__(self, holdings: Holdings, journal: Journal, clocks: Clocks) -> None:
        """Owe what the records in *holdings* say."""
        self._holdings = holdings
        self._journal = journal
        self._clocks = clocks
        self._started: timedelta | None = None
        self._has_waiting = False

    def owe(self, before: Record, after: Record, now: Moment) -> Record:
        """Return *after*, the record of a repository just resumed, with the backup it is owed."""
        if not before.wants_catch_up(now.wall):
            return after
        turn = now.wall + self._holdings.owed * EVERY
        return replace(after, windows=before.windows, backup_due=turn)

    def choose(self, due: Sequence[Record], now: Moment) -> Record | None:
        """Choose of those that are *due* the one to start now; None while it is too early."""
        self._has_waiting = len(due) > 1 or (bool(due) and self._rest(now) > NOTHING)
        if not due or self._rest(now) > NOTHING:
            return None
        self._started = now.uptime
        return min(due, key=_turn)

    def _rest(self, now: Moment) -> timedelta:
        """Return how long the cluster is left in peace after the last start."""
        return NOTHING if self._started is None else self._started + EVERY - now.uptime

    async def start(self, record: Record, route: Route) -> None:
        """Start the backup of *record*, which no longer owes it on disk."""
        try:
            # Sent once: a backup too many loads a cluster that just left its maintenance.
            await route.service.backup(
                record.key.id, record.windows, _never_again, self._clocks.may_send
            )
        except WithheldError:
            self._holdings.note(record)
        except ServiceError as exc:
            now = self._clocks.now().wall
            again = now + AGAIN if exc.retryable and not exc.unresolved else None
            if again:
                self._holdings.note(replace(record, backup_due=again))
            self._journal.failed(record, Action.BACKUP, exc.error, again)

    def next_due(self, now: Moment) -> timedelta | None:
        """Return how long it is until the next turn; None if there is none.

        A turn that has passed was for a repository that an opening wants paused again, or waits
        for the one before it.
        """
        coming = self._holdings.next_backup(now.wall)
        waits = [coming - now.wall] if coming else []
        if self._has_waiting:
            waits.append(max(self._rest(now), NOTHING))
        return min(waits, default=None)


async def _never_again(_delay: timedelta) -> bool:
    return False


def _turn(record: Record) -> tuple[str, str]:
    return str(record.backup_due), record.key.id
