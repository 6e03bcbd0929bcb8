"""What became of openings: notes of how far they came, and their sum for log and change tickets.

No clock, no file, no network, no log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from daemon.core.listing import Listing
from daemon.core.repository import ScheduledRun
from daemon.durations import milliseconds
from daemon.wording import enumerated

MOST_MISSED = 50
"""How many missed runs are kept of one note; the rest is counted."""


@dataclass(frozen=True, slots=True)
class MissedRun:
    """A run of a repository that fell due while it was paused."""

    cluster: str
    repository: str
    run: ScheduledRun


@dataclass(frozen=True, slots=True)
class ProgressNote:
    """What changed for an opening on one cluster, for the history; instants are UTC.

    The counts are those at `at`, but `resumed` and `missed` what came since the note before.
    """

    cluster: str
    window: str
    start: datetime
    end: datetime
    at: datetime
    wanted: int
    paused: int
    elsewhere: int
    is_listed: bool
    resumed: int = 0
    missed: tuple[MissedRun, ...] = ()
    missed_total: int = 0

    @property
    def failed(self) -> int:
        """How many were not paused; at least one where it was not known what there is."""
        return max(self.wanted - self.paused, 0 if self.is_listed else 1)


@dataclass(frozen=True, slots=True)
class News:
    """What the ledger has to know of a cluster beside records; an unchanged `listing` is None."""

    cluster: str
    listing: Listing | None = None
    notes: tuple[ProgressNote, ...] = ()


@dataclass(frozen=True, slots=True)
class OpeningSummary:
    """What became of one opening: what the log says at its close, and a change ticket has.

    `paused_after` is how long after its start no more were seen paused, `resumed_after` how long
    after its end the last one was active again; None if there were none. `unlisted` names clusters
    that gave no list.
    """

    window: str
    start: datetime
    end: datetime
    wanted: int
    paused: int
    elsewhere: int
    failed: int
    resumed: int
    missed: tuple[MissedRun, ...]
    missed_total: int
    paused_after: timedelta | None
    resumed_after: timedelta | None
    unlisted: tuple[str, ...]


def summarize(notes: Iterable[ProgressNote]) -> OpeningSummary:
    """Return what became of the one opening that *notes* are about, the oldest first."""
    of_cluster: dict[str, list[ProgressNote]] = {}
    for note in notes:
        of_cluster.setdefault(note.cluster, []).append(note)
    last = [_last_counted(found) for found in of_cluster.values()]
    every = [note for found in of_cluster.values() for note in found]
    newest, counted = (max(found, key=lambda note: note.at) for found in (every, last))
    end = min(newest.end, counted.end)
    paused = [at for found in of_cluster.values() if (at := _paused_at(found))]
    resumed = [note.at for note in every if note.resumed]
    return OpeningSummary(
        window=newest.window,
        start=newest.start,
        end=end,
        wanted=sum(note.wanted for note in last),
        paused=sum(note.paused for note in last),
        elsewhere=sum(note.elsewhere for note in last),
        failed=sum(note.failed for note in last),
        resumed=sum(note.resumed for note in every),
        missed=tuple(missed for note in every for missed in note.missed),
        missed_total=sum(note.missed_total for note in every),
        paused_after=max(paused) - newest.start if paused else None,
        resumed_after=max(resumed) - end if resumed else None,
        unlisted=tuple(sorted(note.cluster for note in last if not note.is_listed)),
    )


def _last_counted(notes: Sequence[ProgressNote]) -> ProgressNote:
    """Return the last note about what was paused; one about resumes may not know that.

    A process that began after the opening has resumed what an earlier one had counted.
    """
    return next((note for note in reversed(notes) if not note.resumed), notes[-1])


def _paused_at(notes: Iterable[ProgressNote]) -> datetime | None:
    """Return when as many were paused as ever; of equal counts the first."""
    best: ProgressNote | None = None
    for note in notes:
        if note.paused and (best is None or note.paused > best.paused):
            best = note
    return best.at if best else None


def summary_json(found: OpeningSummary) -> dict[str, Any]:
    """Return it with the keys that programs read; times in RFC 3339."""
    document: dict[str, Any] = {
        "window": found.window,
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "wanted": found.wanted,
        "paused": found.paused,
        "failed": found.failed,
        "resumed": found.resumed,
        "missed": [
            {
                "cluster": each.cluster,
                "repository": each.repository,
                "task": each.run.task,
                "task_type": each.run.task_type,
                "due": each.run.next_run.isoformat(),
            }
            for each in found.missed
        ],
        "paused_after_ms": _ms(found.paused_after),
        "resumed_after_ms": _ms(found.resumed_after),
    }
    if found.missed_total > len(found.missed):
        document["missed_total"] = found.missed_total
    if found.elsewhere:
        document["elsewhere"] = found.elsewhere
    if found.unlisted:
        document["unanswered"] = list(found.unlisted)
    return document


def outcome_of_none() -> dict[str, Any]:
    """Return the counts of an opening of which nothing is known: none of its clusters is ours."""
    counts: dict[str, Any] = dict.fromkeys(("wanted", "paused", "failed", "resumed"), 0)
    return counts | {"missed": [], "paused_after_ms": None, "resumed_after_ms": None}


def _ms(length: timedelta | None) -> int | None:
    return None if length is None else milliseconds(length)


def outcome(document: Mapping[str, Any], *, is_over: bool = True) -> str:
    """Return what became of an opening as people read it: of the keys of `summary_json`."""
    wanted, paused, elsewhere = (
        int(document.get(key) or 0) for key in ("wanted", "paused", "elsewhere")
    )
    ours, resumed = paused - elsewhere, int(document.get("resumed") or 0)
    after = _after(document.get("paused_after_ms"), "began") if paused else ""
    parts = [f"{paused} of {wanted} paused{after}"]
    if elsewhere:
        parts.append(f"{elsewhere} of them by somebody else")
    if is_over or resumed:
        # More than were paused last: an edit took some out, or they were paused again.
        count = f"{resumed} of {ours}" if resumed <= ours else f"{resumed}"
        parts.append(f"{count} resumed{_after(document.get('resumed_after_ms'), 'ended')}")
    if missed := document.get("missed"):
        names = [f"{run['cluster']}/{run['repository']} {run['task']}" for run in missed]
        rest = int(document.get("missed_total") or len(names)) - len(names)
        parts.append(f"missed: {enumerated(names)}{f' and {rest} more' if rest > 0 else ''}")
    if silent := document.get("unanswered"):
        parts.append(f"no list of {enumerated(silent)}")
    return ", ".join(parts)


def _after(length_ms: int | None, edge: str) -> str:
    if length_ms is None:
        return ""
    return f" before it {edge}" if length_ms < 0 else f" in {length_ms / 1000:.1f} s"
