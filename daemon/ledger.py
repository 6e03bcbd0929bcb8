"""The ledger: what we hold, what was sent, the configurations that were in force.

SQLAlchemy Core on SQLite: one file, WAL, `synchronous=FULL` (with NORMAL a power cut loses what
was committed). Every public method is one transaction; when it returns the rows are on disk.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Self
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from daemon import ledger_rows as rows
from daemon.errors import LedgerError
from daemon.ledger_lock import LedgerLock, read_holder
from daemon.record import Record
from daemon.repository import Attempt, RepositoryKey

SCHEMA_VERSION = 1
MEMORY = "sqlite://"


class Access(Enum):
    """Whether a ledger is opened to look, or by the one daemon that owns it."""

    READ = "read"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class DaemonState:
    """Who runs on the ledger, since when (UTC), and whether its file was accepted last."""

    running: bool
    pid: int | None
    host: str | None
    since: datetime | None
    config: str


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """A configuration that was in force: its text, the path and folder it came from."""

    path: str
    folder: Path
    text: bytes
    applied: datetime


class Ledger:
    """One open ledger; safe to use from several threads."""

    def __init__(self, engine: sa.Engine, file: Path | None, lock: LedgerLock | None) -> None:
        """Wrap an engine whose schema was checked; use `open`."""
        self._engine = engine
        self._file = file
        self._lock = lock
        self._turn = threading.Lock()
        self.set_aside: Path | None = None

    @classmethod
    def open(cls, url: str, access: Access) -> Ledger:
        """Open the ledger at *url* (`sqlite:///relative` or `sqlite:////absolute`).

        `DAEMON` creates what is missing and holds the lock until `close`. A file that is no
        database is then set aside (`set_aside` names it) and a new one begun: nothing found paused
        is ours, so nothing is resumed by guess.

        Raises:
            LedgerError: it is missing, unreadable, not writable, or of a newer version.
            AlreadyRunningError: another daemon holds it.

        """
        file = _file_of(url)
        if access is Access.READ:
            return cls._open_to_read(file)
        if file is None:
            return cls._create(None, None)
        lock = LedgerLock.take(file)
        try:
            return cls._create_or_replace(file, lock)
        except LedgerError:
            lock.release()
            raise

    @classmethod
    def _open_to_read(cls, file: Path | None) -> Ledger:
        if file is None or not file.exists():
            raise LedgerError(
                f"{file or 'this ledger'}: there is no ledger here; no daemon has run with it yet"
            )
        ledger = cls(_engine(file, Access.READ), file, None)
        with ledger._closed_on_error():
            ledger._check_version()
        return ledger

    @classmethod
    def _create_or_replace(cls, file: Path, lock: LedgerLock) -> Ledger:
        try:
            return cls._create(file, lock)
        except _NotADatabaseError:
            aside = file.with_name(f"{file.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
                file.with_name(name).exists() and file.with_name(name).rename(
                    file.with_name(name.replace(file.name, aside.name))
                )
            ledger = cls._create(file, lock)
            ledger.set_aside = aside
            return ledger

    @classmethod
    def _create(cls, file: Path | None, lock: LedgerLock | None) -> Ledger:
        ledger = cls(_engine(file, Access.DAEMON), file, lock)
        with ledger._closed_on_error():
            ledger._create_tables()
            ledger._check_version()
        return ledger

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except LedgerError:
            self._engine.dispose()
            raise

    def _create_tables(self) -> None:
        with self._transaction() as connection:
            rows.METADATA.create_all(connection)
            if connection.execute(_VERSION).first() is None:
                connection.execute(
                    sa.insert(rows.meta).values(name="schema_version", value=str(SCHEMA_VERSION))
                )

    def _check_version(self) -> None:
        with self._transaction() as connection:
            version = int(connection.execute(_VERSION).scalar_one())
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"{self._file}: this ledger has schema version {version}, newer than this program"
                f" knows ({SCHEMA_VERSION}); install the cbmaintd that wrote it, or name another"
                " ledger with --ledger"
            )

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened."""
        self.close()

    def close(self) -> None:
        """Close the file and give up the lock."""
        with self._turn:
            self._engine.dispose()
        if self._lock:
            self._lock.release()

    def records(self) -> list[Record]:
        """List all records, ordered by cluster and repository. Raises LedgerError."""
        query = sa.select(rows.record).order_by(rows.record.c.cluster, rows.record.c.repository)
        with self._transaction() as connection:
            return [rows.to_record(row) for row in connection.execute(query)]

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write *records* and append *attempts* in one durable transaction. Raises LedgerError.

        A record that is spent is removed.
        """
        changed = list(records)
        sent = [rows.from_attempt(attempt) for attempt in attempts]
        kept = [rows.from_record(record) for record in changed if not record.is_spent]
        with self._transaction() as connection:
            if changed:
                connection.execute(_DELETE_RECORD, [_bound(record.key) for record in changed])
            if kept:
                connection.execute(sa.insert(rows.record), kept)
            if sent:
                connection.execute(sa.insert(rows.attempt), sent)

    def daemon(self) -> DaemonState:
        """Tell who runs on this ledger now; the lock, not the row, decides. Raises LedgerError."""
        holder = read_holder(self._file) if self._file else None
        with self._transaction() as connection:
            query = sa.select(rows.meta.c.value).where(rows.meta.c.name == "config")
            config = connection.execute(query).scalar() or "ok"
        if holder is None:
            return DaemonState(running=False, pid=None, host=None, since=None, config=config)
        return DaemonState(True, holder.pid, holder.host, holder.since, config)

    def set_config_state(self, state: str) -> None:
        """Note whether the file was accepted (`ok`) or `rejected`. Raises LedgerError."""
        with self._transaction() as connection:
            connection.execute(sa.delete(rows.meta).where(rows.meta.c.name == "config"))
            connection.execute(sa.insert(rows.meta).values(name="config", value=state))

    def save_config(self, config: AppliedConfig) -> None:
        """Keep *config* as the last good one. Raises LedgerError.

        Older ones stay while anything is held: a cluster that an edit removed is found in them.
        """
        with self._transaction() as connection:
            held = sa.select(sa.func.count()).select_from(rows.record)
            if connection.execute(held).scalar_one() == 0:
                connection.execute(sa.delete(rows.config))
            values = {
                "path": config.path,
                "folder": str(config.folder),
                "text": config.text,
                "applied": rows.from_instant(config.applied),
            }
            connection.execute(sa.insert(rows.config).values(values))

    def configs(self) -> list[AppliedConfig]:
        """List the configurations kept, the newest first. Raises LedgerError."""
        query = sa.select(rows.config).order_by(rows.config.c.id.desc())
        with self._transaction() as connection:
            return [
                AppliedConfig(row.path, Path(row.folder), row.text, rows.to_instant(row.applied))
                for row in connection.execute(query)
            ]

    def last_good(self) -> AppliedConfig | None:
        """Give the configuration that was in force last. Raises LedgerError."""
        return next(iter(self.configs()), None)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._turn:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except sa.exc.DatabaseError as exc:
                raise _translate(exc, self._file) from exc


class _NotADatabaseError(LedgerError):
    """Raised when the file is damaged or something else altogether."""


_VERSION = sa.select(rows.meta.c.value).where(rows.meta.c.name == "schema_version")
_DELETE_RECORD = sa.delete(rows.record).where(
    rows.record.c.cluster == sa.bindparam("in_cluster"),
    rows.record.c.repository == sa.bindparam("with_id"),
)


def _bound(key: RepositoryKey) -> dict[str, str]:
    return {"in_cluster": key.cluster, "with_id": key.id}


def _file_of(url: str) -> Path | None:
    """Find the file behind *url*; None for a ledger in memory."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise LedgerError(f"{url}: not a ledger URL; write sqlite:////absolute/path.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(
            f"{parsed.render_as_string()}: this version keeps its ledger in SQLite only;"
            " write sqlite:////absolute/path.db"
        )
    return Path(parsed.database).absolute() if parsed.database else None


def _engine(file: Path | None, access: Access) -> sa.Engine:
    """Connect once, for all threads; the ledger lets them in one at a time."""
    mode = "ro" if access is Access.READ else "rwc"
    name = f"file:{quote(str(file))}?mode={mode}" if file else ":memory:"

    def connect() -> sqlite3.Connection:
        # The driver's own transactions (isolation_level) begin late, after the first read: two
        # writers would then fail in the middle. Ours begin with the intention to write.
        connection = sqlite3.connect(
            name, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            if access is Access.DAEMON:
                connection.execute("PRAGMA journal_mode=WAL").close()
            connection.execute("PRAGMA synchronous=FULL").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=StaticPool)

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if access is Access.READ else "BEGIN IMMEDIATE")

    return engine


def _translate(exc: sa.exc.DatabaseError, file: Path | None) -> LedgerError:
    what = str(exc.orig)
    if "not a database" in what or "malformed" in what:
        return _NotADatabaseError(f"{file}: the ledger is damaged ({what})")
    return LedgerError(f"{file}: the ledger cannot be used ({what}); check the disk and its rights")
