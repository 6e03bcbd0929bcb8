"""The ledger in a PostgreSQL database, which daemons on several machines share."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.errors import EncodingError, HostError, LedgerError
from daemon.host.clock import SystemClock
from daemon.ledger import rows, tables
from daemon.ledger.changes import is_content, refused_row
from daemon.ledger.ledger import (
    SCHEMA_VERSION,
    Access,
    SharedLedger,
    add_config,
    last_attempts,
    put_meta,
)
from daemon.ledger.postgresql import sessions
from daemon.ledger.postgresql.sessions import APPLICATION_NAME_PREFIX
from daemon.ledger.state import AppliedConfig, DaemonState, Member, Reading
from daemon.ledger.suspicions import DatabaseFormat
from daemon.ledger.url import DatabaseUrl

_MIGRATIONS: dict[int, tuple[str, ...]] = {4: ()}
"""The statements that turn each schema version into the next one; PostgreSQL began with 4."""

_CREATE_TABLES_LOCK = 0x63626D61
"""The key of the advisory lock under which one daemon at a time creates the tables."""

# Of the attempts of years, every heartbeat asks for these few.
_STALE_INDEX = "CREATE INDEX IF NOT EXISTS attempt_stale ON attempt (id) WHERE outcome = 'stale'"

POOL = 4
QUIET_S = 1.0
"""How long every transaction fails at once after the database could not be reached, so that a pass
which may resume without it does not wait for it several times."""

NOW = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
# Before its claims end, so that the others' shares have grown by the time the claims are free.
_SILENT_FOR = tables.member.c.lease_s * sa.text("interval '1 second'") * 2 / 3
LIVE = tables.member.c.beat > NOW - _SILENT_FOR
# A process that was stopped in the middle of a transaction keeps its locks: none of the server's
# timeouts applies to a client that is silent between two messages of one statement's pipeline.
END_SESSIONS = sa.text(
    "SELECT pg_terminate_backend(pid, 200) FROM pg_stat_activity"
    " WHERE usename = current_user AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    " AND application_name IN"
    " (SELECT :prefix || id FROM member WHERE id <> :me"
    " AND beat < clock_timestamp() - lease_s * interval '1 second')"
).bindparams(prefix=APPLICATION_NAME_PREFIX)
"""Ends the sessions of members silent for a whole lease, and waits for it (PostgreSQL 14)."""

MEMBERS = sa.select(
    tables.member,
    LIVE.label("is_live"),
    sa.func.extract("epoch", NOW - tables.member.c.beat).label("age_s"),
    sa.select(sa.func.count())
    .select_from(tables.claim)
    .where(tables.claim.c.owner == tables.member.c.id, tables.claim.c.expires > NOW)
    .scalar_subquery()
    .label("clusters"),
).order_by(tables.member.c.since, tables.member.c.id)


_OWNERS = sa.select(tables.claim.c.cluster, tables.claim.c.owner).where(
    tables.claim.c.owner.is_not(None), tables.claim.c.expires > NOW
)


class UnreachableError(LedgerError):
    """Raised when the database does not answer, or not in time."""


class PostgresqlLedger(SharedLedger):
    """A ledger in a database."""

    def __init__(
        self, url: DatabaseUrl, access: Access, user: str | None = None, pool: int = POOL
    ) -> None:
        """Prepare to connect; use `open`, which also checks the tables. Raises LedgerError.

        *user*, by default a new id, is part of the name under which the server lists connections.
        """
        super().__init__(url.shown)
        self._url = url
        self.user = user or str(uuid.uuid4())
        self._clock = SystemClock()
        name = f"{APPLICATION_NAME_PREFIX}{self.user}"
        self._engine = sessions.connect(url, name, pool, is_read_only=access is Access.READ)
        self._quiet_until = 0.0
        self._was_opened = False
        # A thread that had to wait for a connection need not find out by itself.
        sessions.on_connect(self._engine, url, self._check_quiet)

    @classmethod
    def open(cls, url: DatabaseUrl, access: Access) -> PostgresqlLedger:
        """Open the ledger in a database; `DAEMON` creates missing tables.

        Raises:
            LedgerError: it cannot be reached, is missing, or of another version.
            EncodingError: the database is of another encoding than UTF8.

        """
        ledger = cls(url, access)
        try:
            with ledger.transaction() as connection:
                sessions.verify(connection, url)
            if access is Access.DAEMON:
                ledger._prepare()
            else:
                ledger.check_version()
        except HostError:
            ledger.close()
            raise
        ledger._was_opened = True
        return ledger

    def _prepare(self) -> None:
        with self.transaction() as connection:
            # Daemons that start at the same time do this one after the other.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '20s'")
            connection.exec_driver_sql("SET LOCAL statement_timeout = '60s'")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_TABLES_LOCK)))
            is_new = not sa.inspect(connection).has_table(tables.meta.name)
            tables.METADATA.create_all(connection)
            tables.SHARED.create_all(connection)
            if is_new:
                put_meta(connection, "schema_version", str(SCHEMA_VERSION))
            self.migrate(connection, _MIGRATIONS)
            connection.exec_driver_sql(_STALE_INDEX)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def daemon(self) -> DaemonState:
        """Return the daemon on this host, or else any that runs. Raises LedgerError."""
        here = socket.gethostname()
        live = [member for member in self.members() if member.is_live]
        nearest = sorted(live, key=lambda member: (member.host != here, not member.reading.faults))
        if not nearest:
            return DaemonState(running=False, pid=None, host=None, since=None, reading=Reading())
        found = nearest[0]
        return DaemonState(True, found.pid, found.host, found.since, found.reading)

    def members(self) -> list[Member]:
        """List the daemons, including those that died within the last day. Raises LedgerError."""
        with self.transaction() as connection:
            generation = connection.execute(sa.select(sa.func.max(tables.config.c.id))).scalar()
            found = connection.execute(MEMBERS).all()
        return [self.parse(lambda row: _to_member(row, generation), row) for row in found]

    def owners(self) -> dict[str, str]:
        """Return which daemon has claimed each cluster, by their ids. Raises LedgerError."""
        with self.transaction() as connection:
            found = connection.execute(_OWNERS).all()
        return {row.cluster: row.owner for row in found}

    def last_attempts_by(self, most: int) -> list[tuple[Attempt, str]]:
        """List the last calls to repositories, each with its daemon's id. Raises LedgerError."""
        with self.transaction() as connection:
            found = connection.execute(last_attempts(most)).all()
        return [(self.parse(rows.to_attempt, row), row.member) for row in reversed(found)]

    def apply(self, config: AppliedConfig) -> int:
        """Put *config* in force, if it is not yet; return its generation. Raises LedgerError."""
        with self.transaction() as connection:
            connection.exec_driver_sql("LOCK TABLE config IN EXCLUSIVE MODE")
            newest = connection.execute(NEWEST).first()
            if newest is None or newest.digest != config.digest:
                add_config(connection, config)
                newest = connection.execute(NEWEST).one()
            return int(newest.id)

    def save_config(self, config: AppliedConfig) -> None:
        """Store *config* only if there is none: one daemon does not decide for all."""
        with self.transaction() as connection:
            seed(connection, config)

    def suspicion_format(self, connection: sa.Connection) -> DatabaseFormat:
        """Return the format that goes by the database's clock. Raises LedgerError."""
        before = self._clock()
        now: datetime = connection.execute(sa.select(NOW)).scalar_one()
        return DatabaseFormat(now, before, self._clock())

    def standby_warning(self) -> str | None:
        """Return what a lagging standby can cost; None without one. Raises LedgerError."""
        with self.transaction() as connection:
            synchronous = connection.exec_driver_sql("SHOW synchronous_standby_names").scalar_one()
            # Roles outside pg_monitor see that there is a standby, though not which.
            count = connection.exec_driver_sql("SELECT count(*) FROM pg_stat_replication").scalar()
        if synchronous or not count:
            return None
        return (
            f"{self.place}: a standby of the database follows it asynchronously: a failover may"
            " lose the record of a pause, which is then nobody's to resume; set"
            " synchronous_standby_names on the server"
        )

    def another_connection(self) -> PostgresqlLedger:
        """Return the same ledger with the same user, on one connection of its own."""
        other = PostgresqlLedger(self._url, Access.DAEMON, self.user, pool=1)
        other._was_opened = True
        return other

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Begin a transaction. Raises LedgerError, at once if the database was just unreachable."""
        self._check_quiet()
        try:
            with sessions.begin(self._engine) as connection:
                yield connection
                if warning := sessions.commit(connection):
                    raise UnreachableError(
                        f"{self.place}: the database does not say that what was written is durable"
                        f" ({warning}): a synchronous standby may lack it"
                    )
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as exc:
            if is_content(exc):
                raise refused_row(self.place, exc) from exc
            if not isinstance(exc, sa.exc.TimeoutError) and not _is_refusal(exc):
                self._quiet_until = time.monotonic() + QUIET_S
            raise UnreachableError(self._describe(exc)) from exc
        except (sa.exc.DBAPIError, UnicodeError, OverflowError) as exc:
            if is_content(exc):
                raise refused_row(self.place, exc) from exc
            if isinstance(exc, sa.exc.DBAPIError):
                raise LedgerError(self._describe(exc)) from exc
            raise
        except EncodingError as exc:
            if not self._was_opened:
                raise
            # Another database has its name by now; that ends no daemon that holds something.
            raise UnreachableError(str(exc)) from exc

    def _check_quiet(self) -> None:
        if time.monotonic() < self._quiet_until:
            raise UnreachableError(f"{self.place}: the database could not be reached just now")

    def _describe(self, exc: sa.exc.SQLAlchemyError) -> str:
        """Return what the database or the network refused, and what to do about it."""
        reason = getattr(exc, "orig", None)
        state = getattr(reason, "sqlstate", None)
        what = " ".join(str(reason or "no connection was free in time").split("\n")[0].split())
        if state == "42P01":
            return f"{self.place}: there is no ledger here; no daemon has run with it yet"
        if state == "42501":
            return f"{self.place}: {what}: the role needs to own the ledger's tables"
        if advice := sessions.advice(what):
            return f"{self.place}: the database cannot be used ({what}); {advice}"
        if isinstance(exc, sa.exc.ProgrammingError | sa.exc.DataError | sa.exc.IntegrityError):
            return f"{self.place}: the database refused ({what})"
        return (
            f"{self.place}: the database cannot be used ({what}); check that it runs and that psql"
            " reaches it from here"
        )


NEWEST = (
    sa.select(tables.config.c.id, tables.config.c.digest)
    .order_by(tables.config.c.id.desc())
    .limit(1)
)


def seed(connection: sa.Connection, config: AppliedConfig) -> tuple[int, str]:
    """Put *config* in force if none is; return the generation and digest of what then is.

    Of several daemons that start at once, one does.
    """
    found = connection.execute(NEWEST).first()
    if found is None:
        connection.exec_driver_sql("LOCK TABLE config IN EXCLUSIVE MODE")
        found = connection.execute(NEWEST).first()
    if found is None:
        connection.execute(sa.insert(tables.config).values(rows.from_config(config)))
        found = connection.execute(NEWEST).one()
    return found.id, found.digest


def _is_refusal(exc: sa.exc.SQLAlchemyError) -> bool:
    """Check whether the server answered, and refused a single statement (lock, time limit)."""
    state = getattr(getattr(exc, "orig", None), "sqlstate", None) or ""
    return state.startswith(("55", "40")) or state == "57014"


def _to_member(row: sa.Row[Any], generation: int | None) -> Member:
    return Member(
        id=row.id,
        host=row.host,
        pid=row.pid,
        since=row.since,
        is_live=row.is_live,
        age=timedelta(seconds=float(row.age_s)),
        lease=timedelta(seconds=row.lease_s),
        version=row.version,
        digest=row.digest,
        agrees=row.generation is not None and row.generation == generation,
        skew=timedelta(seconds=row.skew_s),
        clusters=row.clusters,
        reading=Reading.parse(row.reading) if row.reading else Reading(),
    )
