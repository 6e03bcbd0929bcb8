"""What one cluster holds, resumed without a daemon: the daemon's own passes, wanting nothing.

On an empty timeline everything that is held is to be resumed. Marks, looks and records are those of
any pass, so that a daemon, or another rescue, goes on from wherever this one ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from daemon.core.attempt import Attempt, PassError
from daemon.core.moment import Moment
from daemon.core.record import Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.core.vanished import GONE_AFTER
from daemon.passes.controller import Controller
from daemon.passes.dispatch import Clocks, Route, Service
from daemon.passes.holdings import Holdings, Store
from daemon.passes.journal import Journal
from daemon.passes.looks import CONFIRMED_AFTER
from daemon.passes.recorders import Fate, RecordingLog, RecordingService
from daemon.passes.rules import Rules
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline

_RULES = Rules(Timeline(()), resync=timedelta(seconds=30), max_pause=timedelta.max)

GIVE_UP_AFTER = timedelta(minutes=10)
LIST_AGAIN = timedelta(seconds=20)
MOST_LOOKS = 8
"""How often, and how far apart, a list is asked for that the service does not give.

After two minutes of it, what is held is resumed unseen.
"""

STOP_WITHIN = timedelta(seconds=3)
"""How long calls in flight may take when somebody has waited enough; then they are cut."""

CUT_WITHIN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Result:
    """The fate of one repository; `detail` says why it failed."""

    key: RepositoryKey
    fate: Fate
    detail: str = ""


class Connection(Service, Protocol):
    """A connection to a cluster that can be cut off."""

    def close(self) -> None:
        """End the calls in flight."""


Connect = Callable[[ClusterSettings, Callable[[Attempt], None]], Connection]


class Rescue:
    """Resumes the holds of one cluster."""

    def __init__(
        self,
        settings: ClusterSettings,
        records: Iterable[Record],
        store: Store,
        connect: Connect,
        clocks: Clocks,
    ) -> None:
        """Prepare to resume what *records* hold; once *clocks* no longer waits, no call starts."""
        self.cluster = settings.name
        self._address = settings.address
        self._concurrency = settings.concurrency
        self._before = sorted(records, key=lambda record: record.key)
        self._holdings = Holdings(_YieldPreservingStore(store, self._before), self._before)
        self._connection = connect(settings, self._holdings.remember_attempt)
        self._service = RecordingService(self._connection)
        self._log = RecordingLog()
        self._clocks = clocks

    @property
    def ledger_error(self) -> str | None:
        """Why the ledger did not take what was done; None if it has all of it."""
        return self._log.ledger_error

    def cut(self) -> None:
        """End the calls in flight: their connections are closed."""
        self._connection.close()

    async def run(self) -> None:
        """Make passes while they make progress; what a list lacks gets the second look it needs.

        Where the service answers, but gives no list, it is asked until what is held was resumed
        unseen.
        """
        controller = Controller(
            self.cluster,
            self._holdings,
            Route(self._service, self._concurrency, self._address),
            Journal(self.cluster, self._log),
            self._clocks,
        )
        may_wait, looks = True, 0
        while True:
            held = len(controller.holds)
            await controller.run_pass(_RULES)
            has_progress = len(controller.holds) < held
            looks += 1
            if self._lacks_list() and looks < MOST_LOOKS:
                if not await self._clocks.wait(LIST_AGAIN):
                    return
                continue
            again = self._second_look_after(controller)
            is_open = controller.holds or controller.doubted
            if not (is_open and (has_progress or (again and may_wait))):
                return
            if not await self._clocks.wait(timedelta(0) if has_progress else again):
                return
            may_wait = has_progress

    def _second_look_after(self, controller: Controller) -> timedelta:
        """Return after how long another look may say what becomes of a hold; 0 if none will."""
        if any(record.missing_since for record in self._holdings.holds()):
            return GONE_AFTER
        return CONFIRMED_AFTER if controller.doubted else timedelta(0)

    def _lacks_list(self) -> bool:
        """Check whether another look may lead to something: no list, and something still held."""
        held = {record.key.id for record in self._holdings.holds()}
        return self._service.lacks_list and not held <= self._service.resumed

    def results(self) -> list[Result]:
        """Return what became of each hold, and of each suspicion that turned out to be one."""
        results = (self._result(record) for record in self._before)
        return [result for result in results if result]

    def _result(self, before: Record) -> Result | None:
        key = before.key
        after = self._holdings.get(key.id)
        if after and after.is_hold:
            return Result(key, Fate.FAILED, self._problem(after))
        fate = self._log.fates.get(key.id)
        if fate:
            return Result(key, fate)
        if before.is_hold:
            return Result(key, Fate.NOT_OURS)
        if not self._service.has_looked:
            # Nobody knows whether the lost pause has landed.
            return Result(key, Fate.FAILED, self._problem(before))
        return None

    def _problem(self, record: Record) -> str:
        id_ = record.key.id
        said = self._service.refusals.get(id_) or self._service.list_error
        said = said or self._service.problems.get(id_) or self._service.problems.get("", "")
        if said and id_ in self._service.resumed:
            return f"the service accepted it, but nothing shows it as active: {said}"
        if said:
            return said
        if record.last_error == PassError.UNVERIFIED:
            return (
                f"{PassError.UNVERIFIED}: the service accepted it, but does not show it as active"
            )
        if record.missing_since and record.reached not in {"", self._address}:
            return f"it was paused at {record.reached}: name a file with that url by -c"
        if record.missing_since:
            return "the cluster does not list it, and may still act on a call of unknown fate"
        return "stopped before it was seen active"

    def owed(self) -> list[RepositoryKey]:
        """Return the repositories of these to which a backup is left for a daemon to start."""
        found = (self._holdings.get(record.key.id) for record in self._before)
        return [record.key for record in found if record and record.backup_due]

    def suspected(self, now: Moment) -> dict[RepositoryKey, datetime]:
        """Return what is no hold but may still be paused by a lost call of ours, and until when."""
        found = {}
        for id_ in sorted(self._holdings.ids()):
            record = self._holdings.get(id_)
            if record and not record.is_hold and record.suspect_pause:
                left = _left(record.suspect_pause, now)
                if left > timedelta(0):
                    found[record.key] = now.wall + left
        return found


class _YieldPreservingStore:
    """The ledger, where a person's word for an opening outlives the rescue of a repository.

    To a pass that knows no openings it would be spent.
    """

    def __init__(self, store: Store, before: Iterable[Record]) -> None:
        self._store = store
        self._yielded = {record.key: record.yielded for record in before}

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write all of it in one durable transaction; raises LedgerError."""
        kept = [replace(record, yielded=self._yielded[record.key]) for record in records]
        await self._store.save(kept, attempts, news)


def _left(suspicion: Suspicion, now: Moment) -> timedelta:
    """Return how long the service may still act; after a reboot the uptime alone tells."""
    until = suspicion.until if suspicion.boot_id == now.boot_id else suspicion.span
    return until - now.uptime


async def carry_out(rescues: Sequence[Rescue], stop: Callable[[], None]) -> None:
    """Make all rescues at once, so that a cluster that hangs delays no other; end in any case.

    *stop* ends the waits of their clocks. Whoever interrupts waits a few seconds: what was sent and
    not answered is in the ledger as such.
    """
    tasks = [asyncio.create_task(rescue.run(), name=rescue.cluster) for rescue in rescues]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, timeout=GIVE_UP_AFTER.total_seconds())
    finally:
        stop()
        await asyncio.wait(tasks, timeout=STOP_WITHIN.total_seconds())
        for rescue in rescues:
            rescue.cut()
        await asyncio.wait(tasks, timeout=CUT_WITHIN.total_seconds())
    for task in tasks:
        if task.done():
            task.result()
