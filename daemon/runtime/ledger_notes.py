"""What the daemon notes in the ledger, and can do without for now: a full disk stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.ledger.ledger import DamagedError
from daemon.ledger.state import AppliedConfig
from daemon.log import events
from daemon.log.interface import Log
from daemon.runtime.parts import DaemonLedger

FORGET_MOST = 1000
"""How many old attempts are deleted at once: no pass should have to wait long for that."""


class LedgerNotes:
    """Writes to the ledger, and logs what fails."""

    def __init__(self, ledger: DaemonLedger, log: Log) -> None:
        """Write to *ledger*."""
        self._ledger = ledger
        self._log = log

    def applied(self, config: AppliedConfig) -> None:
        """Store *config* as the last good one, and note that the file has no faults."""
        self._record(lambda: self._ledger.save_config(config))
        # Last: a command that waits for this reading finds the configuration then.
        self.read_with(())

    def read_with(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and its faults."""
        self._record(lambda: self._ledger.note_reading(faults))

    def unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer; None: one answers again."""
        self._record(lambda: self._ledger.note_unreachable(changes))

    def forget_attempts(self, before: datetime) -> None:
        """Delete attempts from before then; by this a lost ledger is noticed in a quiet hour."""
        # The passes log what is wrong with the ledger; this can wait until it works again.
        with suppress(LedgerError):
            self._write(lambda: self._ledger.forget_attempts(before, FORGET_MOST))

    def _record(self, write: Callable[[], None]) -> None:
        try:
            self._write(write)
        except LedgerError as exc:
            self._log.error(events.LEDGER_FAILED, cluster=None, error=str(exc))

    def _write(self, write: Callable[[], None]) -> None:
        """Write, if need be into the new ledger that has just replaced a lost one."""
        try:
            write()
        except DamagedError as exc:
            self._log.error(events.LEDGER_FAILED, cluster=None, error=str(exc))
            write()
            self._log.info(events.LEDGER_RECOVERED, cluster=None)
