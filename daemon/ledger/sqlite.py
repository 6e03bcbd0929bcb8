"""The ledger in an SQLite file on one host: for one daemon at a time, replaced when it is lost.

WAL and `synchronous=FULL` (with NORMAL a power cut loses what was committed).
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.errors import LedgerError, NoLedgerError
from daemon.ledger import rows, sqlite_file, tables
from daemon.ledger.changes import Change, ContentError, RefusedError, is_content, refused_row
from daemon.ledger.ledger import (
    OF_UNREACHABLE,
    SCHEMA_VERSION,
    Access,
    DamagedError,
    Ledger,
    Loss,
    LossReason,
    meta,
    put_meta,
)
from daemon.ledger.lock import LedgerLock, read_holder
from daemon.ledger.sqlite_file import Mode, ReadOnlyError, UnusableError
from daemon.ledger.state import AppliedConfig, DaemonState, Reading
from daemon.ledger.suspicions import BOOT_FORMAT, SuspicionFormat
from daemon.windows.overrides import Override

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
    3: (
        "ALTER TABLE config ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE attempt ADD COLUMN member TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE attempt ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
    ),
    # Tables that are new are made in any case; a program that does not know `unskip` would take
    # such a decision for damage.
    4: (),
}
"""The statements that turn each schema version into the next one."""

OF_SERVICE = Path("/var/lib/cbmaintd/ledger.db")
"""Where the systemd unit keeps its ledger."""


def _elsewhere() -> str:
    """Return where the service's ledger is, which may be the one that is looked for."""
    if os.path.exists(OF_SERVICE):  # noqa: PTH110  # False, and no error, where it may not be seen
        return (
            f"; the service's is {OF_SERVICE}: name it with --ledger, or write"
            f" `ledger: sqlite:///{OF_SERVICE}` into the file"
        )
    return ": no daemon has run with it yet; cbmaintd run starts one, --ledger names another"


class SqliteLedger(Ledger):
    """A ledger in a file, or in memory."""

    def __init__(self, file: Path | None, lock: LedgerLock | None, access: Access) -> None:
        """Connect; use `open`, which also checks the file."""
        super().__init__(str(file))
        self._file = file
        self._lock = lock
        mode = sqlite_file.reading_mode(file) if access is Access.READ else Mode.WRITE
        self._engine = sqlite_file.connect(file, mode)
        self._is_closed_to_writes = False
        self._identity: tuple[int, int, int] | None = None
        self._turn = threading.RLock()
        self._looked: tuple[int, int] | None = None
        # What is written into a new file if this one is lost while in use.
        self._known: dict[RepositoryKey, Record] = {}
        self._last_config: AppliedConfig | None = None
        self._decided: list[Override] = []
        self._is_blank = False

    @classmethod
    def open(cls, file: Path | None, access: Access) -> SqliteLedger:
        """Open the ledger in *file*; None for one in memory.

        `DAEMON` creates what is missing and holds the lock until `close`. A ledger that is damaged
        is renamed, and like one that is gone replaced by a new one (`loss` says so): whatever is
        found paused is then not ours, so nothing is resumed by guess. On a full or read-only disk
        the ledger is only read until the disk allows writing again: each write tries.

        Raises:
            LedgerError: it is missing, unreadable, not writable, of a newer version, or a file of
                somebody else, which is left alone.
            AlreadyRunningError: another daemon holds it.

        """
        if access is not Access.DAEMON and not sqlite_file.is_there(file):
            raise NoLedgerError(f"{file or 'this ledger'}: there is no ledger here{_elsewhere()}")
        if file:
            # Before anything is made beside it.
            sqlite_file.refuse_foreign(file)
        lock = LedgerLock.take(file) if file and access is Access.DAEMON else None
        ledger = cls(file, lock, access)
        try:
            if access is Access.DAEMON:
                ledger._prepare_or_replace()
            else:
                ledger.check_version()
        except LedgerError:
            ledger.close()
            raise
        return ledger

    def _prepare_or_replace(self) -> None:
        known: list[Record] = []
        try:
            known = self._prepare()
        except DamagedError:
            self._replace()
        except UnusableError:
            if not (self._file and self._file.exists()):
                raise
            # What is held has to be resumed all the same, and reading is enough to know it.
            self._connect(sqlite_file.rescue_mode(self._file))
            self.check_version()
            self._is_closed_to_writes = True
            known = self.records()
        self._known = {record.key: record for record in known}

    def _prepare(self) -> list[Record]:
        """Create or migrate the tables, check every row, and return the records."""
        with self.transaction() as connection:
            sqlite_file.check_owner(connection, self._file)
            is_new = not sa.inspect(connection).has_table(tables.meta.name)
            tables.METADATA.create_all(connection)
            sqlite_file.mark_as_ours(connection)
            if is_new:
                self._fill(connection)
            self.migrate(connection, _MIGRATIONS)
            # These are from an earlier run; this one finds out by itself.
            connection.execute(sa.delete(tables.meta).where(OF_UNREACHABLE))
            sqlite_file.check_health(connection, self._file)
            ledger_id = connection.execute(meta("ledger_id")).scalar()
            if ledger_id is None:
                ledger_id = str(uuid.uuid4())
                put_meta(connection, "ledger_id", ledger_id)
        known = self.records()
        self.overrides()
        self._last_config = self._last_config or self.last_good()
        if self._file:
            sqlite_file.write_ledger_id(self._file, ledger_id)
            self._identity = sqlite_file.identify(self._file)
        return known

    def _fill(self, connection: sa.Connection) -> None:
        values = {"schema_version": str(SCHEMA_VERSION)}
        known = sqlite_file.read_ledger_id(self._file) if self._file else None
        if known:
            values["ledger_id"] = known
            self.loss = self.loss or Loss(LossReason.MISSING, None)
        for name, value in values.items():
            connection.execute(sa.insert(tables.meta).values(name=name, value=value))

    def _replace(self) -> None:
        """Rename what is left of the file, and create a new one in its place."""
        if self._file:
            sqlite_file.refuse_foreign(self._file)
        with self._turn:
            decided, self._is_blank = self._decided, True
            self._identity = None
            self._engine.dispose()
            aside = sqlite_file.set_aside(self._file) if self._file else None
            self.loss = Loss(LossReason.DAMAGED if aside else LossReason.MISSING, aside)
            self._connect(Mode.WRITE)
            try:
                self._prepare()
            finally:
                self._decided = decided
            self._restore()

    def _restore(self) -> None:
        """Write into a new file, in one transaction, everything the lost one had."""
        with self.transaction() as connection:
            if self._known:
                known = [rows.from_record(record, BOOT_FORMAT) for record in self._known.values()]
                connection.execute(sa.insert(tables.record), known)
            if self._decided:
                decided = [rows.from_override(override) for override in self._decided]
                connection.execute(sa.insert(tables.override), decided)
            if self._last_config:
                connection.execute(
                    sa.insert(tables.config).values(rows.from_config(self._last_config))
                )
        self._is_blank = False

    def _connect(self, mode: Mode) -> None:
        self._looked = None
        self._engine.dispose()
        self._engine = sqlite_file.connect(self._file, mode)

    def close(self) -> None:
        """Close the file and release the lock."""
        with self._turn:
            self._engine.dispose()
        if self._lock:
            self._lock.release()

    def suspicion_format(self, connection: sa.Connection) -> SuspicionFormat:
        """Return the format that goes by this host's clock: no other host reads it."""
        del connection
        return BOOT_FORMAT

    def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: Iterable[News] = (),
    ) -> None:
        """Write *records* and *news*, and append *attempts*, in one durable transaction.

        A record that is spent is removed.

        Raises:
            LedgerError: nothing was written. If the file was damaged, emptied or deleted while in
                use, a new one has been created that contains everything written before.

        """
        changed = list(records)
        with self._turn:
            super().save(changed, attempts, news)
            self._learn(changed)

    def save_each(self, changes: Sequence[Change]) -> Sequence[LedgerError | None]:
        """Write all rows that are not refused, as `Ledger` does. Raises LedgerError."""
        with self._turn:
            errors = super().save_each(changes)
            for change, error in zip(changes, errors, strict=True):
                refused = error.records if isinstance(error, RefusedError) else {}
                if not isinstance(error, ContentError):
                    self._learn([each for each in change.records if each.key not in refused])
        return errors

    def _learn(self, written: Iterable[Record]) -> None:
        """Note what is on disk, and that alone: a caller whose write failed tries again."""
        for record in written:
            if record.is_spent:
                self._known.pop(record.key, None)
            else:
                self._known[record.key] = record

    def daemon(self) -> DaemonState:
        """Return which daemon runs here; the lock decides, not a row. Raises LedgerError."""
        holder = read_holder(self._file) if self._file else None
        with self.transaction() as connection:
            text = connection.execute(meta("reading")).scalar()
        reading = self.parse(Reading.parse, text) if text else Reading()
        if holder is None:
            return DaemonState(running=False, pid=None, host=None, since=None, reading=reading)
        return DaemonState(True, holder.pid, holder.host, holder.since, reading)

    def save_config(self, config: AppliedConfig) -> None:
        """Store *config* as the last good one, as `Ledger` does. Raises LedgerError."""
        self._last_config = config
        super().save_config(config)

    def overrides(self) -> list[Override]:
        """List people's decisions, the oldest first. Raises LedgerError."""
        with self._turn:
            self._decided = super().overrides()
        return self._decided

    def new_overrides(self, known: int) -> list[Override] | None:
        """Return people's decisions; None if there are still *known* many. Raises LedgerError.

        Nothing is read unless somebody else has written, but a file that is gone is noticed: like
        a write, this replaces it and raises DamagedError.
        """
        with self._turn:
            if self._is_blank or self._is_lost():
                with self.writing():
                    pass
            looked = (sqlite_file.data_version(self._engine, self._file), known)
            if looked == self._looked:
                return None
            found = super().new_overrides(known)
            if found is None:
                self._looked = looked
            return found

    def _is_lost(self) -> bool:
        if not (self._file and self._identity):
            return False
        try:
            return sqlite_file.identify(self._file) != self._identity
        except DamagedError:
            return True

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Begin a transaction; replace a file that is gone or damaged, and raise DamagedError."""
        with self._turn:
            try:
                self._open_for_writes()
                self._check_place()
                if self._is_blank:
                    self._restore()
                with self.transaction() as connection:
                    yield connection
            except DamagedError:
                self._replace()
                raise
            except ReadOnlyError:
                # This connection stays read-only even when the disk takes writes again.
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
            if self._identity and sqlite_file.identify(self._file) != self._identity:
                raise DamagedError(f"{self._file}: the ledger or its -wal was replaced or deleted")

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Begin a transaction; only one thread at a time has one. Raises LedgerError."""
        with self._turn:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except (sa.exc.DatabaseError, UnicodeError, OverflowError) as exc:
                if is_content(exc):
                    raise refused_row(self.place, exc) from exc
                if isinstance(exc, sa.exc.DatabaseError):
                    raise sqlite_file.translate(exc, self._file) from exc
                raise
