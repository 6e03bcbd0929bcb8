"""Which daemon speaks to which cluster: claims in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.record import Record
from daemon.ledger import tables as rows
from daemon.ledger.postgresql import END_SESSIONS, LIVE, NEWEST, NOW, PostgresqlLedger, seed
from daemon.ledger.state import AppliedConfig, Reading
from daemon.windows.overrides import Override

OBSOLETE = "1 day"
"""How long a member that died without a word is shown."""

STALE_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class MemberReport:
    """What a member tells of itself."""

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
    """A call whose outcome came too late: whoever has the cluster now is to look."""

    id: int
    cluster: str
    repository: str
    action: Action


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What the database says at one beat.

    `renewed` has the epochs of our claims, None where it was not time to renew them; `members` is
    how many agree with the configuration in force, *generation*; `recorded` are the clusters that
    have records.
    """

    now: datetime
    renewed: Mapping[str, int] | None
    generation: int
    digest: str
    members: int
    recorded: frozenset[str]
    overrides: int
    stale: tuple[Stale, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A claim that was made, with what the ledger knows of the cluster."""

    cluster: str
    epoch: int
    records: tuple[Record, ...]


class Claims:
    """The claims of one member. All methods raise LedgerError."""

    def __init__(self, ledger: PostgresqlLedger, me: str) -> None:
        """Claim on *ledger* in the name of *me*."""
        self._ledger = ledger
        self._me = me
        self._mine = rows.claim.c.owner == me

    def beat(self, report: MemberReport, lease: timedelta, *, renew: bool) -> Heartbeat:
        """Say that we are alive, renew our claims if it is time, and see how things stand."""
        # On its own, and short: our workers' writes wait for its locks.
        renewed = self.renew(lease) if renew else None
        with self._ledger.transaction() as connection:
            seed(connection, report.config)
            newest = connection.execute(NEWEST).one()
            agrees = newest.digest == report.config.digest
            now = self._announce(connection, report, lease, newest.id if agrees else None)
            members = sa.select(sa.func.count()).select_from(rows.member)
            agreeing = members.where(LIVE, rows.member.c.generation == newest.id)
            return Heartbeat(
                now=now,
                renewed=renewed,
                generation=newest.id,
                digest=newest.digest,
                members=connection.execute(agreeing).scalar_one(),
                recorded=frozenset(
                    connection.execute(sa.select(rows.record.c.cluster).distinct()).scalars()
                ),
                overrides=connection.execute(
                    sa.select(sa.func.count()).select_from(rows.override)
                ).scalar_one(),
                stale=self._stale(connection),
            )

    def renew(self, lease: timedelta) -> dict[str, int]:
        """Renew our claims, and tell the epochs of those that still are ours."""
        with self._ledger.transaction() as connection:
            found = connection.execute(
                sa.update(rows.claim)
                .where(self._mine, rows.claim.c.expires > NOW)
                .values(expires=NOW + lease)
                .returning(rows.claim.c.cluster, rows.claim.c.epoch)
            ).all()
        return {row.cluster: row.epoch for row in found}

    def _announce(
        self,
        connection: sa.Connection,
        report: MemberReport,
        lease: timedelta,
        generation: int | None,
    ) -> datetime:
        told = {
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
            insert(rows.member)
            .values(id=report.id, **told)
            .on_conflict_do_update(index_elements=["id"], set_=told)
            .returning(NOW)
        )
        now: datetime = connection.execute(statement).scalar_one()
        return now

    def _stale(self, connection: sa.Connection) -> tuple[Stale, ...]:
        query = (
            sa.select(rows.attempt)
            .join(rows.claim, rows.claim.c.cluster == rows.attempt.c.cluster)
            .where(self._mine, sa.text("attempt.outcome = 'stale'"))
            .where(rows.attempt.c.id > rows.claim.c.looked)
            .order_by(rows.attempt.c.id)
            .limit(STALE_AT_ONCE)
        )
        return tuple(
            Stale(row.id, row.cluster, row.repository, Action(row.action))
            for row in connection.execute(query)
        )

    def claim(
        self, names: Collection[str], except_: Collection[str], most: int, lease: timedelta
    ) -> list[Grant]:
        """Claim up to so many of the clusters called *names* that nobody has."""
        if not most:
            return []
        claim, free = rows.claim, sa.or_(rows.claim.c.owner.is_(None), rows.claim.c.expires < NOW)
        with self._ledger.transaction() as connection:
            known = set(connection.execute(sa.select(claim.c.cluster)).scalars())
            new = [{"cluster": name, "expires": NOW} for name in sorted(set(names) - known)]
            if new:
                connection.execute(insert(claim).values(new).on_conflict_do_nothing())
            connection.execute(END_SESSIONS, {"me": self._me})
            query = (
                sa.select(claim.c.cluster)
                .where(claim.c.cluster.in_(set(names) - set(except_)), free)
                .order_by(sa.func.random())
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            chosen = list(connection.execute(query).scalars())
            taken = connection.execute(
                sa.update(claim)
                .where(claim.c.cluster.in_(chosen))
                .values(owner=self._me, epoch=claim.c.epoch + 1, expires=NOW + lease)
                .returning(claim.c.cluster, claim.c.epoch)
            ).all()
            # Whoever had it before can write nothing more, so that this is all there is.
            found = self._records(connection, chosen)
        return [Grant(row.cluster, row.epoch, tuple(found.get(row.cluster, ()))) for row in taken]

    def _records(
        self, connection: sa.Connection, clusters: Sequence[str]
    ) -> dict[str, list[Record]]:
        query = sa.select(rows.record).where(rows.record.c.cluster.in_(clusters))
        found, suspicion_format = (
            connection.execute(query).all(),
            self._ledger.suspicion_format(connection),
        )
        records: dict[str, list[Record]] = {}
        for row in found:
            record = self._ledger.parse(lambda row: rows.to_record(row, suspicion_format), row)
            records.setdefault(row.cluster, []).append(record)
        return records

    def give_back(self, epochs: Mapping[str, int]) -> None:
        """Let others have these clusters, as far as they are still ours by these epochs."""
        pairs = sa.tuple_(rows.claim.c.cluster, rows.claim.c.epoch)
        with self._ledger.transaction() as connection:
            connection.execute(
                sa.update(rows.claim)
                .where(self._mine, pairs.in_(list(epochs.items())))
                .values(owner=None, expires=NOW)
            )

    def looked(self, last: Mapping[str, int]) -> None:
        """Note up to which stale attempt of each cluster of ours somebody looks now."""
        with self._ledger.transaction() as connection:
            for cluster, number in last.items():
                mine = sa.and_(self._mine, rows.claim.c.cluster == cluster)
                connection.execute(sa.update(rows.claim).where(mine).values(looked=number))

    def keep_stale(self, attempts: Sequence[tuple[int, Attempt]]) -> None:
        """Keep attempts, each with the epoch of its claim, whose outcome could not be recorded."""
        late = [
            rows.from_attempt(replace(attempt, outcome=Outcome.STALE), self._me, epoch)
            for epoch, attempt in attempts
        ]
        with self._ledger.transaction() as connection:
            connection.execute(sa.insert(rows.attempt), late)

    def leave(self) -> None:
        """Be no member any more; claims stay until they are given back or end."""
        with self._ledger.transaction() as connection:
            connection.execute(sa.delete(rows.member).where(rows.member.c.id == self._me))

    def forget(self, before: datetime, most: int) -> None:
        """Delete the oldest attempts from before then, and members that died long ago."""
        self._ledger.forget_attempts(before, most)
        with self._ledger.transaction() as connection:
            old = rows.member.c.beat < NOW - sa.text(f"interval '{OBSOLETE}'")
            connection.execute(sa.delete(rows.member).where(old))

    def overrides(self) -> list[Override]:
        """List what people decided beside the file."""
        return self._ledger.overrides()
