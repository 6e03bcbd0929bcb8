"""The ledger's tables, and the conversion of values to rows and back.

Instants are RFC 3339 text in UTC, lists are JSON, suspicions are text as a `SuspicionFormat` writes
it. What is no visible character is escaped in every text, also inside of JSON: a database in UTF-8
takes neither NUL nor surrogates, and whoever looks into it has a terminal. The tables of `SHARED`
exist on PostgreSQL only; their instants are timestamps by the database's clock, since they order
what several members do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import sqlalchemy as sa

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey, ScheduledRun
from daemon.durations import milliseconds
from daemon.ledger.state import AppliedConfig
from daemon.ledger.suspicions import SuspicionFormat
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import CatchUp, Patterns
from daemon.wording import json_text, printable

_URI = "file://"

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


DELETE_RECORD = sa.delete(record).where(
    record.c.cluster == sa.bindparam("in_cluster"), record.c.repository == sa.bindparam("with_id")
)
"""To be executed with what `bound` returns."""


def _upsert(insert: Any) -> Any:
    statement = insert(record)
    keys = [record.c.cluster, record.c.repository]
    changed = {c.name: statement.excluded[c.name] for c in record.c if c not in set(keys)}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


class _Upserts(dict[str, Any]):
    """Statements by dialect, each made when needed: the other dialect takes long to import."""

    def __missing__(self, dialect: str) -> Any:
        self[dialect] = _upsert(import_module(f"sqlalchemy.dialects.{dialect}").insert)
        return self[dialect]


UPSERT_RECORD = _Upserts()
"""Puts a record into the place of the one there was, by dialect."""

INSERT_ATTEMPT = sa.insert(attempt)


def bound(key: RepositoryKey) -> dict[str, str]:
    """Return the parameters that name the record of a repository."""
    return {"in_cluster": key.cluster, "with_id": key.id}


def execute_many(
    connection: sa.Connection, statement: sa.UpdateBase, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement for each of *rows*, which all have the same columns.

    The driver takes our values as they are, so SQLAlchemy only writes the statement: to prepare
    each row takes it longer than SQLite to store it.
    """
    if rows:
        text, order = _compiled(statement, connection.dialect, tuple(rows[0]))
        connection.exec_driver_sql(text, [order(_storable(row)) for row in rows])


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


def from_instant(instant: datetime | None) -> str | None:
    """Return an aware instant as UTC text."""
    return _utc_text(instant.astimezone(UTC)) if instant else None


@lru_cache(maxsize=256)
def _utc_text(instant: datetime) -> str:
    """Return an instant in UTC as text; cached, as lists are."""
    return instant.isoformat()


def to_instant(text: str) -> datetime:
    """Parse what `from_instant` returned."""
    return datetime.fromisoformat(text)


def _to_optional(text: str | None) -> datetime | None:
    return to_instant(text) if text else None


def _from_suspicion(suspicion: Suspicion | None, suspicion_format: SuspicionFormat) -> str | None:
    return suspicion_format.write(suspicion) if suspicion else None


def _to_suspicion(text: str | None, suspicion_format: SuspicionFormat) -> Suspicion | None:
    return suspicion_format.read(text) if text is not None else None


@lru_cache(maxsize=256)
def _listed(values: tuple[str, ...]) -> str:
    """Return a list as JSON; cached, since thousands of records have the same windows."""
    return json_text(values)


@lru_cache(maxsize=256)
def _runs(scheduled: tuple[ScheduledRun, ...]) -> str:
    """Return runs as JSON; cached, since many repositories have the same plan."""
    return json_text([[from_instant(run.next_run), run.task, run.task_type] for run in scheduled])


def from_record(value: Record, suspicion_format: SuspicionFormat) -> dict[str, Any]:
    """Return the row of a record."""
    return {
        "cluster": value.key.cluster,
        "repository": value.key.id,
        "phase": value.phase,
        "windows": _listed(value.windows),
        "openings": _listed(value.openings),
        "since": from_instant(value.since),
        "until": from_instant(value.until),
        "yielded": _listed(value.yielded),
        "suspect_pause": _from_suspicion(value.suspect_pause, suspicion_format),
        "suspect_resume": _from_suspicion(value.suspect_resume, suspicion_format),
        "missing_since": from_instant(value.missing_since),
        "scheduled": _runs(value.scheduled),
        "catch_up": value.catch_up,
        "last_error": value.last_error,
        "next_attempt": from_instant(value.next_attempt),
        "uuid": value.uuid,
        "reached": value.reached,
        "running": _listed(value.running),
        "backup_due": from_instant(value.backup_due),
    }


def to_record(row: sa.Row[Any], suspicion_format: SuspicionFormat) -> Record:
    """Return the record of a row."""
    return Record(
        key=RepositoryKey(row.cluster, row.repository),
        phase=Phase(row.phase) if row.phase else None,
        uuid=row.uuid,
        reached=row.reached,
        windows=tuple(json.loads(row.windows)),
        openings=tuple(json.loads(row.openings)),
        since=_to_optional(row.since),
        until=_to_optional(row.until),
        yielded=tuple(json.loads(row.yielded)),
        suspect_pause=_to_suspicion(row.suspect_pause, suspicion_format),
        suspect_resume=_to_suspicion(row.suspect_resume, suspicion_format),
        missing_since=_to_optional(row.missing_since),
        scheduled=tuple(
            ScheduledRun(to_instant(when), task, kind)
            for when, task, kind in json.loads(row.scheduled)
        ),
        running=tuple(json.loads(row.running)),
        catch_up=CatchUp(row.catch_up),
        backup_due=_to_optional(row.backup_due),
        last_error=row.last_error,
        next_attempt=_to_optional(row.next_attempt),
    )


def from_override(value: Override) -> dict[str, Any]:
    """Return the row of a decision."""
    return {
        "kind": value.kind,
        "window": value.window,
        "start": from_instant(value.start),
        "end": from_instant(value.end),
        "made": from_instant(value.made),
        "by": value.by,
        "reason": value.reason,
        "targets": json_text([[name, patterns.patterns] for name, patterns in value.targets]),
    }


def to_override(row: sa.Row[Any]) -> Override:
    """Return the decision of a row."""
    return Override(
        kind=OverrideKind(row.kind),
        window=row.window,
        start=to_instant(row.start),
        end=_to_optional(row.end),
        made=to_instant(row.made),
        by=row.by,
        reason=row.reason,
        targets=tuple(
            (name, Patterns(tuple(patterns))) for name, patterns in json.loads(row.targets)
        ),
    )


def to_attempt(row: sa.Row[Any]) -> Attempt:
    """Return the attempt of a row; its URL, which follows from the repository, is not stored."""
    return Attempt(
        cluster=row.cluster,
        repository=row.repository,
        action=Action(row.action),
        windows=tuple(json.loads(row.windows)),
        method="POST",
        url="",
        attempt=row.attempt,
        status=row.status,
        outcome=Outcome(row.outcome),
        error=CallError(row.error) if row.error else None,
        message=row.message,
        started=to_instant(row.started),
        duration=timedelta(milliseconds=row.duration_ms),
    )


def from_attempt(value: Attempt, member: str = "", epoch: int = 0) -> dict[str, Any]:
    """Return the row of an attempt, sent by a *member* under a claim if there are several."""
    return {
        "cluster": value.cluster,
        "repository": value.repository,
        "action": value.action,
        "windows": _listed(value.windows),
        "started": from_instant(value.started),
        "duration_ms": milliseconds(value.duration),
        "attempt": value.attempt,
        "outcome": value.outcome,
        "status": value.status,
        "error": value.error,
        "message": value.message,
        "member": member,
        "epoch": epoch,
    }


def _from_folder(folder: Path) -> str:
    """Return a folder as text; one whose name is not printable as a URI, which loses nothing."""
    text = str(folder)
    return text if text.isprintable() else folder.as_uri()


def _to_folder(text: str) -> Path:
    """Return what `_from_folder` made text of."""
    if text.startswith(_URI):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))))
    return Path(text)


def from_config(config: AppliedConfig) -> dict[str, object]:
    """Return the row of a configuration."""
    return {
        "path": config.path,
        "folder": _from_folder(config.folder),
        "text": config.text,
        "applied": from_instant(config.applied),
        "attached": json.dumps(dict(config.attached)),
        "digest": config.digest,
    }


def to_config(row: sa.Row[Any]) -> AppliedConfig:
    """Return the configuration of a row."""
    applied, attached = to_instant(row.applied), json.loads(row.attached)
    return AppliedConfig(row.path, _to_folder(row.folder), row.text, applied, attached)
