"""What `history` prints of each entry: for programs, for spreadsheets and for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.cli.reports.tables import Row, lay_out, line_width, print_paged
from daemon.core.attempt import Attempt, Outcome
from daemon.durations import milliseconds
from daemon.monitoring.status import effect
from daemon.windows.overrides import Override
from daemon.wording import enumerated

COLUMNS = (
    *("at", "cluster", "repository", "action", "windows", "attempt", "outcome", "status", "error"),
    *("message", "duration_ms", "start", "end", "by", "reason"),
)
"""The columns for spreadsheets; what an entry does not have is empty."""

_STYLES = {
    Outcome.OK: "",
    Outcome.RETRY: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.STALE: "bold red",
}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A request to a repository, or what a person decided about a window."""

    at: datetime
    what: Attempt | Override

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows that it concerns."""
        return self.what.windows if isinstance(self.what, Attempt) else (self.what.window,)


def document(entry: HistoryEntry) -> dict[str, object]:
    """Return it as one JSON object, times in UTC."""
    at = entry.at.isoformat()
    match entry.what:
        case Attempt() as attempt:
            return {
                "at": at,
                "cluster": attempt.cluster,
                "repository": attempt.repository,
                "action": attempt.action,
                "windows": attempt.windows,
                "attempt": attempt.attempt,
                "outcome": attempt.outcome,
                "status": attempt.status,
                "error": attempt.error,
                "message": attempt.message,
                "duration_ms": milliseconds(attempt.duration),
            }
        case Override() as decision:
            return {
                "at": at,
                "action": decision.kind,
                "windows": [decision.window],
                "start": decision.start.isoformat(),
                "end": decision.end.isoformat() if decision.end else None,
                "by": decision.by,
                "reason": decision.reason,
            }


def cells(entry: HistoryEntry) -> dict[str, object]:
    """Return it as a row for spreadsheets; windows are separated by spaces."""
    return document(entry) | {"windows": " ".join(entry.windows)}


def show(entries: Sequence[HistoryEntry], zone: ZoneInfo, empty: str) -> None:
    """Print a row for each entry, or *empty* if there is none."""
    if not entries:
        output.say(empty)
        return
    titles = (f"TIME ({zone.key})", "REPOSITORY", "WHAT", "WINDOWS", "RESULT")
    rows = lay_out(titles, (_row(entry, zone) for entry in entries), line_width())
    print_paged([line for row in rows for line in row])


def _row(entry: HistoryEntry, zone: ZoneInfo) -> Row:
    at = entry.at.astimezone(zone)
    time, windows = f"{at:%Y-%m-%d %H:%M:%S}", enumerated(entry.windows)
    match entry.what:
        case Attempt() as attempt:
            key = f"{attempt.cluster}/{attempt.repository}"
            return Row(
                (time, key, attempt.action, windows, ", ".join(_result(attempt))),
                attempt.message if attempt.error else "",
                _STYLES[attempt.outcome],
            )
        case Override() as decision:
            return Row(
                (time, "", decision.kind, windows, ", ".join(_decided(decision, at))),
                decision.reason,
                "bold",
            )


def _result(attempt: Attempt) -> Iterator[str]:
    yield attempt.outcome if attempt.error is None else attempt.error
    if attempt.attempt > 1:
        yield f"attempt {attempt.attempt}"
    if attempt.outcome is Outcome.RETRY:
        yield "sent again"


def _decided(decision: Override, at: datetime) -> Iterator[str]:
    if said := effect(decision, lambda instant: _time(instant, at)):
        yield said
    yield f"by {decision.by}"


def _time(instant: datetime, at: datetime) -> str:
    """Return a time in the zone of *at*, without its day if that is the day of *at*."""
    local = instant.astimezone(at.tzinfo)
    return f"{local:%H:%M}" if local.date() == at.date() else f"{local:%a %F %H:%M}"
