"""`cbmaintd status`: what is open, what is held, what failed; read from the ledger alone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Group
from rich.live import Live

from daemon.cli import output, places, schedule
from daemon.cli.reports.status import StatusReport, document, render
from daemon.cli.reports.tables import console
from daemon.errors import UsageError
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import OverrideKind
from daemon.windows.timeline import LOOK_AHEAD, ahead
from daemon.windows.window import Opening, Window

LOOK_EVERY_S = 1.0
"""How often `--watch` looks."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the current state; with `--watch` again and again, until interrupted.

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
    return 0


def _watch(args: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Show the status until interrupted."""
    out = console()
    if args.output == "json" or not out.is_terminal:
        raise UsageError("--watch: needs a terminal; without it the status is printed once")
    with Live(console=out, auto_refresh=False) as live:
        while True:
            # The last line of a terminal is where the cursor waits.
            lines = render(_read(args, environ), out.height - 1)
            live.update(Group(*lines), refresh=True)
            time.sleep(LOOK_EVERY_S)


def _read(args: argparse.Namespace, environ: Mapping[str, str]) -> StatusReport:
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        now = datetime.now(UTC)
        planned = schedule.in_force(ledger, environ)
        coming = (_next(window, now) for window in planned.timeline.windows.values())
        daemon = ledger.daemon()
        return StatusReport(
            now,
            daemon,
            ledger.unreachable() if daemon.running else [],
            {each.window: each for each in planned.overrides if each.kind is OverrideKind.OPEN},
            list(planned.timeline.covering(now)),
            sorted(filter(None, coming), key=lambda opening: (opening.start, opening.window)),
            [record for record in ledger.records() if record.is_hold],
            ledger.members() if isinstance(ledger, SharedLedger) else None,
            planned.cancelled(planned.timeline.windows.values(), now, now + LOOK_AHEAD),
        )


def _next(window: Window, now: datetime) -> Opening | None:
    return next((opening for opening in ahead(window, now) if opening.start > now), None)
