"""The ledger's tables, and the statements that write many rows at once.

What is no visible character is escaped in every text: a database in UTF-8 takes neither NUL nor
surrogates, and whoever looks into it has a terminal. The tables of `SHARED` exist on PostgreSQL
only; their instants are timestamps by the database's clock, since they order what several members
do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from daemon.core.repository import RepositoryKey
from daemon.wording import printable

METADATA = sa.MetaData()
SHARED = sa.MetaData()


class _Printable(sa.TypeDecorator[str]):
    """A text as it is shown: the one door through which text comes into the ledger."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Escape what is no visible character."""
        del dialect
        return value if value is None or value.isprintable() else printable(value)


# Ordered by bytes: the collation of a language would ignore the punctuation in an instant.
_TEXT = _Printable().with_variant(_Printable(collation="C"), "postgresql")
_WHEN = sa.DateTime(timezone=True)

meta = sa.Table(
    "meta",
    METADATA,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
    sqlite_strict=True,
)

record = sa.Table(
    "record",
    METADATA,
    sa.Column("cluster", _TEXT, primary_key=True),
    sa.Column("repository", _TEXT, primary_key=True),
    sa.Column("phase", _TEXT, sa.CheckConstraint("phase in ('pausing','paused','resuming')")),
    sa.Column("windows", _TEXT, nullable=False),
    sa.Column("openings", _TEXT, nullable=False),
    sa.Column("since", _TEXT),
    sa.Column("until", _TEXT),
    sa.Column("yielded", _TEXT, nullable=False),
    sa.Column("suspect_pause", _TEXT),
    sa.Column("suspect_resume", _TEXT),
    sa.Column("missing_since", _TEXT),
    sa.Column("scheduled", _TEXT, nullable=False),
    sa.Column("catch_up", _TEXT, nullable=False),
    sa.Column("last_error", _TEXT),
    sa.Column("next_attempt", _TEXT),
    sa.Column("uuid", _TEXT, nullable=False, server_default=""),
    sa.Column("running", _TEXT, nullable=False, server_default="[]"),
    sa.Column("backup_due", _TEXT),
    sa.Column("reached", _TEXT, nullable=False, server_default=""),
    sqlite_strict=True,
)

attempt = sa.Table(
    "attempt",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cluster", _TEXT, nullable=False),
    sa.Column("repository", _TEXT),
    sa.Column("action", _TEXT, nullable=False),
    sa.Column("windows", _TEXT, nullable=False),
    sa.Column("started", _TEXT, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("outcome", _TEXT, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", _TEXT),
    sa.Column("message", _TEXT, nullable=False),
    sa.Column("member", _TEXT, nullable=False, server_default=""),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sqlite_strict=True,
)

sa.Index("attempt_started", attempt.c.started)

override = sa.Table(
    "override",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("window", _TEXT, nullable=False),
    sa.Column("start", _TEXT, nullable=False),
    sa.Column("end", _TEXT),
    sa.Column("made", _TEXT, nullable=False),
    sa.Column("by", _TEXT, nullable=False),
    sa.Column("reason", _TEXT, nullable=False),
    sa.Column("targets", _TEXT, nullable=False),
    sqlite_strict=True,
)

listing = sa.Table(
    "listing",
    METADATA,
    sa.Column("cluster", _TEXT, primary_key=True),
    sa.Column("text", _TEXT, nullable=False),
    sqlite_strict=True,
)
"""What the last list of each cluster showed, as JSON."""

progress = sa.Table(
    "progress",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("cluster", _TEXT, nullable=False),
    sa.Column("window", _TEXT, nullable=False),
    sa.Column("start", _TEXT, nullable=False),
    sa.Column("end", _TEXT, nullable=False),
    sa.Column("at", _TEXT, nullable=False),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("paused", sa.Integer, nullable=False),
    sa.Column("elsewhere", sa.Integer, nullable=False),
    sa.Column("is_listed", sa.Integer, nullable=False),
    sa.Column("resumed", sa.Integer, nullable=False),
    sa.Column("missed", _TEXT, nullable=False),
    sa.Column("missed_total", sa.Integer, nullable=False),
    sqlite_strict=True,
)
"""How far openings came on each cluster: a row where that changed."""

config = sa.Table(
    "config",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", _TEXT, nullable=False),
    sa.Column("folder", _TEXT, nullable=False),
    sa.Column("text", sa.LargeBinary, nullable=False),
    sa.Column("applied", _TEXT, nullable=False),
    sa.Column("attached", _TEXT, nullable=False, server_default="{}"),
    sa.Column("digest", _TEXT, nullable=False, server_default=""),
    sqlite_strict=True,
)

member = sa.Table(
    "member",
    SHARED,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("host", _TEXT, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("since", _WHEN, nullable=False),
    sa.Column("beat", _WHEN, nullable=False),
    sa.Column("lease_s", sa.Float, nullable=False),
    sa.Column("version", _TEXT, nullable=False),
    sa.Column("digest", _TEXT, nullable=False),
    sa.Column("generation", sa.Integer),
    sa.Column("skew_s", sa.Float, nullable=False),
    sa.Column("reading", _TEXT, nullable=False),
)
"""The daemons: each with the digest of its file, the generation of this file (none if it is not in
force), and how far its wall clock is ahead of the database's."""

claim = sa.Table(
    "claim",
    SHARED,
    sa.Column("cluster", _TEXT, primary_key=True),
    sa.Column("owner", _TEXT),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires", _WHEN, nullable=False),
    sa.Column("looked", sa.Integer, nullable=False, server_default="0"),
)
"""Who manages a cluster, and until when; `looked` is the last stale attempt that was checked."""


class _Statements(dict[str, Any]):
    """A statement by dialect, each made when needed: the other dialect takes long to import.

    On PostgreSQL one statement takes all rows, as an array for each column; SQLite is quicker with
    a statement that is executed for each.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        """Make each with *make*."""
        super().__init__()
        self._make = make

    def __missing__(self, dialect: str) -> Any:
        self[dialect] = self._make(dialect)
        return self[dialect]


def _insert(table: sa.Table, dialect: str) -> Any:
    """Return a statement that inserts rows, and may say what to do about a conflict."""
    statement = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    if dialect != POSTGRESQL:
        return statement
    columns = [column for column in table.c if column is not table.autoincrement_column]
    arrays = sa.select(*(unnested(column.name, column) for column in columns))
    return statement.from_select([column.name for column in columns], arrays)


def unnested(name: str, column: sa.Column[Any]) -> Any:
    """Return a row for each value of a parameter that is an array of values of *column*."""
    kind = sa.Integer if isinstance(column.type, sa.Integer) else sa.Text
    return sa.func.unnest(sa.bindparam(name, type_=sa.ARRAY(kind)))


def _upsert(table: sa.Table, dialect: str) -> Any:
    statement = _insert(table, dialect)
    changed = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=[*table.primary_key], set_=changed)


def _delete(dialect: str) -> Any:
    key = record.c.cluster, record.c.repository
    if dialect == POSTGRESQL:
        chosen = sa.select(unnested("in_cluster", key[0]), unnested("with_id", key[1]))
        return sa.delete(record).where(sa.tuple_(*key).in_(chosen))
    chosen_one = key[0] == sa.bindparam("in_cluster"), key[1] == sa.bindparam("with_id")
    return sa.delete(record).where(*chosen_one)


POSTGRESQL = "postgresql"

UPSERT_RECORD = _Statements(lambda dialect: _upsert(record, dialect))
"""Puts records into the place of those there were."""

DELETE_RECORD = _Statements(_delete)
"""Deletes records; to be executed with what `bound` returns."""

INSERT_ATTEMPT = _Statements(lambda dialect: _insert(attempt, dialect))

UPSERT_LISTING = _Statements(lambda dialect: _upsert(listing, dialect))
"""Puts what lists showed into the place of what earlier ones did."""

INSERT_NOTE = _Statements(lambda dialect: _insert(progress, dialect))


def bound(key: RepositoryKey) -> dict[str, str]:
    """Return the parameters that name the record of a repository."""
    return {"in_cluster": key.cluster, "with_id": key.id}


def execute_many(
    connection: sa.Connection, statements: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement for *rows*, which all have the same columns.

    The driver takes our values as they are, so SQLAlchemy only writes the statement: to prepare
    each row takes it longer than SQLite to store it.
    """
    if not rows:
        return
    dialect = connection.dialect
    text, order = _compiled(statements[dialect.name], dialect, tuple(rows[0]))
    values = [_storable(row) for row in rows]
    if dialect.name == POSTGRESQL:
        arrays = {name: _literal([row[name] for row in values]) for name in values[0]}
        connection.exec_driver_sql(text, arrays)
    else:
        connection.exec_driver_sql(text, [order(row) for row in values])


def _literal(values: Sequence[str | int | None]) -> str:
    """Return an array as PostgreSQL reads it, which the driver takes ten times as long to write.

    Of texts in which all is printable JSON escapes what an array does, and as an array does:
    quotes and backslashes.
    """
    return f"{{{json.dumps(values, ensure_ascii=False)[1:-1]}}}"


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* with texts as `_Printable` makes them, by which they do not come here."""
    return {
        name: printable(value) if isinstance(value, str) and not value.isprintable() else value
        for name, value in row.items()
    }


@lru_cache(maxsize=16)
def _compiled(
    statement: sa.UpdateBase, dialect: sa.Dialect, columns: tuple[str, ...]
) -> tuple[str, Callable[[Any], Any]]:
    """Return a statement as text, and what makes its parameters of a row: by name or in order."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
    order = compiled.positiontup
    return str(compiled), itemgetter(*order) if order else dict
