"""`cbmaintd status`: what is open, what is held, what failed; read from the ledger alone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from rich.console import Group
from rich.live import Live

from daemon.cli import output, places, schedule
from daemon.cli.reports.status import render
from daemon.cli.reports.tables import console, styled
from daemon.cli.standing import read_standing
from daemon.errors import UsageError
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger
from daemon.monitoring.status import StatusReport, document
from daemon.monitoring.upcoming import next_opening
from daemon.windows.overrides import OverrideKind
from daemon.windows.timeline import LOOK_AHEAD

LOOK_EVERY_S = 1.0
"""How often `--watch` looks."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the current state; with `--watch` again and again, until interrupted.

    With `--exit-code` it is 1 unless all that is open is paused, and nothing is left over.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
        UsageError: it cannot be watched without a terminal.

    """
    if args.watch:
        _watch(args, environ)
    status = _read(args, environ)
    if args.output == "json":
        output.write_json(document(status))
    else:
        console().print(*render(status), sep="\n", soft_wrap=True)
    return 1 if args.exit_code and not status.is_well else 0


def _watch(args: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Show the status until interrupted."""
    out = console()
    if args.output == "json" or not out.is_terminal:
        raise UsageError("--watch: needs a terminal; without it the status is printed once")
    with Live(console=out, auto_refresh=False) as live:
        while True:
            status = _read(args, environ)
            # The last line of a terminal is where the cursor waits, and the first is ours.
            clock = f"{status.now.astimezone():%H:%M:%S %Z}, Ctrl-C leaves"
            lines = [styled(clock, "dim"), *render(status, out.height - 2)]
            live.update(Group(*lines), refresh=True)
            time.sleep(LOOK_EVERY_S)


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> StatusReport:
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        planned = schedule.in_force(ledger, environ)
        standing = read_standing(ledger, planned)
        now, applied = standing.now, ledger.last_good()
        coming = (next_opening(window, now) for window in planned.timeline.windows.values())
        silent = {each.cluster for each in standing.unreachable}
        named = planned.settings.clusters if planned.settings else ()
        opened = (each for each in planned.overrides if each.kind is OverrideKind.OPEN)
        return StatusReport(
            now=now,
            daemon=standing.daemon,
            unreachable=standing.unreachable,
            unplanned={each.window: each for each in opened},
            open_now=list(planned.timeline.covering(now)),
            upcoming=sorted(filter(None, coming), key=lambda each: (each.start, each.window)),
            holds=[record for record in standing.records if record.is_hold],
            members=ledger.members() if isinstance(ledger, SharedLedger) else None,
            progress=standing.progress,
            file=applied.path if applied else "",
            applied=applied.applied if applied else None,
            answering=tuple(c for c in sorted(named) if c in standing.listings and c not in silent),
            owed=tuple(record for record in standing.records if record.backup_due),
            skipped=planned.cancelled(planned.timeline.windows.values(), now, now + LOOK_AHEAD),
        )
