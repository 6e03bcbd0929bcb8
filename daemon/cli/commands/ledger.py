"""`cbmaintd ledger copy`: copy everything from one ledger into another that is empty."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from daemon.cli import output
from daemon.errors import LedgerError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import exists, open_ledger
from daemon.ledger.transfer import copy_ledger
from daemon.ledger.url import from_argument
from daemon.wording import counted


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Copy from one to the other while no daemon runs on either.

    Raises:
        AlreadyRunningError: a daemon runs on one of them.
        LedgerError: one cannot be used, or the second has something already.

    """
    del environ
    source, target = from_argument(args.source), from_argument(args.target)
    if source == target:
        raise LedgerError("both are the same ledger")
    if not exists(source):
        raise LedgerError(f"{source}: there is no ledger here")
    with (
        open_ledger(source, Access.DAEMON) as origin,
        open_ledger(target, Access.DAEMON) as destination,
    ):
        if origin.loss:
            raise LedgerError(f"{origin.place}: the ledger was damaged or lost; nothing was copied")
        copied = copy_ledger(origin, destination)
    output.say(
        f"Copied: {counted(copied.records, 'repository', 'repositories')},"
        f" {counted(copied.attempts, 'attempt', 'attempts')},"
        f" {counted(copied.overrides, 'decision', 'decisions')},"
        f" {counted(copied.configs, 'configuration', 'configurations')}."
    )
    return 0
