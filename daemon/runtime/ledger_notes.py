"""What the daemon itself notes in the ledger and learns from it; a full disk stops nothing.

Three kinds: the ledger is ours alone, is shared with other daemons, or, in a dry run, is read only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.core.summary import News
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.fleet.member import Membership
from daemon.ledger.ledger import DamagedError, Ledger
from daemon.ledger.state import AppliedConfig
from daemon.ledger.thread import LaneStore, LedgerThread, writer_of
from daemon.log import events
from daemon.log.interface import Log
from daemon.passes.holdings import Store
from daemon.windows.overrides import Override

T = TypeVar("T")

FORGET_MOST = 1000
"""How many old attempts are deleted at once: no pass should have to wait long for that."""


class Notes(Protocol):
    """The part of the ledger that the daemon uses; what fails is logged, and raises nothing."""

    def store(self, lease: Lease | None) -> Store:
        """Return where the lane of a cluster writes."""

    async def applied(self, config: AppliedConfig) -> None:
        """Store *config* as the last good one, and note that the file has no faults."""

    async def read_with(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and its faults."""

    async def unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not respond; None: one responds again."""

    async def forget_attempts(self, before: datetime) -> bool:
        """Delete some attempts from before then; return whether there may be more of them."""

    async def overrides(self, known: int) -> tuple[Override, ...] | None:
        """Return people's decisions, the oldest first; None if there are still *known* many.

        By this a lost ledger is noticed in a quiet hour.
        """


class OwnNotes:
    """Notes in a ledger that no other daemon uses."""

    def __init__(self, ledger: Ledger, log: Log) -> None:
        """Write to *ledger*, on a thread of its own."""
        self._ledger = ledger
        self._log = log
        self._thread = LedgerThread(writer_of(ledger), ledger.place)

    def store(self, lease: Lease | None) -> Store:
        """Return where the lane of a cluster writes."""
        return LaneStore(self._thread, lease)

    async def applied(self, config: AppliedConfig) -> None:
        """Store *config* as the last good one, and note that the file has no faults."""
        await self._record(lambda: self._ledger.save_config(config))
        # Last: a command that waits for this reading finds the configuration then.
        await self.read_with(())

    async def read_with(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and its faults."""
        await self._record(lambda: self._ledger.note_reading(faults))

    async def unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not respond; None: one responds again."""
        await self._record(lambda: self._ledger.note_unreachable(changes))

    async def forget_attempts(self, before: datetime) -> bool:
        """Delete some attempts from before then; return whether there may be more of them."""
        try:
            forgotten = await self._write(lambda: self._ledger.forget_attempts(before, FORGET_MOST))
        except LedgerError:
            # The passes log what is wrong with the ledger; this can wait until it works again.
            return True
        return forgotten == FORGET_MOST

    async def overrides(self, known: int) -> tuple[Override, ...] | None:
        """Return people's decisions, the oldest first; None if there are still *known* many."""
        return await self._write(lambda: _news(self._ledger, known))

    async def _record(self, write: Callable[[], None]) -> None:
        try:
            await self._write(write)
        except LedgerError as exc:
            self._log.error(events.LEDGER_FAILED, cluster=None, repository=None, error=str(exc))

    async def _write(self, write: Callable[[], T]) -> T:
        """Write, if need be into the new ledger that has just replaced a lost one."""
        try:
            return await self._thread.run(write)
        except DamagedError as exc:
            self._log.error(events.LEDGER_FAILED, cluster=None, repository=None, error=str(exc))
            written = await self._thread.run(write)
            self._log.info(events.LEDGER_RECOVERED, cluster=None, repository=None)
            return written


class SharedNotes:
    """Notes in a ledger that several daemons share: the membership makes them at its beats."""

    def __init__(self, membership: Membership) -> None:
        """Leave them to *membership*."""
        self._membership = membership

    def store(self, lease: Lease | None) -> Store:
        """Return where the lane of a cluster writes."""
        if lease is None:
            raise AssertionError("a shared ledger is written by claims alone")
        return self._membership.store(lease)

    async def applied(self, config: AppliedConfig) -> None:
        """Note that the file has no faults: what is in force for all is not for one to decide."""
        del config
        await self.read_with(())

    async def read_with(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and its faults."""
        self._membership.note_reading(faults)

    async def unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not respond; None: one responds again."""
        self._membership.note_unreachable(changes)

    async def forget_attempts(self, before: datetime) -> bool:
        """Have the membership delete attempts from before then, as many as there are."""
        self._membership.forget_attempts(before, FORGET_MOST)
        return False

    async def overrides(self, known: int) -> tuple[Override, ...] | None:
        """Return people's decisions, the oldest first; None if there are still *known* many."""
        found = self._membership.overrides()
        return None if len(found) == known else tuple(found)


class DryNotes:
    """Notes of a dry run: nothing is written, and people's decisions are read."""

    def __init__(self, ledger: Ledger) -> None:
        """Read *ledger*."""
        self._ledger = ledger
        self._thread = LedgerThread(lambda changes: [None] * len(changes), ledger.place)

    def store(self, _lease: Lease | None) -> Store:
        """Return where nothing is written."""
        return _Nowhere()

    async def applied(self, config: AppliedConfig) -> None:
        """Note nothing."""

    async def read_with(self, faults: Sequence[str]) -> None:
        """Note nothing."""

    async def unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note nothing."""

    async def forget_attempts(self, _before: datetime) -> bool:
        """Delete nothing."""
        return False

    async def overrides(self, known: int) -> tuple[Override, ...] | None:
        """Return people's decisions, the oldest first; None if there are still *known* many."""
        return await self._thread.run(lambda: _news(self._ledger, known))


class _Nowhere:
    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write nothing."""


def _news(ledger: Ledger, known: int) -> tuple[Override, ...] | None:
    found = ledger.new_overrides(known)
    return None if found is None else tuple(found)
