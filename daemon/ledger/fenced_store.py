"""Writes of the workers of claimed clusters: only what their claims still cover."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daemon.core.attempt import Attempt, Outcome
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.errors import FencedError
from daemon.ledger import tables as rows
from daemon.ledger.group_commit import GroupCommit
from daemon.ledger.ledger import SharedLedger, write
from daemon.ledger.postgresql import NOW
from daemon.ledger.suspicions import DatabaseFormat


@dataclass(frozen=True, slots=True)
class Change:
    """What the worker of one cluster writes under its claim."""

    lease: Lease
    records: list[Record]
    attempts: list[Attempt]

    @property
    def claim(self) -> tuple[str, int]:
        """The cluster and the epoch."""
        return self.lease.cluster, self.lease.epoch

    @property
    def others(self) -> frozenset[str]:
        """The names of other clusters that records were handed over to."""
        return frozenset(record.key.cluster for record in self.records) - {self.lease.cluster}


class FencedStore:
    """What the worker of one claimed cluster writes to."""

    def __init__(self, writer: FencedWriter, lease: Lease) -> None:
        """Write by *writer*, under the claim of *lease*."""
        self._writer = writer
        self._lease = lease

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write everything in one durable transaction, or only the attempts, as stale.

        Raises:
            FencedError: the claim has ended; nothing more is sent to the cluster.
            LedgerError: nothing was written.

        """
        self._writer.write(Change(self._lease, list(records), list(attempts)))


class FencedWriter:
    """Writes for all workers of a daemon; simultaneous writes share a transaction."""

    def __init__(self, ledger: SharedLedger, me: str, clock: Callable[[], Moment]) -> None:
        """Write to *ledger* under the claims of *me*."""
        self._ledger = ledger
        self._me = me
        self._clock = clock
        self._group = GroupCommit(self.write_together)

    def write(self, change: Change) -> None:
        """Write *change*; raises what `FencedStore.save` raises."""
        if not change.others:
            self._group.add(change)
            return
        # Not in a group: it waits for the other name's owner, who may be writing in our next one.
        for error in self.write_together([change]):
            if error:
                raise error

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
            for change in changes:
                is_held = change.claim in held
                sent += self._rows(change, is_stale=not is_held)
                errors.append(None if is_held else self._fenced(change.lease))
                if is_held:
                    records += change.records
                    others |= change.others
            write(connection, suspicion_format, records, sent)
            _end_claims(connection, others)
        return errors

    def _fence(
        self, connection: sa.Connection, changes: Sequence[Change]
    ) -> dict[tuple[str, int], datetime]:
        """Return the claims that hold, which are then locked until the end of the transaction."""
        claim = rows.claim.c
        found = connection.execute(
            sa.select(claim.cluster, claim.epoch, NOW.label("now"))
            .where(claim.owner == self._me)
            .where(sa.tuple_(claim.cluster, claim.epoch).in_([each.claim for each in changes]))
            # Renewals change no key and need not wait for it; a new owner does.
            .with_for_update(read=True, key_share=True)
        )
        return {(row.cluster, row.epoch): row.now for row in found}

    def _rows(self, change: Change, *, is_stale: bool) -> list[dict[str, Any]]:
        outcome = {"outcome": Outcome.STALE} if is_stale else {}
        epoch = change.lease.epoch
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
        theirs = rows.claim.c.cluster.in_(others)
        # Wait for what the owner is writing.
        connection.execute(sa.select(rows.claim.c.cluster).where(theirs).with_for_update())
        connection.execute(
            sa.update(rows.claim)
            .where(theirs)
            .values(owner=None, epoch=rows.claim.c.epoch + 1, expires=NOW)
        )
