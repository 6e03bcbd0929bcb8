"""The ledger: what we hold, what was sent, the configurations that were in force.

SQLAlchemy Core: the same statements on SQLite and on PostgreSQL. Every public method is one
transaction; when it returns the rows are on disk. What concerns only one of them is in `sqlite` and
in `postgresql`.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.core.listing import Listing
from daemon.core.record import Record
from daemon.core.summary import News, ProgressNote
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.ledger import rows, tables
from daemon.ledger.changes import Change, write, write_each, write_news
from daemon.ledger.state import AppliedConfig, DaemonState, Member, Reading
from daemon.ledger.suspicions import SuspicionFormat
from daemon.windows.overrides import Override

SCHEMA_VERSION = 5

_UNREACHABLE = "unreachable "
OF_UNREACHABLE = tables.meta.c.name.startswith(_UNREACHABLE)
"""The facts about the ledger that name clusters which do not answer."""

COUNT_OVERRIDES = sa.select(sa.func.count()).select_from(tables.override)

F = TypeVar("F")
T = TypeVar("T")


class Access(Enum):
    """Whether a ledger is opened to read, to add to it while a daemon runs, or to own it."""

    READ = "read"
    EDIT = "edit"
    DAEMON = "daemon"


class LossReason(StrEnum):
    """What became of an earlier ledger."""

    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Loss:
    """A ledger that a new one replaced; `aside` is where the damaged one is kept."""

    reason: LossReason
    aside: Path | None

    def shown(self) -> dict[str, object]:
        """Return it as the log has it."""
        return {"reason": self.reason, "damaged": str(self.aside) if self.aside else None}


class DamagedError(LedgerError):
    """Raised when the ledger is damaged, gone, or something else altogether."""


class Ledger(ABC):
    """One open ledger, as `opening.open_ledger` returns it; safe to use from several threads.

    `place` names it in messages, without a password; `loss` is set if an earlier one was lost.
    """

    def __init__(self, place: str) -> None:
        """Name it *place*."""
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
        """Close files and connections, and release the lock."""

    @abstractmethod
    def daemon(self) -> DaemonState:
        """Return which daemon runs on this ledger now. Raises LedgerError."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction, which is committed at the end of the block. Raises LedgerError."""

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction for what a daemon writes. Raises LedgerError."""
        return self.transaction()

    @abstractmethod
    def suspicion_format(self, connection: sa.Connection) -> SuspicionFormat:
        """Return the format in which suspicions are stored. Raises LedgerError."""

    def records(self) -> list[Record]:
        """List all records, ordered by cluster and repository. Raises LedgerError."""
        query = sa.select(tables.record).order_by(
            tables.record.c.cluster, tables.record.c.repository
        )
        with self.transaction() as connection:
            return self.parse_records(connection, connection.execute(query).all())

    def parse_records(
        self, connection: sa.Connection, found: Iterable[sa.Row[Any]]
    ) -> list[Record]:
        """Return the records that these rows hold. Raises LedgerError."""
        suspicion_format = self.suspicion_format(connection)
        return [self.parse(lambda row: rows.to_record(row, suspicion_format), row) for row in found]

    def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: Iterable[News] = (),
    ) -> None:
        """Write *records* and *news*, and append *attempts*, in one durable transaction.

        A record that is spent is removed.

        Raises:
            ContentError: some row was refused for what is in it; nothing was written.
            LedgerError: nothing was written.

        """
        changed, sent = list(records), [rows.from_attempt(attempt) for attempt in attempts]
        with self.writing() as connection:
            write(connection, self.suspicion_format(connection), changed, sent)
            write_news(connection, news)

    def save_each(self, changes: Sequence[Change]) -> Sequence[LedgerError | None]:
        """Write all rows that are not refused in one durable transaction; return what was refused.

        Raises:
            LedgerError: nothing was written.

        """
        with self.writing() as connection:
            return write_each(
                connection,
                self.suspicion_format(connection),
                changes,
                lambda _, attempt: rows.from_attempt(attempt),
            )

    def note_reading(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and its faults. Raises LedgerError."""
        reading = Reading(str(uuid.uuid4()), tuple(faults))
        with self.writing() as connection:
            put_meta(connection, "reading", reading.text())

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer; None: one answers again. Raises LedgerError."""
        with self.writing() as connection:
            for cluster, unreachable in changes.items():
                put_meta(
                    connection,
                    f"{_UNREACHABLE}{cluster}",
                    unreachable.text() if unreachable else None,
                )

    def unreachable(self) -> list[Unreachable]:
        """List the clusters that do not answer their daemon. Raises LedgerError."""
        query = sa.select(tables.meta.c.name, tables.meta.c.value).where(OF_UNREACHABLE)
        with self.transaction() as connection:
            noted = connection.execute(query.order_by(tables.meta.c.name)).all()
        return [self.parse(_to_unreachable, row) for row in noted]

    def save_config(self, config: AppliedConfig) -> None:
        """Store *config* as the last good one. Raises LedgerError.

        Older ones stay while anything is held: they say how to reach clusters an edit removed.
        """
        with self.writing() as connection:
            add_config(connection, config)

    def overrides(self) -> list[Override]:
        """List people's decisions, the oldest first. Raises LedgerError."""
        query = sa.select(tables.override).order_by(tables.override.c.id)
        with self.transaction() as connection:
            return [self.parse(rows.to_override, row) for row in connection.execute(query)]

    def new_overrides(self, known: int) -> list[Override] | None:
        """Return people's decisions; None if there are still *known* many. Raises LedgerError.

        Cheap enough for every tick.
        """
        with self.transaction() as connection:
            if connection.execute(COUNT_OVERRIDES).scalar_one() == known:
                return None
        return self.overrides()

    def add_override(self, override: Override) -> None:
        """Add a decision; the daemon here sees it within a second. Raises LedgerError."""
        with self.transaction() as connection:
            connection.execute(sa.insert(tables.override).values(rows.from_override(override)))

    def attempts(self, since: datetime) -> list[Attempt]:
        """List the calls to repositories since then, the oldest first. Raises LedgerError."""
        query = (
            sa.select(tables.attempt)
            .where(tables.attempt.c.started >= rows.from_instant(since))
            .order_by(tables.attempt.c.started, tables.attempt.c.id)
        )
        with self.transaction() as connection:
            return [self.parse(rows.to_attempt, row) for row in connection.execute(query)]

    def last_attempts(self, most: int) -> list[Attempt]:
        """List the last calls to repositories, the oldest first. Raises LedgerError."""
        with self.transaction() as connection:
            found = connection.execute(last_attempts(most)).all()
        return [self.parse(rows.to_attempt, row) for row in reversed(found)]

    def listings(self) -> dict[str, Listing]:
        """Return what the last list of each cluster showed. Raises LedgerError.

        One that is damaged is left out: the next look writes it anew.
        """
        with self.transaction() as connection:
            return rows.to_listings(connection.execute(sa.select(tables.listing)))

    def progress(self, since: datetime) -> list[ProgressNote]:
        """List all notes about openings that end after then, the oldest first. Raises LedgerError.

        An end may have been moved; any that was noted counts.
        """
        notes = tables.progress.c
        late = sa.select(notes.window, notes.start).where(notes.end > rows.from_instant(since))
        query = (
            sa.select(tables.progress)
            .where(sa.tuple_(notes.window, notes.start).in_(late))
            .order_by(notes.id)
        )
        with self.transaction() as connection:
            return [self.parse(rows.to_note, row) for row in connection.execute(query)]

    def forget_attempts(self, before: datetime, most: int) -> int:
        """Delete up to *most* attempts from before then, the oldest first; return how many.

        What is known of openings of that time goes, too.

        Raises:
            LedgerError: nothing was deleted.

        """
        old = tables.attempt.c.started < rows.from_instant(before)
        oldest = sa.select(tables.attempt.c.id).where(old).order_by(tables.attempt.c.started)
        ended = tables.progress.c.end < rows.from_instant(before)
        with self.writing() as connection:
            connection.execute(sa.delete(tables.progress).where(ended))
            chosen = tables.attempt.c.id.in_(oldest.limit(most))
            return connection.execute(sa.delete(tables.attempt).where(chosen)).rowcount

    def configs(self) -> list[AppliedConfig]:
        """List the stored configurations, the newest first. Raises LedgerError."""
        query = sa.select(tables.config).order_by(tables.config.c.id.desc())
        with self.transaction() as connection:
            return [self.parse(rows.to_config, row) for row in connection.execute(query)]

    def last_good(self) -> AppliedConfig | None:
        """Return the last good configuration, if there is one. Raises LedgerError."""
        return next(iter(self.configs()), None)

    def parse(self, read: Callable[[F], T], found: F) -> T:
        """Return what *read* makes of a row or a value. Raises DamagedError."""
        try:
            return read(found)
        except (ValueError, TypeError, LookupError) as exc:
            # Flipped bits inside a value: SQLite's own checks do not see them.
            raise DamagedError(f"{self.place}: the ledger is damaged ({exc})") from exc

    def check_version(self) -> None:
        """Raise LedgerError if the ledger is older or newer than this program."""
        with self.transaction() as connection:
            version = self.read_version(connection)
        if version < SCHEMA_VERSION:
            raise LedgerError(
                f"{self.place}: this ledger is from an older version; it is upgraded when"
                " the daemon starts"
            )

    def read_version(self, connection: sa.Connection) -> int:
        """Return its schema version. Raises LedgerError if this program does not know it."""
        version = self.parse(int, connection.execute(meta("schema_version")).scalar() or "")
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"{self.place}: this ledger has schema version {version}, newer than this program"
                f" knows ({SCHEMA_VERSION}); install the cbmaintd that wrote it, or name another"
                " ledger with --ledger"
            )
        return version

    def migrate(self, connection: sa.Connection, migrations: dict[int, tuple[str, ...]]) -> None:
        """Bring the tables up to date: *migrations* turn each version into the next one."""
        version = self.read_version(connection)
        for number in range(version, SCHEMA_VERSION):
            for statement in migrations[number]:
                connection.exec_driver_sql(statement)
        if version != SCHEMA_VERSION:
            put_meta(connection, "schema_version", str(SCHEMA_VERSION))


class SharedLedger(Ledger):
    """A ledger that daemons on several machines use at once.

    `user` is a new id for each opened ledger; claims are made and kept in its name.
    """

    user: str

    @abstractmethod
    def members(self) -> list[Member]:
        """List the daemons that share it, live or recently dead. Raises LedgerError."""

    @abstractmethod
    def owners(self) -> dict[str, str]:
        """Return which daemon has claimed each cluster, by their ids. Raises LedgerError."""

    @abstractmethod
    def last_attempts_by(self, most: int) -> list[tuple[Attempt, str]]:
        """List the last calls to repositories, each with its daemon's id. Raises LedgerError."""

    @abstractmethod
    def apply(self, config: AppliedConfig) -> int:
        """Put *config* in force for all; return its generation. Raises LedgerError."""

    @abstractmethod
    def standby_warning(self) -> str | None:
        """Return what a lagging standby can cost; None without one. Raises LedgerError."""

    @abstractmethod
    def another_connection(self) -> SharedLedger:
        """Return the same ledger with the same user, on one connection of its own."""


def last_attempts(most: int) -> sa.Select[Any]:
    """Return the query for the last calls to repositories, the newest first."""
    started, id_ = tables.attempt.c.started, tables.attempt.c.id
    return sa.select(tables.attempt).order_by(started.desc(), id_.desc()).limit(most)


def add_config(connection: sa.Connection, config: AppliedConfig) -> None:
    """Add *config* as the newest; delete older ones unless anything is held.

    There is one copy of each content: a reload or a start with the same file adds nothing.
    """
    held = sa.select(sa.func.count()).select_from(tables.record)
    is_held = connection.execute(held).scalar_one() > 0
    is_obsolete = tables.config.c.digest == config.digest if is_held else sa.true()
    connection.execute(sa.delete(tables.config).where(is_obsolete))
    connection.execute(sa.insert(tables.config).values(rows.from_config(config)))


def _to_unreachable(row: sa.Row[Any, Any]) -> Unreachable:
    return Unreachable.parse(row.name.removeprefix(_UNREACHABLE), row.value)


def meta(name: str) -> sa.Select[str]:
    """Return the query for one fact about the ledger itself."""
    return sa.select(tables.meta.c.value).where(tables.meta.c.name == name)


def put_meta(connection: sa.Connection, name: str, value: str | None) -> None:
    """Write one fact about the ledger itself; None deletes it."""
    connection.execute(sa.delete(tables.meta).where(tables.meta.c.name == name))
    if value is not None:
        connection.execute(sa.insert(tables.meta).values(name=name, value=value))
