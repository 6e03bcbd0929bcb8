"""`cbmaintd history`: what was done to which repository, when, why, and with what result."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from daemon import agenda, places
from daemon.errors import UsageError
from daemon.instants import read_past
from daemon.ledger import Access
from daemon.ledgers import open_ledger
from daemon.overrides import Override, OverrideKind
from daemon.presentation import console, print_json
from daemon.repository import Attempt, Outcome

SINCE = timedelta(days=14)

COLUMNS = (
    *("at", "cluster", "repository", "action", "windows", "attempt", "outcome", "status", "error"),
    *("message", "duration_ms", "start", "end", "by", "reason"),
)
"""Of the table for spreadsheets; what an event does not have is empty."""

_STYLES = {
    Outcome.OK: None,
    Outcome.RETRY: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.STALE: "bold red",
}


@dataclass(frozen=True, slots=True)
class _Event:
    """A request to a repository, or what a person decided about a window."""

    at: datetime
    what: Attempt | Override

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows that it is about."""
        return self.what.windows if isinstance(self.what, Attempt) else (self.what.window,)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the history, the oldest first.

    Raises:
        UsageError: a time or a repository that makes no sense.
        LedgerError: there is no ledger, or it cannot be read.

    """
    found = agenda.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        planned, now = agenda.in_force(ledger, environ), datetime.now(UTC)
        since = read_past("--since", args.since, planned.zone, now) if args.since else now - SINCE
        until = read_past("--until", args.until, planned.zone, now) if args.until else None
        attempts, decisions = ledger.attempts(since), planned.overrides
    if args.repository:
        cluster, id_ = _repository(args.repository)
        attempts = [a for a in attempts if (a.cluster, a.repository) == (cluster, id_)]
        windows = {name for attempt in attempts for name in attempt.windows}
        decisions = tuple(d for d in decisions if d.window in windows)
    if args.failed:
        attempts, decisions = [a for a in attempts if a.outcome is not Outcome.OK], ()
    events = [_Event(a.started, a) for a in attempts]
    events += [_Event(d.made, d) for d in decisions if d.made >= since]
    if until:
        events = [event for event in events if event.at < until]
    if args.window:
        events = [event for event in events if set(event.windows) & set(args.window)]
    events.sort(key=lambda event: event.at)
    if args.limit:
        events = events[-args.limit :]
    match args.output:
        case "json":
            print_json([_document(event) for event in events])
        case "csv":
            _write_csv(events)
        case _:
            _print(events, planned.zone, since)
    return 0


def _repository(text: str) -> tuple[str, str]:
    cluster, slash, id_ = text.partition("/")
    if not (cluster and slash and id_):
        raise UsageError(f"--repository {text}: write CLUSTER/REPOSITORY, as prod/orders")
    return cluster, id_


def _document(event: _Event) -> dict[str, object]:
    at = event.at.isoformat()
    match event.what:
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
                "duration_ms": round(attempt.duration / timedelta(milliseconds=1)),
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


def _write_csv(events: Iterable[_Event]) -> None:
    """Write a line of titles and one for each event; windows are separated by spaces."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for event in events:
        document = _document(event)
        writer.writerow(document | {"windows": " ".join(event.windows)})


def _print(events: Iterable[_Event], zone: ZoneInfo, since: datetime) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("TIME", "REPOSITORY", "WHAT", "WINDOWS", "RESULT"):
        table.add_column(title, overflow="fold", no_wrap=title == "TIME")
    for event in events:
        at = f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        cells, style = _cells(event.what, zone)
        # As text: what looks like markup in what a server says is none.
        table.add_row(*map(Text, (at, *cells)), style=style)
    out = console()
    if not table.row_count:
        out.print(f"nothing was done since {since.astimezone(zone):%Y-%m-%d %H:%M %Z}")
    elif out.is_terminal and table.row_count >= out.height:
        # As git does: colours pass, and what fits on a page ends by itself.
        os.environ.setdefault("LESS", "FRX")
        with out.pager(styles=True):
            out.print(table)
    else:
        out.print(table)


def _cells(what: Attempt | Override, zone: ZoneInfo) -> tuple[tuple[str, ...], str | None]:
    match what:
        case Attempt():
            key = f"{what.cluster}/{what.repository}"
            windows = ", ".join(what.windows)
            return (key, what.action, windows, ", ".join(_result(what))), _STYLES[what.outcome]
        case Override():
            return ("", what.kind, what.window, ", ".join(_decided(what, zone))), "bold"


def _result(attempt: Attempt) -> Iterator[str]:
    yield attempt.outcome if attempt.error is None else attempt.error
    if attempt.attempt > 1:
        yield f"attempt {attempt.attempt}"
    if attempt.outcome is Outcome.RETRY:
        yield "sent again"
    if attempt.error and attempt.message:
        yield attempt.message


def _decided(decision: Override, zone: ZoneInfo) -> Iterator[str]:
    if decision.kind is OverrideKind.SKIP:
        yield f"not {decision.start.astimezone(zone):%a %F %H:%M}"
    elif decision.end:
        yield f"until {decision.end.astimezone(zone):%a %F %H:%M}"
    yield f"by {decision.by}"
    if decision.reason:
        yield decision.reason
