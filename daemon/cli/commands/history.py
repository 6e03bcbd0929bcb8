"""`cbmaintd history`: what was done to which repository, when, why, and with what result."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.cli import output, places, schedule
from daemon.cli.instants import read_past
from daemon.cli.reports import openings
from daemon.cli.reports.history import COLUMNS, HistoryEntry, cells, document, show
from daemon.cli.repository_names import parse_repository_name
from daemon.cli.schedule import Schedule
from daemon.core.attempt import Outcome
from daemon.core.summary import ProgressNote
from daemon.errors import UsageError
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.wording import enumerated

SINCE = timedelta(days=14)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the history, the oldest first.

    Raises:
        UsageError: a time or a repository makes no sense.
        LedgerError: there is no ledger, or it cannot be read.

    """
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        planned = schedule.in_force(ledger, environ)
        since, until = _span(args, planned.zone, datetime.now(UTC))
        if args.openings:
            return _openings(args, ledger, planned, since, until)
        attempts, decisions = ledger.attempts(since), planned.overrides
        notes = ledger.progress(since) if args.failed else []
    if args.repository:
        given, form = f"--repository {args.repository}", "CLUSTER/REPOSITORY, such as prod/orders"
        cluster, id_ = parse_repository_name(args.repository, given, form)
        attempts = [a for a in attempts if (a.cluster, a.repository) == (cluster, id_)]
        windows = {name for attempt in attempts for name in attempt.windows}
        decisions = tuple(d for d in decisions if d.window in windows)
    if args.failed:
        attempts, decisions = [a for a in attempts if a.outcome is not Outcome.OK], ()
    entries = [HistoryEntry(a.started, a) for a in attempts]
    entries += [HistoryEntry(d.made, d) for d in decisions if d.made >= since]
    if until:
        entries = [entry for entry in entries if entry.at < until]
    if args.window:
        entries = [entry for entry in entries if set(entry.windows) & set(args.window)]
    entries.sort(key=lambda entry: entry.at)
    if args.limit:
        entries = entries[-args.limit :]
    match args.output:
        case "json":
            output.write_json([document(entry) for entry in entries])
        case "csv":
            output.write_csv(COLUMNS, map(cells, entries))
        case _:
            begin = f"{since.astimezone(planned.zone):%Y-%m-%d %H:%M %Z}"
            empty = f"{_nothing(args)} since {begin}{_incomplete(notes, since)}"
            show(entries, planned.zone, empty)
    return 0


def _span(
    args: argparse.Namespace, zone: ZoneInfo, now: datetime
) -> tuple[datetime, datetime | None]:
    """Return from when and until when it is asked for. Raises UsageError."""
    until = read_past("--until", args.until, zone, now) if args.until else None
    since = read_past("--since", args.since, zone, now) if args.since else now - SINCE
    if until and until <= since:
        given = f"--since {args.since}" if args.since else "14 days ago, where it begins"
        raise UsageError(f"--until {args.until} is before {given}")
    return since, until


def _openings(
    args: argparse.Namespace,
    ledger: Ledger,
    planned: Schedule,
    since: datetime,
    until: datetime | None,
) -> int:
    """Print what became of the openings since then, the oldest first."""
    for option, given in (("--repository", args.repository), ("--failed", args.failed)):
        if given:
            raise UsageError(f"{option} selects requests, and does not go with --openings")
    zone, now = planned.zone, datetime.now(UTC)
    noted = openings.summaries(ledger.progress(since))
    decided = openings.as_decided(noted, planned.overrides, now)
    found = [each for each in decided if each.end > since]
    if until:
        found = [each for each in found if each.start < until]
    if args.window:
        found = [each for each in found if each.window in args.window]
    if args.limit:
        found = found[-args.limit :]
    match args.output:
        case "json":
            output.write_json([openings.document(each, zone) for each in found])
        case "csv":
            output.write_csv(openings.COLUMNS, (openings.cells(each, zone) for each in found))
        case _:
            empty = f"no opening since {since.astimezone(zone):%Y-%m-%d %H:%M %Z}"
            openings.show(found, zone, now, empty)
    return 0


def _nothing(args: argparse.Namespace) -> str:
    if args.repository or args.window or args.until:
        return "nothing that matches"
    return "no request to a repository failed" if args.failed else "nothing was done"


def _incomplete(notes: list[ProgressNote], since: datetime) -> str:
    """Return which openings were not paused in full: an outage has no requests to repositories."""
    late = (found for found in openings.summaries(notes) if found.end > since)
    windows = sorted({found.window for found in late if found.failed})
    if not windows:
        return ""
    return f"; but not all was paused for {enumerated(windows)}: cbmaintd history --openings"
