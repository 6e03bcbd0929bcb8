"""Copying a whole ledger in one transaction, to move to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from daemon.errors import AlreadyRunningError, LedgerError
from daemon.ledger import tables
from daemon.ledger.changes import write
from daemon.ledger.ledger import Ledger, SharedLedger

PAGE = 1000

COPIED = (tables.record, tables.attempt, tables.override, tables.config, tables.progress)
"""What lists showed is not copied: the first looks show it again."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How much was copied."""

    records: int
    attempts: int
    overrides: int
    configs: int


def copy_ledger(source: Ledger, target: Ledger) -> Copied:
    """Copy everything; *target* must be empty.

    Raises:
        AlreadyRunningError: a daemon runs on one of them.
        LedgerError: one cannot be used, or *target* has something already.

    """
    records = source.records()
    with _alone(source) as origin, _alone(target) as destination:
        for table in COPIED:
            if destination.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
                raise LedgerError(
                    f"{target.place}: there is something in this ledger already; name an empty one"
                )
        write(destination, target.suspicion_format(destination), records, ())
        _copy_table(origin, destination, tables.progress)
        return Copied(
            len(records),
            _copy_table(origin, destination, tables.attempt),
            _copy_table(origin, destination, tables.override),
            _copy_table(origin, destination, tables.config),
        )


@contextmanager
def _alone(ledger: Ledger) -> Iterator[sa.Connection]:
    """Begin a transaction during which no daemon can start on this ledger. Raises LedgerError."""
    with ledger.transaction() as connection:
        if isinstance(ledger, SharedLedger):
            # A daemon that starts now has to wait for this lock before it claims anything.
            connection.exec_driver_sql("LOCK TABLE member IN EXCLUSIVE MODE")
            live = [member for member in ledger.members() if member.is_live]
            if live:
                raise AlreadyRunningError(
                    f"{ledger.place}: the ledger is in use by pid {live[0].pid} on {live[0].host};"
                    " stop every daemon on it, and run this again"
                )
        yield connection


def _copy_table(origin: sa.Connection, destination: sa.Connection, table: sa.Table) -> int:
    """Copy the rows in their order; they get new ids."""
    count, last = 0, 0
    while page := _page(origin, table, last):
        last = page[-1].id
        count += len(page)
        destination.execute(sa.insert(table), [_without_id(row) for row in page])
    return count


def _page(origin: sa.Connection, table: sa.Table, last: int) -> Sequence[sa.Row[Any]]:
    query = sa.select(table).where(table.c.id > last).order_by(table.c.id).limit(PAGE)
    return origin.execute(query).all()


def _without_id(row: sa.Row[Any]) -> dict[str, Any]:
    return {key: value for key, value in row._asdict().items() if key != "id"}
