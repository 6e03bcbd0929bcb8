"""Opening a ledger by its URL: to own it, to look at it, or to keep every daemon from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from daemon.errors import AlreadyRunningError, LedgerError, NoLedgerError
from daemon.ledger import sqlite_file
from daemon.ledger.ledger import Access, DamagedError, Ledger
from daemon.ledger.postgresql.claims import Claims
from daemon.ledger.postgresql.database import PostgresqlLedger
from daemon.ledger.sqlite import SqliteLedger
from daemon.ledger.url import DATABASE, DatabaseUrl, database

MEMORY = "sqlite://"


def exists(url: str) -> bool:
    """Check whether there is a ledger at *url*; one in a database is taken to exist.

    Raises:
        LedgerError: *url* is wrong, or whether there is one may not be known.

    """
    return url.startswith(DATABASE) or sqlite_file.is_there(sqlite_file.file_of(url))


def open_ledger(url: str, access: Access) -> Ledger:
    """Open the ledger at *url*: `sqlite:////absolute/path.db` or `postgresql+psycopg://…`.

    Raises:
        LedgerError: it is missing, cannot be reached or used, or is of another version.
        AlreadyRunningError: another daemon holds it, and it is for one alone.

    """
    found = _database(url)
    if found:
        return PostgresqlLedger.open(found, access)
    return SqliteLedger.open(sqlite_file.file_of(url), access)


def open_to_look(url: str) -> Ledger:
    """Open the ledger at *url* for a dry run; an empty one in memory if there is none.

    Raises:
        LedgerError: it cannot be reached or read, or is of another version.

    """
    if exists(url):
        return open_ledger(url, Access.READ)
    return open_ledger(MEMORY, Access.DAEMON)


def refuse_unfit(url: str) -> None:
    """Raise EncodingError for a database that can hold no ledger; accept one out of reach."""
    found = _database(url)
    if found:
        with suppress(LedgerError):
            PostgresqlLedger.open(found, Access.READ).close()


@contextmanager
def open_without_daemons(url: str, most: timedelta) -> Iterator[Ledger]:
    """Open the ledger at *url*, and keep daemons from what it holds; in a database for *most*.

    Raises:
        LedgerError: it is missing, damaged or cannot be used; it is neither created nor replaced.
        AlreadyRunningError: a daemon runs on it.

    """
    shared = _database(url)
    if shared is None:
        with _open_file(url) as ledger:
            yield ledger
        return
    with _open_shared(shared) as ledger:
        claims = Claims(ledger, ledger.user)
        names = {record.key.cluster for record in ledger.records()}
        granted = claims.claim(names, (), len(names), most)
        try:
            if len(granted) < len(names):
                raise AlreadyRunningError(
                    f"{ledger.place}: the claims of a daemon that has just ended still hold; run"
                    " this again in a moment"
                )
            yield ledger
        finally:
            claims.give_back({grant.cluster: grant.epoch for grant in granted})


def _database(url: str) -> DatabaseUrl | None:
    try:
        return database(url)
    except ValueError as exc:
        raise LedgerError(str(exc)) from None


def _open_file(url: str) -> Ledger:
    """Open the ledger as a daemon does, but neither create one nor replace a damaged one."""
    file = sqlite_file.file_of(url)
    if file is None or not sqlite_file.is_there(file):
        raise NoLedgerError(
            f"{file or 'this ledger'}: there is no ledger here; name the daemon's with --ledger"
        )
    _refuse_damaged(url)
    try:
        ledger = open_ledger(url, Access.DAEMON)
    except AlreadyRunningError as exc:
        raise AlreadyRunningError(f"{exc}; stop that one, and run this again") from exc
    if ledger.loss:
        ledger.close()
        raise LedgerError(
            f"{file}: the ledger was damaged, and is kept as {ledger.loss.aside}; what it held is"
            " not known: look for paused repositories"
        )
    return ledger


def _refuse_damaged(url: str) -> None:
    """Leave a damaged ledger to the next daemon, which reports what it then finds paused."""
    try:
        with open_ledger(url, Access.READ) as ledger:
            ledger.records()
    except DamagedError:
        raise
    except LedgerError:
        # It is of an older version or on a full disk, and can be opened as a daemon does.
        return


def _open_shared(url: DatabaseUrl) -> PostgresqlLedger:
    ledger = PostgresqlLedger.open(url, Access.EDIT)
    found = ledger.daemon()
    if found.running:
        ledger.close()
        raise AlreadyRunningError(
            f"{ledger.place}: the ledger is in use by pid {found.pid} on {found.host}; stop every"
            " daemon on it, and run this again"
        )
    return ledger
