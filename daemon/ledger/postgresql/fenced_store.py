"""What is written about claimed clusters: only what their claims still cover."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daemon.core.attempt import Attempt, Outcome
from daemon.core.moment import Moment
from daemon.core.shares import Lease
from daemon.errors import FencedError, LedgerError
from daemon.ledger import rows, tables
from daemon.ledger.changes import Change, ContentError, write, write_each, write_news
from daemon.ledger.ledger import SharedLedger
from daemon.ledger.postgresql.database import NOW
from daemon.ledger.postgresql.doubts import Doubts
from daemon.ledger.suspicions import DatabaseFormat, SuspicionFormat

_Put = Callable[
    [
        sa.Connection,
        SuspicionFormat,
        Sequence[Change],
        Callable[[Change, Attempt], dict[str, Any]],
    ],
    list[LedgerError | None],
]

_CLAIM = tables.claim.c
_PAIRS = sa.select(
    tables.unnested("names", _CLAIM.cluster), tables.unnested("epochs", _CLAIM.epoch)
)
_FENCE = (
    sa.select(_CLAIM.cluster, _CLAIM.epoch, NOW.label("now"))
    .where(_CLAIM.owner == sa.bindparam("me"))
    .where(sa.tuple_(_CLAIM.cluster, _CLAIM.epoch).in_(_PAIRS))
    # Renewals change no key and need not wait for it; a new owner does.
    .with_for_update(read=True, key_share=True)
)


class FencedWriter:
    """Writes for all lanes of a daemon, under its claims."""

    def __init__(self, ledger: SharedLedger, me: str, clock: Callable[[], Moment]) -> None:
        """Write to *ledger* under the claims of *me*."""
        self._ledger = ledger
        self._me = me
        self._clock = clock
        self._doubts = Doubts(me)

    def write_together(self, changes: Sequence[Change]) -> list[LedgerError | None]:
        """Write them in one durable transaction; return an error for each whose claim has ended.

        So it does for each of which some row was refused.

        Raises:
            LedgerError: nothing was written.

        """
        try:
            try:
                return self._write(changes, _write_all)
            except ContentError:
                return self._write(changes, write_each)
        except LedgerError:
            self._doubts.add(changes)
            raise

    def _write(self, changes: Sequence[Change], put: _Put) -> list[LedgerError | None]:
        with self._ledger.transaction() as connection:
            before = self._clock()
            held = self._fence(connection, changes)
            # If no claim holds, no record and no suspicion is written, and any time will do.
            now = next(iter(held.values()), before.wall)
            suspicion_format = DatabaseFormat(now, before, self._clock())
            lost = {id(each) for each in changes if not _is_held(each, held)}
            errors = put(
                connection,
                suspicion_format,
                [
                    each if _is_held(each, held) else replace(each, records=[], news=None)
                    for each in self._doubts.settle(connection, changes)
                ],
                lambda change, sent: self._row(change, sent, is_stale=not _is_held(change, held)),
            )
            _end_claims(connection, {o for c in changes if id(c) not in lost for o in c.others})
        return [
            self._fenced(each.claimed) if id(each) in lost else error
            for each, error in zip(changes, errors, strict=True)
        ]

    def _fence(
        self, connection: sa.Connection, changes: Sequence[Change]
    ) -> dict[tuple[str, int], datetime]:
        """Return the claims that hold, which are then locked until the end of the transaction."""
        leases = {each.claimed.cluster: each.claimed.epoch for each in changes}
        found = connection.execute(
            _FENCE, {"me": self._me, "names": [*leases], "epochs": [*leases.values()]}
        )
        return {(row.cluster, row.epoch): row.now for row in found}

    def _row(self, change: Change, sent: Attempt, *, is_stale: bool) -> dict[str, Any]:
        outcome = {"outcome": Outcome.STALE} if is_stale else {}
        return rows.from_attempt(sent, self._me, change.claimed.epoch) | outcome

    def _fenced(self, lease: Lease) -> FencedError:
        lease.drop()
        return FencedError(
            f"{self._ledger.place}: {lease.cluster} is another daemon's by now; what was sent too"
            " late is in the history as stale, and leads to a look"
        )


def _is_held(change: Change, held: Collection[tuple[str, int]]) -> bool:
    return (change.claimed.cluster, change.claimed.epoch) in held


def _write_all(
    connection: sa.Connection,
    suspicion_format: SuspicionFormat,
    changes: Sequence[Change],
    row_of: Callable[[Change, Attempt], dict[str, Any]],
) -> list[LedgerError | None]:
    records = [record for change in changes for record in change.records]
    sent = [row_of(change, each) for change in changes for each in change.attempts]
    write(connection, suspicion_format, records, sent)
    write_news(connection, [change.news for change in changes if change.news])
    return [None] * len(changes)


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
