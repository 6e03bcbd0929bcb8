"""`cbmaintd status`: what is open, what is held, what failed; read from the ledger alone."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from daemon import places
from daemon.config import Settings, load, parse
from daemon.errors import ConfigError, UsageError
from daemon.ledger import Access, DaemonState, Ledger
from daemon.presentation import clock, console, opening_json, print_json, span
from daemon.record import Record
from daemon.windows import LOOK_AHEAD, Opening, Timeline


@dataclass(frozen=True, slots=True)
class _Status:
    now: datetime
    daemon: DaemonState
    open: list[Opening]
    next: list[Opening]
    holds: list[Record]


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the state of affairs.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.

    """
    url = places.find_ledger(args, environ, _configured(args, environ))
    with Ledger.open(url, Access.READ) as ledger:
        status = _read(ledger, environ)
    if args.output == "json":
        print_json(_document(status))
    else:
        _print(status)
    return 0


def _configured(args: argparse.Namespace, environ: Mapping[str, str]) -> Settings | Path | None:
    """Read the file only for where it says that the ledger is; it need not even be there."""
    if args.ledger or environ.get("CBMAINTD_LEDGER"):
        return None
    try:
        file = places.find_config(args, environ)
    except UsageError:
        return None
    try:
        return load(file, environ=environ, check_secrets=False)
    except ConfigError:
        return file


def _read(ledger: Ledger, environ: Mapping[str, str]) -> _Status:
    now = datetime.now(UTC)
    timeline = _timeline(ledger, environ)
    covering = timeline.covering(now)
    open_names = {opening.window for opening in covering}
    coming = [
        window.openings(now, now + LOOK_AHEAD)[:1]
        for window in timeline.windows.values()
        if window.name not in open_names
    ]
    return _Status(
        now,
        ledger.daemon(),
        list(covering),
        sorted((o for found in coming for o in found), key=lambda o: (o.start, o.window)),
        [record for record in ledger.records() if record.is_hold],
    )


def _timeline(ledger: Ledger, environ: Mapping[str, str]) -> Timeline:
    last = ledger.last_good()
    if last is None:
        return Timeline(())
    try:
        settings = parse(
            last.text, last.path, environ=environ, folder=last.folder, check_secrets=False
        )
    except ConfigError:
        # Another version wrote it; the holds are still worth showing.
        return Timeline(())
    return Timeline(settings.windows.values(), settings.merge_gap)


def _document(status: _Status) -> dict[str, object]:
    daemon = status.daemon
    return {
        "daemon": {
            "running": daemon.running,
            "pid": daemon.pid,
            "host": daemon.host,
            "since": _text(daemon.since),
            "config": daemon.config,
        },
        "open": [opening_json(opening) for opening in status.open],
        "next": [opening_json(opening) for opening in status.next],
        "holds": [
            {
                "cluster": hold.key.cluster,
                "repository": hold.key.id,
                "phase": hold.phase,
                "since": _text(hold.since),
                "windows": list(hold.windows),
                "last_error": hold.last_error,
                "next_attempt": _text(hold.next_attempt),
            }
            for hold in status.holds
        ],
    }


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _print(status: _Status) -> None:
    out = console()
    out.print(_daemon_line(status))
    if status.daemon.config == "rejected":
        out.print(
            "[bold red]the file was rejected; the last good configuration is in force."
            " Run: cbmaintd check[/]"
        )
    for opening in status.open:
        out.print(
            f"open: [bold]{opening.window}[/], until {clock(opening.local_end)}"
            f" (in {span(opening.end - status.now)})"
        )
    for opening in status.next:
        out.print(
            f"next: {opening.window}, {clock(opening.local_start)}"
            f" (in {span(opening.start - status.now)})"
        )
    _print_holds(status, out)


def _daemon_line(status: _Status) -> str:
    daemon = status.daemon
    if not daemon.running:
        return "[bold yellow]no daemon runs on this ledger[/]"
    since = f", for {span(status.now - daemon.since)}" if daemon.since else ""
    return f"daemon: running, pid {daemon.pid} on {daemon.host}{since}"


def _print_holds(status: _Status, out: Console) -> None:
    if not status.holds:
        out.print("nothing is held")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("REPOSITORY", "PHASE", "FOR", "WINDOWS", "TROUBLE"):
        table.add_column(title, overflow="fold")
    for hold in status.holds:
        is_overdue = hold.until is not None and hold.until <= status.now
        table.add_row(
            str(hold.key),
            str(hold.phase),
            span(status.now - hold.since) if hold.since else "",
            ", ".join(hold.windows),
            _trouble(hold, status.now, is_overdue=is_overdue),
            style="bold red" if is_overdue else None,
        )
    out.print(table)


def _trouble(hold: Record, now: datetime, *, is_overdue: bool) -> str:
    parts = ["OVERDUE"] if is_overdue else []
    if hold.last_error:
        parts.append(hold.last_error)
    if hold.next_attempt and hold.next_attempt > now:
        parts.append(f"again in {span(hold.next_attempt - now)}")
    return ", ".join(parts)
