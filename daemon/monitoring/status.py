"""What `status` and the page say, for programs: one JSON document of how things stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from daemon.core.progress import Progress
from daemon.core.record import Phase, Record
from daemon.core.shares import LONGEST_SKEW
from daemon.core.unreachable import Unreachable
from daemon.ledger.state import DaemonState, Member
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Opening, Window


@dataclass(frozen=True, slots=True)
class Skipped:
    """An opening that does not take place, and the decision that cancelled it."""

    opening: Opening
    decision: Override

    def decision_json(self) -> dict[str, str]:
        """Return who decided it, when (with the offset of the window's zone) and why."""
        return {
            "by": self.decision.by,
            "at": self.decision.made.astimezone(self.opening.zone).isoformat(),
            "reason": self.decision.reason,
        }


def cancelled(
    windows: Iterable[Window],
    skips: Mapping[tuple[str, datetime], Override],
    start: datetime,
    end: datetime,
) -> list[Skipped]:
    """Return the openings that meet `[start, end)` but for a person who cancelled them.

    *skips* are these decisions, by window and start.
    """
    found = (opening for window in windows for opening in window.cancelled(start, end))
    return [
        Skipped(opening, decision)
        for opening in found
        if (decision := skips.get((opening.window, opening.start)))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The current state; `unplanned` has the decisions that opened windows, by window.

    `members` are the daemons that share the ledger, None if it is for one daemon alone. `progress`
    is how far openings are, by their ids; `file` is what is in force; `answering` clusters are
    well, and to what is `owed` a backup is still to be started; `skipped` are the openings to come
    that people cancelled.
    """

    now: datetime
    daemon: DaemonState
    unreachable: list[Unreachable]
    unplanned: Mapping[str, Override]
    open_now: list[Opening]
    upcoming: list[Opening]
    holds: list[Record]
    members: list[Member] | None
    progress: Mapping[str, Progress] = field(default_factory=dict)
    file: str = ""
    applied: datetime | None = None
    answering: tuple[str, ...] = ()
    owed: tuple[Record, ...] = ()
    skipped: Sequence[Skipped] = ()

    @property
    def is_well(self) -> bool:
        """Check whether all that is open is paused, and nothing is left that should be resumed."""
        found = (self.progress.get(opening.id, Progress()) for opening in self.open_now)
        is_over = (is_overdue(h, self.now) or h.phase is Phase.RESUMING for h in self.holds)
        return all(each.is_complete for each in found) and not any(is_over)


def document(status: StatusReport) -> dict[str, object]:
    """Return it as one JSON document."""
    daemon = status.daemon
    return {
        "daemon": {
            "running": daemon.running,
            "pid": daemon.pid,
            "host": daemon.host,
            "since": _text(daemon.since),
            "config": daemon.config,
        },
        "open": [_opening(status, opening) for opening in status.open_now],
        "next": [_opening(status, opening) for opening in status.upcoming],
        "holds": [
            {
                "cluster": hold.key.cluster,
                "repository": hold.key.id,
                "phase": hold.phase,
                "since": _text(hold.since),
                "windows": list(hold.windows),
                "last_error": hold.last_error,
                "next_attempt": _text(hold.next_attempt),
                "running": list(hold.running),
            }
            for hold in status.holds
        ],
        **_special(status),
    }


def _opening(status: StatusReport, opening: Opening) -> dict[str, object]:
    """Return an opening with how far it is, if anything is to be paused for it yet."""
    shown: dict[str, object] = {**opening_json(opening)}
    if found := status.progress.get(opening.id):
        shown["repositories"] = progress_json(found)
    elif opening in status.open_now:
        shown["repositories"] = progress_json(Progress())
    return shown


def _special(status: StatusReport) -> dict[str, object]:
    """Return the keys that are not always there: what is owed or skipped, members, silent ones."""
    special: dict[str, object] = {}
    if status.owed:
        special["owed"] = [
            {
                "cluster": owed.key.cluster,
                "repository": owed.key.id,
                "due": _text(owed.backup_due),
            }
            for owed in status.owed
        ]
    if status.skipped:
        special["skipped"] = [skipped_json(skipped) for skipped in status.skipped]
    if status.members is not None:
        special["members"] = [_member(member) for member in status.members]
    if status.unreachable:
        special["clusters"] = [_unreachable_json(cluster) for cluster in status.unreachable]
    return special


def _unreachable_json(cluster: Unreachable) -> dict[str, str]:
    return {
        "cluster": cluster.cluster,
        "error": cluster.error,
        "message": cluster.message,
        "since": cluster.since.isoformat(),
    }


def _member(member: Member) -> dict[str, object]:
    return {
        "id": member.id,
        "host": member.host,
        "pid": member.pid,
        "since": member.since.isoformat(),
        "version": member.version,
        "live": member.is_live,
        "clusters": member.clusters,
        "heard_s": round(member.age.total_seconds(), 1),
        "lease_s": member.lease.total_seconds(),
        "agrees": member.agrees,
        "clock_ahead_s": round(member.skew.total_seconds(), 3),
    }


def member_problems(member: Member) -> Iterator[str]:
    """Yield what is wrong with a daemon on a shared ledger."""
    if not member.is_live:
        yield "silent: its clusters go to the others"
    elif not member.agrees:
        yield "its file is not the one in force: cbmaintd apply"
    if member.is_live and abs(member.skew) > LONGEST_SKEW:
        yield f"its clock is {member.skew.total_seconds():+.0f} s off, so it pauses nothing new"


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def opening_json(opening: Opening) -> dict[str, object]:
    """Return an opening as `calendar` and `status` print it; times have the zone's offset."""
    shown: dict[str, object] = {
        "window": opening.window,
        "start": _local(opening.local_start),
        "end": _local(opening.local_end),
        "timezone": opening.zone.key,
    }
    return shown | ({"dst": opening.dst.value} if opening.dst else {})


def _local(at: datetime) -> str:
    """Return a local time with the nearest offset of whole minutes, as RFC 3339 says (5.8).

    Clocks in Liberia were 44 minutes and 30 seconds behind UTC until 1972.
    """
    offset = at.utcoffset() or timedelta(0)
    nearest = timedelta(minutes=round(offset / timedelta(minutes=1)))
    return (at if nearest == offset else at.astimezone(timezone(nearest))).isoformat()


def effect(decision: Override, times: Callable[[datetime], str]) -> str:
    """Return which opening a person cancelled or took back, or its new end; empty for neither."""
    match decision.kind:
        case OverrideKind.SKIP:
            return f"not {times(decision.start)}"
        case OverrideKind.UNSKIP:
            return f"{times(decision.start)} after all"
        case _:
            return f"until {times(decision.end)}" if decision.end else ""


def skipped_json(skipped: Skipped) -> dict[str, object]:
    """Return an opening that people cancelled, as `opening_json` does, with their decision."""
    return opening_json(skipped.opening) | {"skipped": skipped.decision_json()}


def progress_json(found: Progress) -> dict[str, object]:
    """Return it as the contract with programs says."""
    return {
        "wanted": found.wanted,
        "paused": found.paused,
        "pending": [
            {"cluster": each.cluster, "repository": each.repository, "why": each.why}
            for each in found.pending
        ],
    }


def is_overdue(hold: Record, now: datetime) -> bool:
    """Check whether a hold should have been resumed by *now*."""
    return hold.until is not None and hold.until <= now
