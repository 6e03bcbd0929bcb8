"""`cbmaintd history`: what was done to which repository, when, why, and with what result."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.cli import agenda, places
from daemon.cli.instants import read_past
from daemon.cli.reports.tables import Row, console, laid_out, print_json, room
from daemon.cli.targets import parse_target
from daemon.core.attempt import Attempt, Outcome
from daemon.durations import milliseconds
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind

SINCE = timedelta(days=14)

COLUMNS = (
    *("at", "cluster", "repository", "action", "windows", "attempt", "outcome", "status", "error"),
    *("message", "duration_ms", "start", "end", "by", "reason"),
)
"""Of the table for spreadsheets; what an event does not have is empty."""

_STYLES = {
    Outcome.OK: "",
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
        given, form = f"--repository {args.repository}", "CLUSTER/REPOSITORY, as prod/orders"
        cluster, id_ = parse_target(args.repository, given, form)
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
            empty = f"{_nothing(args)} since {since.astimezone(planned.zone):%Y-%m-%d %H:%M %Z}"
            _print(events, planned.zone, empty)
    return 0


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


def _write_csv(events: Iterable[_Event]) -> None:
    """Write a line of titles and one for each event; windows are separated by spaces."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for event in events:
        document = _document(event)
        writer.writerow(document | {"windows": " ".join(event.windows)})


def _nothing(args: argparse.Namespace) -> str:
    if args.repository or args.window or args.until:
        return "nothing that matches"
    return "nothing failed" if args.failed else "nothing was done"


def _print(events: Sequence[_Event], zone: ZoneInfo, empty: str) -> None:
    """Print a row for each event, or what is said if there is none."""
    out = console()
    if not events:
        out.print(empty)
        return
    titles = ("TIME", "REPOSITORY", "WHAT", "WINDOWS", "RESULT")
    rows = laid_out(titles, (_row(event, zone) for event in events), room())
    lines = [line for row in rows for line in row]
    if out.is_terminal and len(lines) >= out.height:
        # As git does: colours pass, and what fits on a page ends by itself.
        os.environ.setdefault("LESS", "FRX")
        with out.pager(styles=True):
            out.print(*lines, sep="\n", soft_wrap=True)
    else:
        out.print(*lines, sep="\n", soft_wrap=True)


def _row(event: _Event, zone: ZoneInfo) -> Row:
    at = event.at.astimezone(zone)
    time, windows = f"{at:%Y-%m-%d %H:%M:%S}", ", ".join(event.windows)
    match event.what:
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
    if decision.kind is OverrideKind.SKIP:
        yield f"not {_time(decision.start, at)}"
    elif decision.end:
        yield f"until {_time(decision.end, at)}"
    yield f"by {decision.by}"


def _time(instant: datetime, at: datetime) -> str:
    """Return a time as short as one understands it beside another, in the zone of that."""
    local = instant.astimezone(at.tzinfo)
    return f"{local:%H:%M}" if local.date() == at.date() else f"{local:%a %F %H:%M}"
