"""The ledger behind a URL, whatever keeps it."""

from __future__ import annotations

from daemon.errors import LedgerError
from daemon.ledger import sqlite_file
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.postgresql import PostgresqlLedger
from daemon.ledger.sqlite import SqliteLedger
from daemon.ledger.url import DatabaseUrl, database

MEMORY = "sqlite://"


def open_ledger(url: str, access: Access) -> Ledger:
    """Open the ledger at *url*: `sqlite:////absolute/path.db` or `postgresql+psycopg://…`.

    Raises:
        LedgerError: it is missing, cannot be reached or used, or is of another version.
        AlreadyRunningError: another daemon holds it, and it is for one alone.

    """
    found = database_of(url)
    if found:
        return PostgresqlLedger.open(found, access)
    return SqliteLedger.open(sqlite_file.file_of(url), access)


def database_of(url: str) -> DatabaseUrl | None:
    """Take the URL of a database server apart; None for another ledger. Raises LedgerError."""
    try:
        return database(url)
    except ValueError as exc:
        raise LedgerError(str(exc)) from None
