"""One thread for each cluster: it makes a pass when it is woken, so that none delays another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from daemon.core.attempt import Action, Attempt
from daemon.core.moment import Moment
from daemon.core.record import LATE, Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.fleet.admission import PassLimit, Slot
from daemon.fleet.alarms import Alarms
from daemon.log import events
from daemon.log.interface import Log
from daemon.passes.controller import Controller, Rules
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings

AFTER_A_BUG = timedelta(seconds=30)
SOONEST = timedelta(milliseconds=500)
"""How long after a pass the next one begins at the earliest, whatever a pass asks for."""

MOST_PASSES = 8
"""How many passes compute at the same time; those that wait for an answer do not count. With 32 of
them 10,000 repositories of 1,000 clusters took four times as long."""

PATIENCE = timedelta(milliseconds=100)
"""How long a pass counts as computing after its last answer."""

MOST_CALLS = 2048
"""How many calls are made at once; only where so many hang does one wait for another cluster's."""

Connect = Callable[[ClusterSettings, Callable[[Attempt], None]], BackupService]


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all workers share.

    Calls are made on the threads of `calls`; `pass_limit` says which passes are made now.
    `before_pass` is called at the start of each pass, `hand_over` with records that go on under
    the name of another cluster.
    """

    connect: Connect
    log: Log
    clock: Callable[[], Moment]
    alarms: Alarms
    rules: Callable[[], Rules]
    before_pass: Callable[[], None]
    hand_over: Callable[[list[Record]], None]
    calls: Executor = field(default_factory=lambda: ThreadPoolExecutor(MOST_CALLS, "call"))
    pass_limit: PassLimit = field(default_factory=lambda: PassLimit(MOST_PASSES, PATIENCE))


class Worker:
    """Makes the passes of one cluster, one after the other, on a thread of its own."""

    def __init__(
        self,
        settings: ClusterSettings,
        holdings: Holdings,
        equipment: Equipment,
        lease: Lease | None = None,
    ) -> None:
        """Prepare to reach the cluster by *settings*; `start` begins.

        Where others might speak to it, calls leave only while they fit into the *lease*.
        """
        self.settings = settings
        self.lease = lease
        self._next_settings: ClusterSettings | None = None
        self._holdings = holdings
        self._equipment = equipment
        self._inbox: SimpleQueue[list[Record]] = SimpleQueue()
        self._late: SimpleQueue[tuple[str, Action]] = SimpleQueue()
        self._successor: str | None = None
        self._woken = threading.Event()
        self._interrupted = threading.Event()
        self._is_stopping = False
        self._was_short = False
        self._slot: Slot | None = None
        self._service = self._reach(settings)
        self._journal = Journal(settings.name, equipment.log)
        self.controller = Controller(
            settings.name,
            holdings,
            self._route(settings),
            self._journal,
            Clocks(equipment.clock, self._wait),
        )
        self._thread = threading.Thread(target=self._work, name=settings.name, daemon=True)

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first certificate of the cluster ends (UTC), as far as we were shown any."""
        return self._service.certificate_ends

    @property
    def unreachable(self) -> Unreachable | None:
        """Why the cluster does not answer as it should, if it does not."""
        return self._journal.unreachable_cluster

    def start(self) -> None:
        """Make the first pass, and then one whenever woken."""
        self._thread.start()
        self.wake()

    def wake(self, *, hurry: bool = False) -> None:
        """Ask for a pass; with *hurry* the one under way sends nothing more and ends its waits."""
        if hurry:
            self._interrupted.set()
        self._woken.set()

    def reconfigure(self, settings: ClusterSettings) -> None:
        """Reach the cluster by other *settings* from the next pass on."""
        if settings != self.settings:
            self.settings = self._next_settings = settings

    def adopt(self, records: list[Record]) -> None:
        """Go on with *records*, which another name handed over, from the next pass on."""
        self._inbox.put(records)
        self.wake(hurry=True)

    def suspect(self, repository: str, action: Action) -> None:
        """Look for the effect of a call that another daemon sent when it should not have."""
        self._late.put((repository, action))
        self.wake(hurry=True)

    @property
    def unrecorded(self) -> list[Attempt]:
        """The attempts that the ledger has not taken."""
        return self._holdings.unrecorded()

    def hand_over_to(self, successor: str) -> None:
        """Make no more passes: the cluster is called *successor* now, and what is held goes there.

        Waits for nothing; the records are given when the pass under way has ended.
        """
        self._successor = successor
        self.wake(hurry=True)

    def stop(self) -> None:
        """Start no new call; calls in flight go on until they end."""
        self._is_stopping = True
        self.wake(hurry=True)

    def cut(self) -> None:
        """End the calls in flight: their connections are closed, and each says so."""
        self._service.close()

    def join(self, timeout: timedelta) -> bool:
        """Wait for the end of the last pass; return whether it came."""
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive()

    def _wait(self, delay: timedelta) -> bool:
        return not self._interrupted.wait(delay.total_seconds()) and self._may_send()

    def _may_send(self) -> bool:
        """Check whether a call would end while the cluster is surely ours."""
        if self.lease is None:
            return True
        needed = self.settings.timeout.total
        if self.settings.discover:
            # A call may have to ask first where it is to be sent.
            needed *= 2
        if self.lease.has_room(self._equipment.clock().uptime, needed):
            return True
        self._was_short = True
        return False

    def _work(self) -> None:
        while True:
            self._woken.wait()
            with self._equipment.pass_limit.slot() as self._slot:
                self._woken.clear()
                is_urgent = self._interrupted.is_set()
                self._interrupted.clear()
                # Asked after the flags are cleared, or a stop between the two would be lost.
                if self._is_stopping:
                    break
                self._take_in()
                # A pass may wait for a repository beyond the next boundary, which concerns others.
                self._set_alarm(None)
                due_in = self._make_pass(is_urgent=is_urgent)
                self._set_alarm(due_in)
        self._service.close()
        if self.lease:
            # Whoever comes next should not have to guess what became of the last calls.
            with suppress(LedgerError):
                self._holdings.flush()

    def _make_pass(self, *, is_urgent: bool) -> timedelta | None:
        try:
            self._equipment.before_pass()
            self._adopt_settings()
            self._was_short = False
            if not self._may_send():
                return SOONEST
            if self._successor:
                self._retire(self._successor)
                return None
            due_in = self.controller.run_pass(self._equipment.rules(), is_urgent=is_urgent)
            strays, name = self.controller.strays, self.settings.name
            self._hand_over({record.key.id: f"{name} at {record.reached}" for record in strays})
        except Exception:  # the one edge: a bug in a pass must not end the passes
            self._equipment.log.critical(
                events.PASS_CRASHED, cluster=self.settings.name, exc_info=True
            )
            return AFTER_A_BUG
        # What had to wait for the lease's renewal should not wait for the next resync.
        return SOONEST if self._was_short else due_in

    def _retire(self, successor: str) -> None:
        """Let everything go on under the cluster's new name; there is nothing to look for here."""
        self._hand_over({record.key.id: successor for record in self._holdings.records()})
        self.controller.has_looked = True

    def _take_in(self) -> None:
        with suppress(Empty):
            while True:
                self._holdings.take_in(self._inbox.get_nowait())
        with suppress(Empty):
            while True:
                self._suspect(*self._late.get_nowait())

    def _suspect(self, repository: str, action: Action) -> None:
        key = RepositoryKey(self.settings.name, repository)
        record = self._holdings.get(repository) or Record(key)
        suspicion = Suspicion.starting(self._equipment.clock(), LATE)
        match action:
            case Action.PAUSE:
                record = replace(record, suspect_pause=suspicion.later(record.suspect_pause))
            case Action.RESUME:
                record = replace(record, suspect_resume=suspicion.later(record.suspect_resume))
            case _:
                return
        self._holdings.note(record)

    def _hand_over(self, names: Mapping[str, str]) -> None:
        """Let repositories go on under other clusters' names; kept until the ledger takes them."""
        records = {record.key.id: record for record in self._holdings.records()}
        renamed = {
            id_: replace(records[id_], key=RepositoryKey(name, id_), missing_since=None)
            for id_, name in names.items()
        }
        if not renamed:
            return
        try:
            self._holdings.hand_over(renamed)
        except LedgerError as exc:
            said = {"cluster": self.settings.name, "error": str(exc)}
            self._equipment.log.error(events.LEDGER_FAILED, **said)  # noqa: TRY400  # no bug of ours
        else:
            self._equipment.hand_over(list(renamed.values()))

    def _set_alarm(self, due_in: timedelta | None) -> None:
        now = self._equipment.clock().wall
        change = self._equipment.rules().timeline.next_change(now, self.settings.name)
        due = now + max(due_in, SOONEST) if due_in is not None else None
        at = min((instant for instant in (change, due) if instant), default=None)
        is_urgent = at is not None and at == change
        self._equipment.alarms.set(
            f"cluster {self.settings.name}", at, lambda: self.wake(hurry=is_urgent)
        )

    def _adopt_settings(self) -> None:
        settings, self._next_settings = self._next_settings, None
        if settings:
            old, self._service = self._service, self._reach(settings)
            self.controller.reach(self._route(settings))
            # Between two passes no call is in flight.
            old.close()

    def _reach(self, settings: ClusterSettings) -> BackupService:
        return self._equipment.connect(settings, self._note_attempt)

    def _note_attempt(self, attempt: Attempt) -> None:
        if self._slot:
            self._slot.step()
        self._holdings.remember_attempt(attempt)

    def _route(self, settings: ClusterSettings) -> Route:
        calls = self._equipment.calls
        return Route(self._service, calls, settings.concurrency, settings.address)
