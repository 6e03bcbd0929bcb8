"""What a row of the ledger's tables says, in the words of the core, and back.

Instants are RFC 3339 text in UTC, lists are JSON, whose texts are printable, too, and suspicions
are text as a `SuspicionFormat` writes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.listing import Listing
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey, ScheduledRun
from daemon.core.summary import MissedRun, ProgressNote
from daemon.durations import milliseconds
from daemon.ledger.state import AppliedConfig
from daemon.ledger.suspicions import SuspicionFormat
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import CatchUp, Patterns
from daemon.wording import json_text

if TYPE_CHECKING:
    # Not imported: a shell that completes a name reads rows, too, and would wait for it.
    import sqlalchemy as sa

_URI = "file://"
_LONGEST_MS = 2**31 - 1
"""What an INTEGER of PostgreSQL holds."""


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


def to_override(row: sa.Row[Any] | SimpleNamespace) -> Override:
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
        "duration_ms": min(milliseconds(value.duration), _LONGEST_MS),
        "attempt": value.attempt,
        "outcome": value.outcome,
        "status": value.status,
        "error": value.error,
        "message": value.message,
        "member": member,
        "epoch": epoch,
    }


def from_note(value: ProgressNote) -> dict[str, Any]:
    """Return the row of a note about an opening."""
    missed = [
        [each.repository, from_instant(each.run.next_run), each.run.task, each.run.task_type]
        for each in value.missed
    ]
    return {
        "cluster": value.cluster,
        "window": value.window,
        "start": from_instant(value.start),
        "end": from_instant(value.end),
        "at": from_instant(value.at),
        "wanted": value.wanted,
        "paused": value.paused,
        "elsewhere": value.elsewhere,
        "is_listed": int(value.is_listed),
        "resumed": value.resumed,
        "missed": json_text(missed),
        "missed_total": value.missed_total,
    }


def to_note(row: sa.Row[Any]) -> ProgressNote:
    """Return the note of a row."""
    return ProgressNote(
        cluster=row.cluster,
        window=row.window,
        start=to_instant(row.start),
        end=to_instant(row.end),
        at=to_instant(row.at),
        wanted=row.wanted,
        paused=row.paused,
        elsewhere=row.elsewhere,
        is_listed=bool(row.is_listed),
        resumed=row.resumed,
        missed=tuple(
            MissedRun(row.cluster, repository, ScheduledRun(to_instant(when), task, kind))
            for repository, when, task, kind in json.loads(row.missed)
        ),
        missed_total=row.missed_total,
    )


def to_listings(found: Iterable[sa.Row[Any]]) -> dict[str, Listing]:
    """Return what the last list of each cluster showed, but for those that are damaged."""
    listings = {}
    for row in found:
        with suppress(ValueError, TypeError):
            listings[row.cluster] = Listing.parse(row.text)
    return listings


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
