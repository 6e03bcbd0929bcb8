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
from daemon.service.client import ServiceError

EVERY = timedelta(seconds=10)
"""How far apart two of them start on one cluster."""

AGAIN = timedelta(minutes=1)
"""How long after a failure that surely started nothing it is tried again."""


class Backups:
    """What is owed, as the holdings remember it; used by one pass at a time."""

    def __init__(self, holdings: Holdings, journal: Journal, clocks: Clocks) -> None:
        """Owe what the records in *holdings* say."""
        self._holdings = holdings
        self._journal = journal
        self._clocks = clocks

    def owe(self, before: Record, after: Record, now: Moment) -> Record:
        """Return *after*, the record of a repository just resumed, with the backup it is owed."""
        if not before.wants_catch_up(now.wall):
            return after
        turn = now.wall + len(self._holdings.owed()) * EVERY
        return replace(after, windows=before.windows, backup_due=turn)

    def take_turns(self, due: Sequence[Record], now: Moment) -> Record | None:
        """Return the one of those *due* to start; the others get a later turn."""
        in_turn = sorted(due, key=_turn)
        for place, record in enumerate(in_turn[1:], start=1):
            self._holdings.note(replace(record, backup_due=now.wall + place * EVERY))
        return in_turn[0] if in_turn else None

    def start(self, record: Record, route: Route) -> None:
        """Start the backup of *record*, which no longer owes it on disk."""
        if not self._clocks.wait(timedelta(0)):
            self._holdings.note(record)
            return
        try:
            # Sent once: a backup too many loads a cluster that just left its maintenance.
            route.service.backup(record.key.id, record.windows, lambda _: False)
        except ServiceError as exc:
            now = self._clocks.now().wall
            again = now + AGAIN if exc.retryable and not exc.unresolved else None
            if again:
                self._holdings.note(replace(record, backup_due=again))
            self._journal.failed(record, Action.BACKUP, exc.error, again)

    def next_due(self, now: Moment) -> timedelta | None:
        """Return how long it is until the next turn; None if there is none.

        A turn that has passed was for a repository that an opening wants paused again.
        """
        turns = (record.backup_due for record in self._holdings.owed())
        coming = [turn for turn in turns if turn and turn > now.wall]
        return min(coming) - now.wall if coming else None


def _turn(record: Record) -> tuple[str, str]:
    return str(record.backup_due), record.key.id
