"""`cbmaintd apply`: put the file in force for all daemons on one database."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime

from daemon.cli import output, places
from daemon.config.reading.process import load
from daemon.errors import UsageError
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Validate the file, make it the newest generation, and list daemons whose file differs.

    Raises:
        ConfigError: the file is invalid; carries every fault.
        UsageError: the ledger belongs to one daemon, which reads its file by itself.
        LedgerError: there is no ledger, or it cannot be written.

    """
    # The daemons' secrets may exist only on their hosts.
    settings = load(places.find_config(args, environ), environ=environ, check_secrets=False)
    applied = settings.applied(datetime.now(UTC))
    with open_ledger(places.find_ledger(args, environ, settings), Access.EDIT) as ledger:
        if not isinstance(ledger, SharedLedger):
            raise UsageError(
                f"{ledger.place}: one daemon runs on this ledger and reads its file by itself:"
                " cbmaintd reload"
            )
        generation = ledger.apply(applied)
        differing = [m for m in ledger.members() if m.is_live and m.digest != applied.digest]
    output.say(f"{settings.path} is in force for all, as generation {generation}.")
    for member in differing:
        output.say(
            f"Not yet on {member.host} (pid {member.pid}): its file is different, and it does"
            " nothing until it is the same."
        )
    return 0
