"""The ledger: what we hold, what was sent, the configurations that were in force.

SQLAlchemy Core: the same statements on SQLite and on PostgreSQL. Every public method is one
transaction; when it returns the rows are on disk. What is about the one or the other is in
`ledger_sqlite` and `ledger_postgresql`.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.ledger import tables as rows
from daemon.ledger.sqlite_file import DamagedError, Loss
from daemon.ledger.state import AppliedConfig, DaemonState, Member, Reading
from daemon.ledger.suspicions import SuspicionFormat
from daemon.windows.overrides import Override

SCHEMA_VERSION = 4

_UNREACHABLE = "unreachable "
OF_UNREACHABLE = rows.meta.c.name.startswith(_UNREACHABLE)
"""Which facts about the ledger are troubles of clusters."""

T = TypeVar("T")


class Access(Enum):
    """Whether a ledger is opened to look, to add to it beside the daemon, or to own it."""

    READ = "read"
    EDIT = "edit"
    DAEMON = "daemon"


class Ledger(ABC):
    """One open ledger; safe to use from several threads. `ledgers.open_ledger` gives one.

    `place` names it in messages, without a password; `loss` says that one was lost before.
    """

    is_shared = False
    """Whether daemons on several machines may use it at once."""

    def __init__(self, place: str) -> None:
        """Name it."""
        self.place = place
        self.loss: Loss | None = None

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened."""
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give up everything that was opened."""

    @abstractmethod
    def daemon(self) -> DaemonState:
        """Return who runs on this ledger now. Raises LedgerError."""

    def members(self) -> list[Member]:
        """List the daemons that share it; none where there is only one. Raises LedgerError."""
        return []

    @abstractmethod
    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction, which is committed at the end of the block. Raises LedgerError."""

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Begin one that writes what a daemon knows. Raises LedgerError."""
        return self.transaction()

    @abstractmethod
    def suspicion_format(self, connection: sa.Connection) -> SuspicionFormat:
        """Return what the ends of suspicions are written by. Raises LedgerError."""

    def records(self) -> list[Record]:
        """List all records, ordered by cluster and repository. Raises LedgerError."""
        query = sa.select(rows.record).order_by(rows.record.c.cluster, rows.record.c.repository)
        with self.transaction() as connection:
            found, suspicion_format = (
                connection.execute(query).all(),
                self.suspicion_format(connection),
            )
            return [
                self.parse(lambda row: rows.to_record(row, suspicion_format), row) for row in found
            ]

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write *records* and append *attempts* in one durable transaction.

        A record that is spent is removed. Raises LedgerError: nothing was written.
        """
        changed, sent = list(records), [rows.from_attempt(attempt) for attempt in attempts]
        with self.writing() as connection:
            write(connection, self.suspicion_format(connection), changed, sent)

    def note_reading(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and what was wrong with it. Raises LedgerError."""
        reading = Reading(str(uuid.uuid4()), tuple(faults))
        with self.writing() as connection:
            put_meta(connection, "reading", reading.text())

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer, and with None which do again. Raises LedgerError."""
        with self.writing() as connection:
            for cluster, unreachable in changes.items():
                put_meta(
                    connection,
                    f"{_UNREACHABLE}{cluster}",
                    unreachable.text() if unreachable else None,
                )

    def unreachable(self) -> list[Unreachable]:
        """List the clusters that do not answer their daemon. Raises LedgerError."""
        query = sa.select(rows.meta.c.name, rows.meta.c.value).where(OF_UNREACHABLE)
        with self.transaction() as connection:
            noted = connection.execute(query.order_by(rows.meta.c.name)).all()
        return [Unreachable.parse(row.name.removeprefix(_UNREACHABLE), row.value) for row in noted]

    def save_config(self, config: AppliedConfig) -> None:
        """Keep *config* as the last good one. Raises LedgerError.

        Older ones stay while anything is held: a cluster that an edit removed is found in them.
        """
        with self.writing() as connection:
            add_config(connection, config)

    def overrides(self) -> list[Override]:
        """List what people decided beside the file, in their order. Raises LedgerError."""
        query = sa.select(rows.override).order_by(rows.override.c.id)
        with self.transaction() as connection:
            return [self.parse(rows.to_override, row) for row in connection.execute(query)]

    def count_overrides(self) -> int:
        """Count the decisions; cheap enough to ask all the time. Raises LedgerError."""
        with self.transaction() as connection:
            query = sa.select(sa.func.count()).select_from(rows.override)
            return connection.execute(query).scalar_one()

    def add_override(self, override: Override) -> None:
        """Keep a decision; the daemon here sees it within a second. Raises LedgerError."""
        with self.transaction() as connection:
            connection.execute(sa.insert(rows.override).values(rows.from_override(override)))

    def attempts(self, since: datetime) -> list[Attempt]:
        """List what was sent to repositories since then, the oldest first. Raises LedgerError."""
        query = (
            sa.select(rows.attempt)
            .where(rows.attempt.c.started >= rows.from_instant(since))
            .order_by(rows.attempt.c.started, rows.attempt.c.id)
        )
        with self.transaction() as connection:
            return [self.parse(rows.to_attempt, row) for row in connection.execute(query)]

    def forget_attempts(self, before: datetime, most: int) -> None:
        """Delete the oldest attempts from before then, *most* at once. Raises LedgerError."""
        old = rows.attempt.c.started < rows.from_instant(before)
        oldest = sa.select(rows.attempt.c.id).where(old).order_by(rows.attempt.c.started)
        with self.writing() as connection:
            chosen = rows.attempt.c.id.in_(oldest.limit(most))
            connection.execute(sa.delete(rows.attempt).where(chosen))

    def configs(self) -> list[AppliedConfig]:
        """List the configurations kept, the newest first. Raises LedgerError."""
        query = sa.select(rows.config).order_by(rows.config.c.id.desc())
        with self.transaction() as connection:
            return [self.parse(rows.to_config, row) for row in connection.execute(query)]

    def last_good(self) -> AppliedConfig | None:
        """Return the configuration that was in force last. Raises LedgerError."""
        return next(iter(self.configs()), None)

    def parse(self, read: Callable[[sa.Row[Any]], T], row: sa.Row[Any]) -> T:
        """Read a row. Raises DamagedError."""
        try:
            return read(row)
        except (ValueError, TypeError) as exc:
            # Bits that rotted inside a value: SQLite's own checks do not see them.
            raise DamagedError(f"{self.place}: the ledger is damaged ({exc})") from exc

    def check_version(self) -> None:
        """Refuse a ledger that is older or newer than this program. Raises LedgerError."""
        with self.transaction() as connection:
            version = self.read_version(connection)
        if version < SCHEMA_VERSION:
            raise LedgerError(
                f"{self.place}: this ledger is of an older version; it is brought up to date when"
                " the daemon starts"
            )

    def read_version(self, connection: sa.Connection) -> int:
        """Return its schema version, unless that is newer than this program. Raises LedgerError."""
        version = int(connection.execute(meta("schema_version")).scalar_one())
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"{self.place}: this ledger has schema version {version}, newer than this program"
                f" knows ({SCHEMA_VERSION}); install the cbmaintd that wrote it, or name another"
                " ledger with --ledger"
            )
        return version

    def migrate(self, connection: sa.Connection, migrations: dict[int, tuple[str, ...]]) -> None:
        """Bring the tables up to date: *migrations* make of each version the next one."""
        version = self.read_version(connection)
        for number in range(version, SCHEMA_VERSION):
            for statement in migrations[number]:
                connection.exec_driver_sql(statement)
        if version != SCHEMA_VERSION:
            put_meta(connection, "schema_version", str(SCHEMA_VERSION))


def write(
    connection: sa.Connection,
    suspicion_format: SuspicionFormat,
    changed: Sequence[Record],
    sent: Sequence[dict[str, Any]],
) -> None:
    """Put records in the place of what there was of them, and append rows of attempts."""
    kept = [rows.from_record(record, suspicion_format) for record in changed if not record.is_spent]
    if changed:
        connection.execute(rows.DELETE_RECORD, [rows.bound(each.key) for each in changed])
    if kept:
        connection.execute(sa.insert(rows.record), kept)
    if sent:
        connection.execute(sa.insert(rows.attempt), sent)


def add_config(connection: sa.Connection, config: AppliedConfig) -> None:
    """Make *config* the newest; older ones go, unless anything is held."""
    held = sa.select(sa.func.count()).select_from(rows.record)
    if connection.execute(held).scalar_one() == 0:
        connection.execute(sa.delete(rows.config))
    connection.execute(sa.insert(rows.config).values(rows.from_config(config)))


def meta(name: str) -> sa.Select[str]:
    """Ask for one of the facts about the ledger itself."""
    return sa.select(rows.meta.c.value).where(rows.meta.c.name == name)


def put_meta(connection: sa.Connection, name: str, value: str | None) -> None:
    """Keep one of the facts about the ledger itself, or with None forget it."""
    connection.execute(sa.delete(rows.meta).where(rows.meta.c.name == name))
    if value is not None:
        connection.execute(sa.insert(rows.meta).values(name=name, value=value))
