"""Runs cbmaintd and kills it, as `kill -9` would, at one durable write of the ledger.

`crashing.py before|after N ARGUMENTS…`: at the Nth save that has records in it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

from daemon.cli.main import main
from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.summary import News
from daemon.ledger.ledger import Ledger


def _arm(moment: str, number: int) -> None:
    save = Ledger.save
    count = 0

    def deadly(
        self: Ledger,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: Iterable[News] = (),
    ) -> None:
        nonlocal count
        rows = list(records)
        count += bool(rows)
        is_the_one = count == number and bool(rows)
        if is_the_one and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, rows, attempts, news)
        if is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)

    Ledger.save = deadly  # type: ignore[method-assign]  # a child process that is about to die


if __name__ == "__main__":
    _arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
