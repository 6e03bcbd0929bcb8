"""What is written about claimed clusters: only what their claims still cover."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daemon.core.attempt import Outcome
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.core.summary import News
from daemon.errors import FencedError
from daemon.ledger import rows, tables
from daemon.ledger.ledger import SharedLedger, write, write_news
from daemon.ledger.postgresql import NOW
from daemon.ledger.suspicions import DatabaseFormat
from daemon.ledger.thread import Change


class FencedWriter:
    """Writes for all lanes of a daemon, under its claims."""

    def __init__(self, ledger: SharedLedger, me: str, clock: Callable[[], Moment]) -> None:
        """Write to *ledger* under the claims of *me*."""
        self._ledger = ledger
        self._me = me
        self._clock = clock

    def write_together(self, changes: Sequence[Change]) -> list[FencedError | None]:
        """Write them in one durable transaction; return an error for each whose claim has ended.

        Raises:
            LedgerError: nothing was written.

        """
        with self._ledger.transaction() as connection:
            before = self._clock()
            held = self._fence(connection, changes)
            # If no claim holds, no record and no suspicion is written, and any time will do.
            now = next(iter(held.values()), before.wall)
            suspicion_format = DatabaseFormat(now, before, self._clock())
            records: list[Record] = []
            sent: list[dict[str, Any]] = []
            errors: list[FencedError | None] = []
            others: set[str] = set()
            news: list[News] = []
            for change in changes:
                lease = change.claimed
                is_held = (lease.cluster, lease.epoch) in held
                sent += self._rows(change, is_stale=not is_held)
                errors.append(None if is_held else self._fenced(lease))
                if is_held:
                    records += change.records
                    others |= change.others
                    news += [change.news] if change.news else []
            write(connection, suspicion_format, records, sent)
            write_news(connection, news)
            _end_claims(connection, others)
        return errors

    def _fence(
        self, connection: sa.Connection, changes: Sequence[Change]
    ) -> dict[tuple[str, int], datetime]:
        """Return the claims that hold, which are then locked until the end of the transaction."""
        claim = tables.claim.c
        pairs = [(each.claimed.cluster, each.claimed.epoch) for each in changes]
        found = connection.execute(
            sa.select(claim.cluster, claim.epoch, NOW.label("now"))
            .where(claim.owner == self._me)
            .where(sa.tuple_(claim.cluster, claim.epoch).in_(pairs))
            # Renewals change no key and need not wait for it; a new owner does.
            .with_for_update(read=True, key_share=True)
        )
        return {(row.cluster, row.epoch): row.now for row in found}

    def _rows(self, change: Change, *, is_stale: bool) -> list[dict[str, Any]]:
        outcome = {"outcome": Outcome.STALE} if is_stale else {}
        epoch = change.claimed.epoch
        return [rows.from_attempt(sent, self._me, epoch) | outcome for sent in change.attempts]

    def _fenced(self, lease: Lease) -> FencedError:
        lease.drop()
        return FencedError(
            f"{self._ledger.place}: {lease.cluster} is another daemon's by now; what was sent too"
            " late is in the history as stale, and leads to a look"
        )


def _end_claims(connection: sa.Connection, others: Collection[str]) -> None:
    """End the claims on *others*: whoever claims them next reads the records added here."""
    if others:
        theirs = tables.claim.c.cluster.in_(others)
        # Wait for what the owner is writing.
        connection.execute(sa.select(tables.claim.c.cluster).where(theirs).with_for_update())
        connection.execute(
            sa.update(tables.claim)
            .where(theirs)
            .values(owner=None, epoch=tables.claim.c.epoch + 1, expires=NOW)
        )
