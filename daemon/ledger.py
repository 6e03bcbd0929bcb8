"""The ledger: what we hold, what was sent, the configurations that were in force.

SQLAlchemy Core on SQLite: one file, WAL, `synchronous=FULL` (with NORMAL a power cut loses what
was committed). Every public method is one transaction; when it returns the rows are on disk.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from daemon import ledger_file
from daemon import ledger_rows as rows
from daemon.daemon_state import AppliedConfig, DaemonState, Reading
from daemon.errors import LedgerError
from daemon.ledger_file import DamagedError, Loss, LossReason, Mode, ReadOnlyError, UnusableError
from daemon.ledger_lock import LedgerLock, read_holder
from daemon.overrides import Override
from daemon.record import Record
from daemon.repository import Attempt, RepositoryKey

SCHEMA_VERSION = 3
MEMORY = "sqlite://"

_MIGRATIONS = {
    1: (
        "ALTER TABLE record ADD COLUMN uuid TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE record ADD COLUMN running TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE record ADD COLUMN backup_due TEXT",
        "ALTER TABLE record ADD COLUMN reached TEXT NOT NULL DEFAULT ''",
    ),
    2: (
        "ALTER TABLE config ADD COLUMN attached TEXT NOT NULL DEFAULT '{}'",
        "CREATE INDEX IF NOT EXISTS attempt_started ON attempt (started)",
    ),
}
"""What makes a ledger of one schema version one of the next."""

T = TypeVar("T")


class Access(Enum):
    """Whether a ledger is opened to look, to add to it beside the daemon, or to own it."""

    READ = "read"
    EDIT = "edit"
    DAEMON = "daemon"


class Ledger:
    """One open ledger; safe to use from several threads."""

    def __init__(self, file: Path | None, lock: LedgerLock | None, access: Access) -> None:
        """Connect; use `open`, which checks what is there."""
        self._file = file
        self._lock = lock
        self._access = access
        mode = Mode.READ if access is Access.READ else Mode.WRITE
        self._engine = ledger_file.connect(file, mode)
        self._is_closed_to_writes = False
        self._identity: tuple[int, int] | None = None
        self._turn = threading.RLock()
        # What a new file has to learn if this one is lost while in use.
        self._known: dict[RepositoryKey, Record] = {}
        self._last_config: AppliedConfig | None = None
        self._decided: list[Override] = []
        self._is_blank = False
        self.loss: Loss | None = None

    @classmethod
    def open(cls, url: str, access: Access) -> Ledger:
        """Open the ledger at *url* (`sqlite:///relative` or `sqlite:////absolute`).

        `DAEMON` creates what is missing and holds the lock until `close`. Where there was a ledger
        and it is gone or damaged, what is left is set aside and a new one begun (`loss` says so):
        nothing found paused is ours then, so nothing is resumed by guess. On a disk that is full or
        read-only it can be read, and is written to as soon as the disk allows: each write tries.

        Raises:
            LedgerError: it is missing, unreadable, not writable, or of a newer version.
            AlreadyRunningError: another daemon holds it.

        """
        file = ledger_file.file_of(url)
        if access is not Access.DAEMON and (file is None or not file.exists()):
            raise LedgerError(
                f"{file or 'this ledger'}: there is no ledger here; no daemon has run with it yet"
            )
        lock = LedgerLock.take(file) if file and access is Access.DAEMON else None
        ledger = cls(file, lock, access)
        try:
            if access is Access.DAEMON:
                ledger._prepare_or_replace()
            else:
                ledger._check_version()
        except LedgerError:
            ledger.close()
            raise
        return ledger

    def _prepare_or_replace(self) -> None:
        known: list[Record] = []
        try:
            known = self._prepare()
        except DamagedError:
            self._begin_anew()
        except UnusableError:
            if not (self._file and self._file.exists()):
                raise
            # What is held has to be resumed all the same: to know of it, reading is enough.
            self._connect(ledger_file.rescue_mode(self._file))
            self._check_version()
            self._is_closed_to_writes = True
            known = self.records()
        self._known = {record.key: record for record in known}

    def _prepare(self) -> list[Record]:
        """Create or migrate the tables, and see that every row can be read; give the records."""
        with self._transaction() as connection:
            is_new = not sa.inspect(connection).has_table(rows.meta.name)
            rows.METADATA.create_all(connection)
            if is_new:
                self._fill(connection)
            self._migrate(connection)
            ledger_file.check_health(connection, self._file)
            number = connection.execute(_meta("ledger_id")).scalar()
            if number is None:
                number = str(uuid.uuid4())
                _put_meta(connection, "ledger_id", number)
        known = self.records()
        self.overrides()
        self._last_config = self._last_config or self.last_good()
        if self._file:
            ledger_file.remember_number(self._file, number)
            self._identity = ledger_file.identify(self._file)
        return known

    def _fill(self, connection: sa.Connection) -> None:
        values = {"schema_version": str(SCHEMA_VERSION)}
        known = ledger_file.known_number(self._file) if self._file else None
        if known:
            values["ledger_id"] = known
            self.loss = self.loss or Loss(LossReason.MISSING, None)
        for name, value in values.items():
            connection.execute(sa.insert(rows.meta).values(name=name, value=value))

    def _migrate(self, connection: sa.Connection) -> None:
        version = self._read_version(connection)
        for number in range(version, SCHEMA_VERSION):
            for statement in _MIGRATIONS[number]:
                connection.exec_driver_sql(statement)
        if version != SCHEMA_VERSION:
            _put_meta(connection, "schema_version", str(SCHEMA_VERSION))

    def _check_version(self) -> None:
        with self._transaction() as connection:
            version = self._read_version(connection)
        if version < SCHEMA_VERSION:
            raise LedgerError(
                f"{self._file}: this ledger is of an older version; it is brought up to date when"
                " the daemon starts"
            )

    def _read_version(self, connection: sa.Connection) -> int:
        version = int(connection.execute(_meta("schema_version")).scalar_one())
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"{self._file}: this ledger has schema version {version}, newer than this program"
                f" knows ({SCHEMA_VERSION}); install the cbmaintd that wrote it, or name another"
                " ledger with --ledger"
            )
        return version

    def _begin_anew(self) -> None:
        """Set aside what is left of the file, and begin a new one in its place."""
        with self._turn:
            decided, self._is_blank = self._decided, True
            self._identity = None
            self._engine.dispose()
            aside = ledger_file.set_aside(self._file) if self._file else None
            self.loss = Loss(LossReason.DAMAGED if aside else LossReason.MISSING, aside)
            self._connect(Mode.WRITE)
            try:
                self._prepare()
            finally:
                self._decided = decided
            self._restore()

    def _restore(self) -> None:
        """Write into a new file, in one transaction, all that the lost one had."""
        with self._transaction() as connection:
            if self._known:
                known = [rows.from_record(record) for record in self._known.values()]
                connection.execute(sa.insert(rows.record), known)
            if self._decided:
                decided = [rows.from_override(override) for override in self._decided]
                connection.execute(sa.insert(rows.override), decided)
            if self._last_config:
                connection.execute(
                    sa.insert(rows.config).values(rows.from_config(self._last_config))
                )
        self._is_blank = False

    def _connect(self, mode: Mode) -> None:
        self._engine.dispose()
        self._engine = ledger_file.connect(self._file, mode)

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
            return [self._parse(rows.to_record, row) for row in connection.execute(query)]

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write *records* and append *attempts* in one durable transaction.

        A record that is spent is removed.

        Raises:
            LedgerError: nothing was written. If the file was damaged, emptied or deleted while
                in use, a new one has been begun that has all which was written before.

        """
        changed = list(records)
        sent = [rows.from_attempt(attempt) for attempt in attempts]
        kept = [rows.from_record(record) for record in changed if not record.is_spent]
        with self._turn:
            with self._writing() as connection:
                if changed:
                    connection.execute(
                        rows.DELETE_RECORD, [rows.bound(each.key) for each in changed]
                    )
                if kept:
                    connection.execute(sa.insert(rows.record), kept)
                if sent:
                    connection.execute(sa.insert(rows.attempt), sent)
            # Only what is on disk: whoever could not write it offers it again.
            for record in changed:
                if record.is_spent:
                    self._known.pop(record.key, None)
                else:
                    self._known[record.key] = record

    def daemon(self) -> DaemonState:
        """Tell who runs on this ledger now; the lock, not the row, decides. Raises LedgerError."""
        holder = read_holder(self._file) if self._file else None
        with self._transaction() as connection:
            text = connection.execute(_meta("reading")).scalar()
        reading = Reading.parse(text) if text else Reading()
        if holder is None:
            return DaemonState(running=False, pid=None, host=None, since=None, reading=reading)
        return DaemonState(True, holder.pid, holder.host, holder.since, reading)

    def note_reading(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and what was wrong with it. Raises LedgerError."""
        reading = Reading(str(uuid.uuid4()), tuple(faults))
        with self._writing() as connection:
            _put_meta(connection, "reading", reading.text())

    def save_config(self, config: AppliedConfig) -> None:
        """Keep *config* as the last good one. Raises LedgerError.

        Older ones stay while anything is held: a cluster that an edit removed is found in them.
        """
        self._last_config = config
        with self._writing() as connection:
            held = sa.select(sa.func.count()).select_from(rows.record)
            if connection.execute(held).scalar_one() == 0:
                connection.execute(sa.delete(rows.config))
            connection.execute(sa.insert(rows.config).values(rows.from_config(config)))

    def overrides(self) -> list[Override]:
        """List what people decided beside the file, in their order. Raises LedgerError."""
        query = sa.select(rows.override).order_by(rows.override.c.id)
        with self._transaction() as connection:
            self._decided = [
                self._parse(rows.to_override, row) for row in connection.execute(query)
            ]
        return self._decided

    def count_overrides(self) -> int:
        """Count the decisions; cheap enough to ask all the time. Raises LedgerError."""
        with self._transaction() as connection:
            query = sa.select(sa.func.count()).select_from(rows.override)
            return connection.execute(query).scalar_one()

    def add_override(self, override: Override) -> None:
        """Keep a decision; the daemon here sees it within a second. Raises LedgerError."""
        with self._transaction() as connection:
            connection.execute(sa.insert(rows.override).values(rows.from_override(override)))

    def attempts(self, since: datetime) -> list[Attempt]:
        """List what was sent to repositories since then, the oldest first. Raises LedgerError."""
        query = (
            sa.select(rows.attempt)
            .where(rows.attempt.c.started >= rows.from_instant(since))
            .order_by(rows.attempt.c.started, rows.attempt.c.id)
        )
        with self._transaction() as connection:
            return [self._parse(rows.to_attempt, row) for row in connection.execute(query)]

    def forget_attempts(self, before: datetime, most: int) -> None:
        """Delete the oldest attempts from before then, *most* at once. Raises LedgerError."""
        old = rows.attempt.c.started < rows.from_instant(before)
        oldest = sa.select(rows.attempt.c.id).where(old).order_by(rows.attempt.c.started)
        with self._writing() as connection:
            chosen = rows.attempt.c.id.in_(oldest.limit(most))
            connection.execute(sa.delete(rows.attempt).where(chosen))

    def configs(self) -> list[AppliedConfig]:
        """List the configurations kept, the newest first. Raises LedgerError."""
        query = sa.select(rows.config).order_by(rows.config.c.id.desc())
        with self._transaction() as connection:
            return [self._parse(rows.to_config, row) for row in connection.execute(query)]

    def last_good(self) -> AppliedConfig | None:
        """Give the configuration that was in force last. Raises LedgerError."""
        return next(iter(self.configs()), None)

    def _parse(self, read: Callable[[sa.Row[Any]], T], row: sa.Row[Any]) -> T:
        try:
            return read(row)
        except (ValueError, TypeError) as exc:
            # Bits that rotted inside a value: SQLite's own checks do not see them.
            raise DamagedError(f"{self._file}: the ledger is damaged ({exc})") from exc

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Write, unless the file is no longer there or no longer whole: then begin a new one."""
        with self._turn:
            try:
                self._open_for_writes()
                self._check_place()
                if self._is_blank:
                    self._restore()
                with self._transaction() as connection:
                    yield connection
            except DamagedError:
                self._begin_anew()
                raise
            except ReadOnlyError:
                # It stays so for this connection, also when the disk takes writes again.
                self._is_closed_to_writes = True
                raise

    def _open_for_writes(self) -> None:
        if self._is_closed_to_writes:
            self._connect(Mode.WRITE)
            self._prepare()
            self._is_closed_to_writes = False

    def _check_place(self) -> None:
        if self._file and self._lock:
            self._lock.renew(self._file)
            if self._identity and ledger_file.identify(self._file) != self._identity:
                raise DamagedError(f"{self._file}: another file was put in the ledger's place")

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._turn:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except sa.exc.DatabaseError as exc:
                raise ledger_file.translate(exc, self._file) from exc


def _meta(name: str) -> sa.Select[str]:
    return sa.select(rows.meta.c.value).where(rows.meta.c.name == name)


def _put_meta(connection: sa.Connection, name: str, value: str) -> None:
    connection.execute(sa.delete(rows.meta).where(rows.meta.c.name == name))
    connection.execute(sa.insert(rows.meta).values(name=name, value=value))
