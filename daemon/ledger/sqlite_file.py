"""The file behind an SQLite ledger: opened, recognized, and renamed when it is damaged."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from daemon.errors import LedgerError
from daemon.host.files import open_regular, read_beginning
from daemon.ledger.ledger import DamagedError

# SQLite gives its reasons as text alone.
_DAMAGED = ("not a database", "malformed", "no such table")
_ADVICE = {
    "locked": "another program keeps it locked: end that one, or try again in a moment",
    "is full": "free some space on its disk",
}
_SEE = "see cbmaintd manual troubleshooting"
_LONGEST_ID = 100
_COMPANIONS = ("", "-wal", "-shm")


class Mode(StrEnum):
    """How the file is opened, as parameters of SQLite's URI.

    `ALONE`: nobody writes meanwhile. Of these two the first ignores a WAL, the second needs one.
    """

    WRITE = "mode=rwc"
    READ = "mode=ro"
    READ_ALONE = "mode=ro&immutable=1"
    READ_WAL_ALONE = "mode=ro&vfs=unix-none"


APPLICATION_ID = 0x43424D44
"""What SQLite keeps in our files to say whose they are: CBMD."""

_HEADER = b"SQLite format 3\0"
_OURS = {"meta", "record", "attempt"}


class ForeignError(LedgerError):
    """Raised for a file that is somebody else's: it is neither renamed nor written to."""


class UnusableError(LedgerError):
    """Raised when the disk refuses: full, read-only, failing, or not ours."""


class ReadOnlyError(UnusableError):
    """Raised when the file was opened read-only; to be written it has to be opened again."""


def file_of(url: str) -> Path | None:
    """Return the file behind *url*; None for a ledger in memory. Raises LedgerError.

    A link stands for the file that it leads to: so it does to SQLite, which keeps its WAL there,
    and a lock beside the link would exclude nobody who opens the file by another name.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Unquoted: it may contain a password.
        raise LedgerError("this is not a ledger's URL; write sqlite:////absolute/path.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise LedgerError(
            f"{parsed.set(query={}).render_as_string()}: no ledger of this kind is known; write"
            " sqlite:////absolute/path.db or postgresql+psycopg://user@host/database"
        )
    if "?" in url:
        # SQLAlchemy would take the rest for parameters, and open another file.
        raise LedgerError(f"{parsed.database}?…: a ledger's file has no question mark in its path")
    if not parsed.database:
        return None
    file = Path(parsed.database).absolute()
    return Path(os.path.realpath(file)) if os.path.islink(file) else file  # noqa: PTH114  # False, and no error, where it may not be seen


def is_there(file: Path | None) -> bool:
    """Check whether there is such a file. Raises LedgerError if that may not be known."""
    try:
        return file is not None and file.exists()
    except PermissionError as exc:
        raise LedgerError(
            f"{file}: the ledger cannot be read ({exc.strerror}); run this as the daemon's user,"
            " or as root"
        ) from exc


def reading_mode(file: Path | None) -> Mode:
    """Return the mode to read *file* in, also for whoever may only read it.

    Without a WAL there is nobody whose writes would have to be followed, and SQLite would make one.
    """
    if file is None or os.access(file.parent, os.W_OK) or _beside(file, "-wal").exists():
        return Mode.READ
    return Mode.READ_ALONE


def rescue_mode(file: Path) -> Mode:
    """Return the mode in which the owner of *file* can read it on a full or read-only disk.

    To read a WAL, SQLite writes an index of it, which such a disk refuses. Where no WAL is left
    behind, none is needed; where one is, the index is kept in memory.
    """
    try:
        is_whole = _beside(file, "-wal").stat().st_size == 0
    except OSError:
        is_whole = True
    return Mode.READ_ALONE if is_whole else Mode.READ_WAL_ALONE


def connect(file: Path | None, mode: Mode) -> sa.Engine:
    """Return an engine with one connection for all threads; the ledger serializes its use."""
    name = f"file:{quote(str(file))}?{mode}" if file else ":memory:"

    def open_file() -> sqlite3.Connection:
        # The driver's own transactions (isolation_level) begin only after the first read, so that
        # the second of two writers fails halfway. Ours take the write lock when they begin.
        connection = sqlite3.connect(
            name, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            if mode is Mode.READ_WAL_ALONE:
                # Before the first read, or the index would be a file (SQLite, "WAL", section 8).
                connection.execute("PRAGMA locking_mode=EXCLUSIVE").close()
            if mode is Mode.WRITE:
                connection.execute("PRAGMA journal_mode=WAL").close()
            connection.execute("PRAGMA synchronous=FULL").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=open_file, poolclass=StaticPool)

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode is Mode.WRITE else "BEGIN")

    return engine


def data_version(engine: sa.Engine, file: Path | None) -> int:
    """Return a number that changes when another connection has written. Raises LedgerError.

    No transaction begins, so that nobody is kept from writing.
    """
    try:
        # SQLAlchemy's own way to execute would begin a transaction.
        raw = engine.raw_connection()
        try:
            found: int = raw.cursor().execute("PRAGMA data_version").fetchone()[0]
        finally:
            raw.close()
    except (sqlite3.Error, sa.exc.DatabaseError) as exc:
        raise translate(exc, file) from exc
    return found


def translate(exc: sa.exc.DatabaseError | sqlite3.Error, file: Path | None) -> LedgerError:
    """Return the error that says what SQLite refused, and what to do about it."""
    what = str(getattr(exc, "orig", exc))
    if any(sign in what for sign in _DAMAGED):
        return DamagedError(f"{file}: the ledger is damaged ({what}); {_SEE}")
    kind = ReadOnlyError if "readonly" in what else UnusableError
    found = (advice for sign, advice in _ADVICE.items() if sign in what)
    advice = next(found, "check the disk and its rights, or run this as the daemon's user")
    return kind(f"{file}: the ledger cannot be used ({what}); {advice}")


def check_health(connection: sa.Connection, file: Path | None) -> None:
    """Raise DamagedError if SQLite finds a fault anywhere in the file."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise DamagedError(f"{file}: the ledger is damaged ({found}); {_SEE}")


def identify(file: Path) -> tuple[int, int, int]:
    """Return the device and inode of *file*, and the inode of the log that is written before it.

    SQLite goes on writing a log that was deleted, which nobody else will ever read.
    Raises DamagedError if the file is gone or empty.
    """
    try:
        found = file.stat()
    except OSError as exc:
        raise DamagedError(f"{file}: the ledger is gone ({exc.strerror})") from exc
    if found.st_size == 0:
        raise DamagedError(f"{file}: the ledger was emptied")
    try:
        log = _beside(file, "-wal").stat().st_ino
    except OSError:
        log = 0
    return found.st_dev, found.st_ino, log


def refuse_foreign(file: Path) -> None:
    """Raise ForeignError for a file that is no ledger of ours and never was; nothing is written.

    A damaged file is ours if an id of a ledger is beside it.
    """
    try:
        begin = read_beginning(file, len(_HEADER))
    except OSError:
        # It is missing, or whoever opens it says why it cannot be used.
        if not file.exists() or file.is_file():
            return
        raise ForeignError(_FOREIGN.format(file)) from None
    was_ours = read_ledger_id(file) is not None
    if begin == _HEADER:
        _refuse_tables(file, was_ours=was_ours)
    elif begin and not was_ours:
        raise ForeignError(_FOREIGN.format(file))


def _refuse_tables(file: Path, *, was_ours: bool) -> None:
    # Without its WAL, and so without the files that are made to read that.
    engine = connect(file, Mode.READ_ALONE)
    try:
        with engine.connect() as connection:
            check_owner(connection, file)
    except sa.exc.DatabaseError:
        if not was_ours:
            raise ForeignError(_FOREIGN.format(file)) from None
    finally:
        engine.dispose()


def check_owner(connection: sa.Connection, file: Path | None) -> None:
    """Raise ForeignError if the tables are somebody else's; where there are none, they may be ours.

    A ledger of an older version has no mark, and is known by its tables.
    """
    mark = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    names = set(connection.exec_driver_sql(query).scalars())
    is_ours = mark == APPLICATION_ID or (mark == 0 and (not names or names >= _OURS))
    if not is_ours:
        raise ForeignError(_FOREIGN.format(file))


def mark_as_ours(connection: sa.Connection) -> None:
    """Have the file say that it is ours; written only once."""
    if connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


_FOREIGN = (
    "{}: this is not a ledger of cbmaintd, and is left alone; name another file with --ledger"
)


def set_aside(file: Path) -> Path | None:
    """Rename what is left of a damaged ledger; return its new name, None if nothing was left.

    Raises:
        LedgerError: the folder cannot be written.

    """
    aside = _free_name(file)
    try:
        for companion in _COMPANIONS:
            with suppress(FileNotFoundError):
                _beside(file, companion).rename(_beside(aside, companion))
    except OSError as exc:
        raise LedgerError(f"{file}: the damaged ledger cannot be renamed ({exc.strerror})") from exc
    return aside if aside.exists() else None


def _free_name(file: Path) -> Path:
    stem = f"{file.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(place for name in names if not (place := file.with_name(name)).exists())


# To SQLite, a ledger that was emptied or deleted is a new one. So its id is also kept in a file
# next to it: if that file is there and the ledger has no id, an earlier ledger was lost.


def read_ledger_id(file: Path) -> str | None:
    """Return the id of the last ledger here; None if there never was one."""
    try:
        with os.fdopen(open_regular(_beside(file, ".id"), os.O_RDONLY), encoding="ascii") as opened:
            return opened.read(_LONGEST_ID).strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def write_ledger_id(file: Path, ledger_id: str) -> None:
    """Write the id of the ledger here; a full disk must not stop a start."""
    if read_ledger_id(file) == ledger_id:
        return
    place = _beside(file, ".id")
    draft = place.with_name(f"{place.name}.new")
    with suppress(OSError):
        draft.unlink(missing_ok=True)
        created = open_regular(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(created, "w", encoding="ascii") as written:
            written.write(f"{ledger_id}\n")
            written.flush()
            os.fsync(written.fileno())
        draft.replace(place)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}{suffix}")
