"""Which daemon manages which cluster: claims in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.listing import Listing
from daemon.core.record import Record
from daemon.ledger import rows, tables
from daemon.ledger.changes import sift
from daemon.ledger.ledger import COUNT_OVERRIDES, SharedLedger
from daemon.ledger.postgresql.database import END_SESSIONS, LIVE, NOW, seed
from daemon.ledger.postgresql.doubts import unwritten
from daemon.ledger.state import AppliedConfig, Reading
from daemon.windows.overrides import Override

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert

OBSOLETE = "1 day"
"""How long a member that died without signing off is listed."""

STALE_AT_ONCE = 1000

# What each heartbeat asks for is asked for in few statements, which are written once.
_COUNTED = sa.select(
    sa.select(sa.func.count())
    .select_from(tables.member)
    .where(LIVE, tables.member.c.generation == sa.bindparam("generation"))
    .scalar_subquery()
    .label("members"),
    COUNT_OVERRIDES.scalar_subquery().label("overrides"),
    sa.select(sa.func.count()).select_from(tables.claim).scalar_subquery().label("claims"),
)
_IS_FREE = sa.or_(tables.claim.c.owner.is_(None), tables.claim.c.expires < NOW)
_FREE = sa.select(tables.claim.c.cluster).where(_IS_FREE)
_RECORDED = sa.select(tables.record.c.cluster).distinct()
_LOOKS = sa.select(
    tables.unnested("clusters", tables.claim.c.cluster).label("cluster"),
    tables.unnested("epochs", tables.claim.c.epoch).label("epoch"),
    tables.unnested("lasts", tables.claim.c.looked).label("last"),
).subquery("looks")
# No two claims have the same epoch of a cluster, so whose it is need not be asked.
_LOOKED = (
    sa.update(tables.claim)
    .where(tables.claim.c.cluster == _LOOKS.c.cluster, tables.claim.c.epoch == _LOOKS.c.epoch)
    .where(tables.claim.c.expires > NOW)
    .values(looked=_LOOKS.c.last)
)


@dataclass(frozen=True, slots=True)
class MemberReport:
    """What a member reports about itself."""

    id: str
    host: str
    pid: int
    since: datetime
    version: str
    config: AppliedConfig
    skew: timedelta
    reading: Reading


@dataclass(frozen=True, slots=True)
class Stale:
    """A call whose outcome came too late: the cluster's owner must check its effect."""

    id: int
    cluster: str
    repository: str
    action: Action


@dataclass(frozen=True, slots=True)
class Look:
    """Up to which stale attempt a cluster was looked at, under the claim of an epoch."""

    epoch: int
    last: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What the database answers to one heartbeat.

    `members` counts those whose file is the configuration in force, whose generation and digest are
    here; `recorded` are the clusters that have records, `free` those that nobody has, of so many
    `claims` that there are.
    """

    now: datetime
    generation: int
    digest: str
    members: int
    recorded: frozenset[str]
    overrides: int
    claims: int
    free: frozenset[str]
    stale: tuple[Stale, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A new claim, with the ledger's records of the cluster, and what its last list showed."""

    cluster: str
    epoch: int
    records: tuple[Record, ...]
    listing: Listing | None = None


class Claims:
    """The claims of one member. All methods raise LedgerError."""

    def __init__(self, ledger: SharedLedger, me: str) -> None:
        """Claim on *ledger* in the name of *me*."""
        self._ledger = ledger
        self._me = me
        self._mine = tables.claim.c.owner == me
        self._late_calls = (
            sa.select(tables.attempt)
            .join(tables.claim, tables.claim.c.cluster == tables.attempt.c.cluster)
            .where(self._mine, sa.text("attempt.outcome = 'stale'"))
            .where(tables.attempt.c.id > tables.claim.c.looked)
            .order_by(tables.attempt.c.id)
            .limit(STALE_AT_ONCE)
        )

    def beat(self, report: MemberReport, lease: timedelta) -> Heartbeat:
        """Write our report, and return what the others do."""
        # A short transaction of its own: the writes of our passes wait for its locks.
        with self._ledger.transaction() as connection:
            generation, digest = seed(connection, report.config)
            agrees = digest == report.config.digest
            now = self._write_report(connection, report, lease, generation if agrees else None)
            counted = connection.execute(_COUNTED, {"generation": generation}).one()
            return Heartbeat(
                now=now,
                generation=generation,
                digest=digest,
                members=counted.members,
                recorded=frozenset(connection.execute(_RECORDED).scalars()),
                overrides=counted.overrides,
                claims=counted.claims,
                free=frozenset(connection.execute(_FREE).scalars()),
                stale=self._stale(connection),
            )

    def renew(self, lease: timedelta, ended: Mapping[str, int]) -> dict[str, int]:
        """Renew our claims but those that have *ended*; return the epochs of those still ours."""
        pairs = sa.tuple_(tables.claim.c.cluster, tables.claim.c.epoch)
        kept = pairs.not_in(list(ended.items())) if ended else sa.true()
        with self._ledger.transaction() as connection:
            found = connection.execute(
                sa.update(tables.claim)
                .where(self._mine, tables.claim.c.expires > NOW, kept)
                .values(expires=NOW + lease)
                .returning(tables.claim.c.cluster, tables.claim.c.epoch)
            ).all()
        return {row.cluster: row.epoch for row in found}

    def _write_report(
        self,
        connection: sa.Connection,
        report: MemberReport,
        lease: timedelta,
        generation: int | None,
    ) -> datetime:
        values = {
            "host": report.host,
            "pid": report.pid,
            "since": report.since,
            "beat": NOW,
            "lease_s": lease.total_seconds(),
            "version": report.version,
            "digest": report.config.digest,
            "generation": generation,
            "skew_s": report.skew.total_seconds(),
            "reading": report.reading.text(),
        }
        statement = (
            _insert(tables.member)
            .values(id=report.id, **values)
            .on_conflict_do_update(index_elements=["id"], set_=values)
            .returning(NOW)
        )
        now: datetime = connection.execute(statement).scalar_one()
        return now

    def _stale(self, connection: sa.Connection) -> tuple[Stale, ...]:
        return tuple(
            Stale(row.id, row.cluster, row.repository, Action(row.action))
            for row in connection.execute(self._late_calls)
        )

    def claim(
        self, names: Collection[str], except_: Collection[str], most: int, lease: timedelta
    ) -> list[Grant]:
        """Claim up to *most* free clusters of those called *names*, but none of *except_*."""
        if not most:
            return []
        claim = tables.claim
        with self._ledger.transaction() as connection:
            known = set(connection.execute(sa.select(claim.c.cluster)).scalars())
            new = [{"cluster": name, "expires": NOW} for name in sorted(set(names) - known)]
            if new:
                connection.execute(_insert(claim).values(new).on_conflict_do_nothing())
            connection.execute(END_SESSIONS, {"me": self._me})
            query = (
                sa.select(claim.c.cluster)
                .where(_is_one_of(set(names) - set(except_)), _IS_FREE)
                .order_by(sa.func.random())
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            chosen = list(connection.execute(query).scalars())
            taken = connection.execute(
                sa.update(claim)
                .where(_is_one_of(chosen))
                .values(owner=self._me, epoch=claim.c.epoch + 1, expires=NOW + lease)
                .returning(claim.c.cluster, claim.c.epoch)
            ).all()
            # Earlier owners can write nothing more, so these are all records.
            records = self._records(connection, chosen)
            shown = sa.select(tables.listing).where(tables.listing.c.cluster.in_(chosen))
            listings = rows.to_listings(connection.execute(shown))
        return [
            Grant(name, epoch, tuple(records.get(name, ())), listings.get(name))
            for name, epoch in taken
        ]

    def _records(
        self, connection: sa.Connection, clusters: Sequence[str]
    ) -> dict[str, list[Record]]:
        query = sa.select(tables.record).where(tables.record.c.cluster.in_(clusters))
        records: dict[str, list[Record]] = {}
        for record in self._ledger.parse_records(connection, connection.execute(query).all()):
            records.setdefault(record.key.cluster, []).append(record)
        return records

    def give_back(self, epochs: Mapping[str, int]) -> None:
        """Free the claims on these clusters that are still ours, by these epochs."""
        pairs = sa.tuple_(tables.claim.c.cluster, tables.claim.c.epoch)
        with self._ledger.transaction() as connection:
            connection.execute(
                sa.update(tables.claim)
                .where(self._mine, pairs.in_(list(epochs.items())))
                .values(owner=None, expires=NOW)
            )

    def looked(self, looks: Mapping[str, Look]) -> None:
        """Note the last stale attempt of each cluster whose effect is being checked.

        What was looked at under a claim that has ended is for the next owner to look at.
        """
        found = {
            "clusters": [*looks],
            "epochs": [look.epoch for look in looks.values()],
            "lasts": [look.last for look in looks.values()],
        }
        with self._ledger.transaction() as connection:
            connection.execute(_LOOKED, found)

    def keep_stale(self, attempts: Sequence[tuple[int, Attempt]]) -> list[tuple[Attempt, str]]:
        """Write attempts that were recorded too late as stale, each with its claim's epoch.

        Return those that the database refuses for what is in them, and why.
        """
        with self._ledger.transaction() as connection:
            # Some of it may have been written by a transaction of which nobody heard.
            new = unwritten(connection, self._me, attempts)
            late = [
                rows.from_attempt(replace(attempt, outcome=Outcome.STALE), self._me, epoch)
                for epoch, attempt in new
            ]
            put = partial(tables.execute_many, connection, tables.INSERT_ATTEMPT)
            refused = sift(connection, late, put)
        return [(new[at][1], why) for at, why in refused.items()]

    def leave(self) -> None:
        """Delete our membership; claims stay until they are given back or expire."""
        with self._ledger.transaction() as connection:
            connection.execute(sa.delete(tables.member).where(tables.member.c.id == self._me))

    def forget(self, before: datetime, most: int) -> int:
        """Delete up to *most* attempts from before then, and members that died long ago.

        Return how many attempts.
        """
        forgotten = self._ledger.forget_attempts(before, most)
        with self._ledger.transaction() as connection:
            old = tables.member.c.beat < NOW - sa.text(f"interval '{OBSOLETE}'")
            connection.execute(sa.delete(tables.member).where(old))
        return forgotten

    def overrides(self) -> list[Override]:
        """List people's decisions, the oldest first."""
        return self._ledger.overrides()


def _is_one_of(names: Collection[str]) -> sa.ColumnElement[bool]:
    """Check the cluster; one parameter for thousands of names, and one statement for all."""
    return tables.claim.c.cluster == sa.any_(sa.literal(sorted(names), sa.ARRAY(sa.Text)))


def _insert(table: sa.Table) -> Insert:
    """Return a statement that may say what to do about a conflict."""
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415  # 30 ms where there is none

    return insert(table)
