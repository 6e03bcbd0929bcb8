"""`cbmaintd reload`: make the daemon read its file again, and print the result."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from daemon.cli import output, places, schedule
from daemon.cli.reports import comparison
from daemon.config import stored_configs
from daemon.config.settings import Settings, difference
from daemon.errors import ConfigError, HostError
from daemon.ledger.ledger import Access, Ledger, SharedLedger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import DaemonState
from daemon.windows.timeline import Timeline
from daemon.wording import enumerated

WITHIN = timedelta(seconds=30)
"""A daemon on a slow disk takes a while; one that takes longer has a problem."""

DAYS = 14
"""How far ahead it looks for openings that are others than before."""

MOST_SHOWN = 20

_LOOK_EVERY_S = 0.1


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send SIGHUP, wait until the ledger has the result, and print what is different from before.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
        HostError: no daemon runs here, it may not be signalled, or it does not answer.

    """
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.READ) as ledger:
        before, was = ledger.daemon(), _in_force(ledger, environ)
        pid = _pid_here(before)
        _signal(pid)
        reading = _next_reading(ledger, before).reading
        now = _in_force(ledger, environ)
    if not reading.faults:
        output.say("The file is in force.")
        if was and now:
            _print_changes(was, now)
        return 0
    for fault in reading.faults:
        output.warn(fault)
    output.warn("cbmaintd: the file was rejected; the previous configuration stays in force")
    return ConfigError.exit_code


def _in_force(ledger: Ledger, environ: Mapping[str, str]) -> Settings | None:
    """Return what is in force here; of several daemons, that is not for one to change."""
    return None if isinstance(ledger, SharedLedger) else stored_configs.last_good(ledger, environ)


def _print_changes(was: Settings, now: Settings) -> None:
    """Print which settings are others than before, and what that does to the openings to come."""
    changes = difference(was, now)
    if not any(changes.values()):
        output.say("It was in force already: nothing has changed.")
        return
    for what, names in changes.items():
        if names:
            output.say(f"{what}: {enumerated(names)}")
    start = datetime.now(UTC)
    old, new = Timeline(was.windows.values()), Timeline(now.windows.values())
    differences = comparison.between(old, new, start, start + timedelta(days=DAYS))
    comparison.show(differences, comparison.retargeted(old, new), DAYS, MOST_SHOWN)


def _pid_here(state: DaemonState) -> int:
    if not state.running or state.pid is None:
        raise HostError("no daemon runs on this ledger: start one with cbmaintd run")
    if state.host != socket.gethostname():
        raise HostError(f"the daemon runs on {state.host}: reload it there")
    return state.pid


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise HostError(
            f"the daemon (pid {pid}) belongs to somebody else: run this as its user, as root,"
            " or as systemctl reload cbmaintd"
        ) from None
    except ProcessLookupError:
        raise HostError(f"the daemon (pid {pid}) has just ended") from None


def _next_reading(ledger: Ledger, before: DaemonState) -> DaemonState:
    deadline = time.monotonic() + WITHIN.total_seconds()
    while time.monotonic() < deadline:
        state = ledger.daemon()
        if state.reading.id != before.reading.id:
            return state
        if not state.running:
            raise HostError("the daemon has ended: look at its log")
        time.sleep(_LOOK_EVERY_S)
    raise HostError(
        f"the daemon did not say within {WITHIN.seconds} s whether the file is in force:"
        " look at its log"
    )
