"""A lane for each cluster: one task that makes its passes, one after the other, when woken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.decide import suspect
from daemon.core.moment import Moment
from daemon.core.progress import ClusterView
from daemon.core.record import LATE, Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.fleet.alarms import Alarms
from daemon.log import events
from daemon.log.interface import Log
from daemon.passes.controller import Controller
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.handover import hand_over
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.passes.rules import Rules
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings

AFTER_A_BUG = timedelta(seconds=30)
"""How long a lane rests after a bug ended a pass, whoever wakes it."""

SOONEST = timedelta(milliseconds=500)
"""How long after a pass the next one begins at the earliest, whatever a pass asks for."""

LATEST = timedelta(days=1)
"""How long after a pass the next one begins at the latest: what was too far ahead comes nearer."""

WARM_BEFORE = timedelta(seconds=1)
"""How long before a boundary connections are made ready, at the latest."""

WARM_SPREAD = timedelta(seconds=5)
"""Over how long before that they are made; the first must not be too old at the pass's end."""

Connect = Callable[[ClusterSettings, Callable[[Attempt], None]], BackupService]


def warm_before(cluster: str) -> timedelta:
    """Return how long before a boundary the connections to a cluster are made ready.

    Each cluster has a time of its own: thousands of connections take seconds, more so with TLS.
    """
    return WARM_BEFORE + WARM_SPREAD * (crc32(cluster.encode()) / 2**32)


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What all lanes share.

    `before_pass` is awaited with the cluster's name at the start of each pass; `hand_over` gets
    records that go on under the name of another cluster; until they have, that one `is_expecting`
    them, and makes no pass.
    """

    connect: Connect
    log: Log
    clock: Callable[[], Moment]
    alarms: Alarms
    rules: Callable[[], Rules]
    before_pass: Callable[[str], Awaitable[None]]
    hand_over: Callable[[list[Record]], None]
    is_expecting: Callable[[str], bool] = lambda _: False


class Lane:
    """Makes the passes over one cluster; everything about it happens on the event loop."""

    def __init__(
        self,
        settings: ClusterSettings,
        holdings: Holdings,
        parts: LaneParts,
        lease: Lease | None = None,
    ) -> None:
        """Prepare to reach the cluster by *settings*; `start` begins.

        Where others might speak to it, calls leave only while they fit into the *lease*.
        `successor` is the name that what is held goes on under, if `hand_over_to` gave one.
        """
        self.settings = settings
        self.lease = lease
        self._next_settings: ClusterSettings | None = None
        self._holdings = holdings
        self._parts = parts
        self.successor: str | None = None
        self._woken = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._is_stopping = False
        self._is_passing = False
        self._was_short = False
        self._arrivals: list[Callable[[], None]] = []
        self._to_confirm: deque[tuple[str, Callable[[], None]]] = deque()
        self._has_failed = False
        self._service = parts.connect(settings, self._remember)
        self._journal = Journal(settings.name, parts.log)
        self.controller = Controller(
            settings.name,
            holdings,
            self._route(settings),
            self._journal,
            Clocks(parts.clock, self._wait, self._may_send),
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def certificate_ends(self) -> datetime | None:
        """When the first certificate of the cluster ends (UTC), as far as we were shown any."""
        return self._service.certificate_ends

    @property
    def unreachable(self) -> Unreachable | None:
        """Why the cluster does not respond as it should, if it does not."""
        return self._journal.unreachable_cluster

    @property
    def view(self) -> ClusterView:
        """What is known of the cluster, for those who ask how far openings are."""
        return self.controller.tally.view(self.unreachable)

    @property
    def is_up(self) -> bool | None:
        """Whether it answers as it should; None before the first attempt."""
        if self.unreachable:
            return False
        if self.controller.last_contact:
            return True
        # A first look may be made again and again for minutes before it is given up.
        return False if self._has_failed else None

    def _remember(self, attempt: Attempt) -> None:
        self._has_failed |= attempt.outcome is not Outcome.OK
        self._holdings.remember_attempt(attempt)

    @property
    def has_ended(self) -> bool:
        """Whether the last pass has ended."""
        return self._task is None or self._task.done()

    @property
    def has_died(self) -> bool:
        """Whether the lane ended without being told to."""
        return self._task is not None and self._task.done() and not self._is_stopping

    @property
    def is_needed(self) -> bool:
        """Whether something is still to be remembered or done; a pass may yet find something."""
        return self._is_passing or bool(self._arrivals) or self.controller.is_needed

    @property
    def unrecorded(self) -> list[Attempt]:
        """The attempts that the ledger has not taken."""
        return self._holdings.unrecorded()

    def start(self) -> None:
        """Make the first pass, and then one whenever woken."""
        self._task = asyncio.create_task(self._work(), name=self.settings.name)
        self.wake()

    def wake(self, *, hurry: bool = False) -> None:
        """Ask for a pass; with *hurry* the one under way sends nothing more and ends its waits."""
        if hurry:
            self._interrupted.set()
        self._woken.set()

    def beat(self, now: datetime) -> None:
        """Ask for a pass, unless it would find nothing to do: an idle cluster costs nothing."""
        if not self.controller.is_idle(self._parts.rules(), now):
            self.wake()

    def reconfigure(self, settings: ClusterSettings) -> None:
        """Reach the cluster by other *settings* from the next pass on."""
        if settings != self.settings:
            self.settings = self._next_settings = settings

    def adopt(self, records: list[Record]) -> None:
        """Go on with *records*, which another name handed over; the ledger has them."""
        self._arrivals.append(lambda: self._holdings.take_in(records))
        self.wake(hurry=True)

    def suspect(
        self, repository: str, action: Action, on_recorded: Callable[[], None] = lambda: None
    ) -> None:
        """Look for the effect of a call that another daemon sent when it should not have.

        *on_recorded* is called once the ledger has it; until then somebody else has to look, too.
        """
        self._arrivals.append(lambda: self._note_suspicion(repository, action, on_recorded))
        self.wake(hurry=True)

    def _note_suspicion(
        self, repository: str, action: Action, on_recorded: Callable[[], None]
    ) -> None:
        record = self._holdings.get(repository) or Record(
            RepositoryKey(self.settings.name, repository)
        )
        suspicion = Suspicion.starting(self._parts.clock(), LATE)
        self._holdings.note(suspect(record, action, suspicion))
        self._to_confirm.append((repository, on_recorded))

    def _confirm(self) -> None:
        """Say what the ledger has of what came, in its order; between passes nothing is written.

        Whoever lost the cluster says nothing: its next owner has to look by itself.
        """
        if self.lease and self.lease.is_dropped:
            self._to_confirm.clear()
        while self._to_confirm and self._holdings.is_saved(self._to_confirm[0][0]):
            self._to_confirm.popleft()[1]()

    def _take_arrivals(self) -> None:
        """Learn what came meanwhile: a pass under way would overwrite it by what it decided."""
        arrivals, self._arrivals = self._arrivals, []
        for learn in arrivals:
            learn()

    def hand_over_to(self, successor: str | None) -> None:
        """Make no more passes: the cluster is called *successor* now, and what is held goes there.

        It goes when the pass under way has ended; with None, if that was taken back, it stays.
        """
        if successor != self.successor:
            self.successor = successor
            self.wake(hurry=True)

    def stop(self) -> None:
        """Start no new call; calls in flight go on until they end."""
        self._is_stopping = True
        self.wake(hurry=True)

    def cut(self) -> None:
        """End the calls in flight: their connections are closed, and each fails."""
        self._service.close()

    async def join(self) -> None:
        """Wait for the end of the last pass."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _wait(self, delay: timedelta) -> bool:
        if not self._interrupted.is_set() and delay > timedelta(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(delay.total_seconds()):
                    await self._interrupted.wait()
        return self._may_send()

    def _may_send(self) -> bool:
        """Check whether a call may leave: nothing is more urgent, and it would end in our lease."""
        return not self._interrupted.is_set() and self._has_room()

    def _has_room(self) -> bool:
        if self.lease is None:
            return True
        if self.lease.has_room(self._parts.clock().uptime, self.settings.timeout.total):
            return True
        self._was_short = True
        return False

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            is_urgent = self._interrupted.is_set()
            self._interrupted.clear()
            # Asked after the events are cleared, or a stop between the two would be lost.
            if self._is_stopping:
                break
            self._is_passing = True
            try:
                # A pass may wait for a repository beyond the next boundary, which concerns others.
                self._set_alarm(None)
                self._set_alarm(await self._make_pass(is_urgent=is_urgent))
            except Exception:  # the one edge: a bug in a pass must not end the passes
                cluster = self.settings.name
                self._parts.log.critical(events.PASS_CRASHED, cluster=cluster, exc_info=True)
                await self._rest()
            self._is_passing = False
        self._parts.alarms.set(self._alarm, None, self.wake)
        self._parts.alarms.set(f"{self._alarm} warm", None, self._warm)
        self._service.close()
        self._take_arrivals()
        if self.lease:
            # Whoever comes next should not have to guess what became of the last calls.
            with suppress(LedgerError):
                await self._holdings.flush()

    async def _make_pass(self, *, is_urgent: bool) -> timedelta | None:
        await self._parts.before_pass(self.settings.name)
        self._take_arrivals()
        self._adopt_settings()
        self._was_short = False
        if not self._has_room():
            return SOONEST
        if self.successor:
            await self._retire(self.successor)
            return None
        if self._parts.is_expecting(self.settings.name):
            # What it recorded by itself would be overwritten by what comes.
            return SOONEST
        self._holdings.offer_again()
        due_in = await self.controller.run_pass(self._parts.rules(), is_urgent=is_urgent)
        self._confirm()
        name = self.settings.name
        await self._hand_over(
            {stray.key.id: f"{name} at {stray.reached}" for stray in self.controller.strays}
        )
        # What had to wait for the lease's renewal should not wait for the next resync.
        return SOONEST if self._was_short else due_in

    async def _rest(self) -> None:
        """Let a bug come no more often than that, but hold up no stop."""
        end = self._parts.clock().uptime + AFTER_A_BUG
        while not self._is_stopping and (left := end - self._parts.clock().uptime) > timedelta(0):
            self._interrupted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left.total_seconds()):
                    await self._interrupted.wait()
        self.wake(hurry=True)

    async def _retire(self, successor: str) -> None:
        """Let everything go on under the cluster's new name; there is nothing to look for here."""
        await self._hand_over({record.key.id: successor for record in self._holdings.records()})
        # Nor would any pass write what a ledger in trouble did not take before.
        with suppress(LedgerError):
            await self._holdings.flush()
        self.controller.has_looked = True

    async def _hand_over(self, names: dict[str, str]) -> None:
        """Let repositories go on under other clusters' names; kept until the ledger takes them."""
        try:
            records = await hand_over(self._holdings, names)
        except LedgerError as exc:
            keys = {"cluster": self.settings.name, "repository": None, "error": str(exc)}
            self._parts.log.error(events.LEDGER_FAILED, **keys)  # noqa: TRY400  # no bug of ours
            return
        if records:
            self._parts.hand_over(records)

    @property
    def _alarm(self) -> str:
        return self.settings.name

    def _set_alarm(self, due_in: timedelta | None) -> None:
        """Wake at the next boundary or when a pass is due; warm up shortly before the first."""
        now = self._parts.clock().wall
        change = self._parts.rules().timeline.next_change(now, self.settings.name)
        due = now + (LATEST if due_in is None else max(due_in, SOONEST))
        at = min(change, due) if change else due
        is_urgent = at == change
        self._parts.alarms.set(self._alarm, at, lambda: self.wake(hurry=is_urgent))
        warm_at = None
        if change and change - WARM_BEFORE > now:
            warm_at = max(change - warm_before(self.settings.name), now)
        self._parts.alarms.set(f"{self._alarm} warm", warm_at, self._warm)

    def _warm(self) -> None:
        # One is for the look; more than there are repositories would only burden the service.
        self._service.warm(max(len(self.controller.known_ids), 1))

    def _adopt_settings(self) -> None:
        settings, self._next_settings = self._next_settings, None
        if settings:
            old = self._service
            self._service = self._parts.connect(settings, self._remember)
            self.controller.reach(self._route(settings))
            # Between two passes no call is in flight.
            old.close()

    def _route(self, settings: ClusterSettings) -> Route:
        return Route(self._service, settings.concurrency, settings.address)
