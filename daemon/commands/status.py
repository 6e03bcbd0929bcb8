"""`cbmaintd status`: what is open, what is held, what failed; read from the ledger alone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemon import agenda, places
from daemon.daemon_state import DaemonState, Member, Trouble
from daemon.errors import UsageError
from daemon.ledger import Access
from daemon.ledgers import open_ledger
from daemon.membership import LONGEST_SKEW
from daemon.overrides import Override, OverrideKind
from daemon.presentation import ahead, clock, console, opening_json, print_json, span
from daemon.record import Record
from daemon.windows import Opening, Window

LOOK_EVERY_S = 1.0
"""How often `--watch` looks."""

FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Status:
    """How things stand; `unplanned` has the decisions that opened windows beside the file.

    `members` are the daemons that share the ledger, None if it is for one alone.
    """

    now: datetime
    daemon: DaemonState
    troubles: list[Trouble]
    unplanned: dict[str, Override]
    open: list[Opening]
    next: list[Opening]
    holds: list[Record]
    members: list[Member] | None


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the state of affairs; with `--watch` again and again, until interrupted.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
        UsageError: nobody could watch it.

    """
    if args.watch:
        _watch(args, environ)
    status = _read(args, environ)
    if args.output == "json":
        print_json(_document(status))
    else:
        console().print(_shown(status))
    return 0


def _watch(args: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Show the status until somebody interrupts."""
    out = console()
    if args.output == "json" or not out.is_terminal:
        raise UsageError("--watch: needs a terminal; without it the status is printed once")
    with Live(_shown(_read(args, environ)), console=out, auto_refresh=False) as live:
        while True:
            time.sleep(LOOK_EVERY_S)
            live.update(_shown(_read(args, environ)), refresh=True)


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> _Status:
    found = agenda.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        now = datetime.now(UTC)
        planned = agenda.in_force(ledger, environ)
        coming = (_next(window, now) for window in planned.timeline.windows.values())
        daemon = ledger.daemon()
        return _Status(
            now,
            daemon,
            ledger.troubles() if daemon.running else [],
            {each.window: each for each in planned.overrides if each.kind is OverrideKind.OPEN},
            list(planned.timeline.covering(now)),
            sorted(filter(None, coming), key=lambda opening: (opening.start, opening.window)),
            [record for record in ledger.records() if record.is_hold],
            ledger.members() if ledger.is_shared else None,
        )


def _next(window: Window, now: datetime) -> Opening | None:
    return next((opening for opening in ahead(window, now) if opening.start > now), None)


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
                "running": list(hold.running),
            }
            for hold in status.holds
        ],
        **_special(status),
    }


def _special(status: _Status) -> dict[str, object]:
    """Give the keys that are there for some: who shares the ledger, and what does not answer."""
    special: dict[str, object] = {}
    if status.members is not None:
        special["members"] = [_member(member) for member in status.members]
    if status.troubles:
        special["clusters"] = [_trouble(trouble) for trouble in status.troubles]
    return special


def _trouble(trouble: Trouble) -> dict[str, str]:
    return {
        "cluster": trouble.cluster,
        "error": trouble.error,
        "message": trouble.message,
        "since": trouble.since.isoformat(),
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


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _shown(status: _Status) -> Group:
    parts: list[str | Text | Table] = [*_daemon_lines(status), ""]
    if status.members:
        parts += [_members(status.members), ""]
    if status.open or status.next:
        parts += [_openings(status), ""]
    return Group(*parts, _holds(status) if status.holds else "No repository is held.")


def _daemon_lines(status: _Status) -> Iterator[str | Text]:
    daemon = status.daemon
    if daemon.running:
        since = f", for {span(status.now - daemon.since)}" if daemon.since else ""
        yield f"The daemon runs: pid {daemon.pid} on {daemon.host}{since}."
    else:
        yield "[bold yellow]No daemon runs on this ledger.[/]"
        if status.holds:
            yield "[bold red]What it holds stays paused until one does: systemctl start cbmaintd[/]"
    for trouble in status.troubles:
        since = span(status.now - trouble.since)
        what = f"{trouble.cluster} does not answer as it should, for {since}"
        yield Text(f"{what}: {trouble.error}: {trouble.message}", "bold red")
    if daemon.config == "rejected":
        yield "[bold red]The file was rejected; the last good one is in force. The faults:[/]"
        faults = daemon.reading.faults
        yield from (Text(f"  {fault}") for fault in faults[:FAULTS_SHOWN])
        if more := faults[FAULTS_SHOWN:]:
            yield f"  and {len(more)} more"


def _members(members: list[Member]) -> Table:
    table = _table("DAEMON", "CLUSTERS", "HEARD OF", "VERSION", "TROUBLE")
    for member in members:
        troubles = ", ".join(_troubles_of(member))
        cells = (
            f"{member.host} pid {member.pid}",
            str(member.clusters),
            f"{member.age.total_seconds():.1f} s ago, lease {span(member.lease)}",
            member.version,
            troubles,
        )
        table.add_row(*map(Text, cells), style="bold red" if troubles else None)
    return table


def _troubles_of(member: Member) -> Iterator[str]:
    if not member.is_live:
        yield "silent: its clusters go to the others"
    elif not member.agrees:
        yield "its file is not the one in force: cbmaintd apply"
    if member.is_live and abs(member.skew) > LONGEST_SKEW:
        yield f"its clock is {member.skew.total_seconds():+.0f} s off, so it pauses nothing new"


def _openings(status: _Status) -> Table:
    table = _table("WINDOW", "", "WHEN")
    for opening in status.open:
        when = f"ends in {span(opening.end - status.now)}, {clock(opening.local_end)}"
        if decision := status.unplanned.get(opening.window):
            when += f"; opened by {decision.by}"
            when += f": {decision.reason}" if decision.reason else ""
        table.add_row(opening.window, Text("open", "bold"), Text(when))
    for opening in status.next:
        when = f"opens in {span(opening.start - status.now)}, {clock(opening.local_start)}"
        table.add_row(opening.window, "next", when)
    return table


def _holds(status: _Status) -> Table:
    table = _table("REPOSITORY", "STATE", "SINCE", "WINDOWS", "TROUBLE")
    for hold in status.holds:
        is_overdue = hold.until is not None and hold.until <= status.now
        cells = (
            str(hold.key),
            str(hold.phase),
            f"{span(status.now - hold.since)} ago" if hold.since else "",
            ", ".join(hold.windows),
            ", ".join(_troubles(hold, status.now, is_overdue=is_overdue)),
        )
        # As text: what looks like markup in the id of a repository is none.
        table.add_row(*map(Text, cells), style="bold red" if is_overdue else None)
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _troubles(hold: Record, now: datetime, *, is_overdue: bool) -> Iterator[str]:
    if is_overdue and hold.until:
        yield f"overdue for {span(now - hold.until)}"
    if hold.running:
        yield f"still running: {', '.join(hold.running)}"
    if hold.last_error:
        yield hold.last_error
    if hold.next_attempt and hold.next_attempt > now:
        yield f"again in {span(hold.next_attempt - now)}"
