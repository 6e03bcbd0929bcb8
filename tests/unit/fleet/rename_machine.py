"""A property machine of renames: two clusters, one of which changes its name there and back.

The real fleet, lanes, passes and ledger; clocks, wires and the disk's faults are models. The file
calls the first cluster `prod` or `main`, while lists are outstanding, the disk is full or answers
too late, the daemon is killed at any moment, and people pause and resume. Then the world is healed:

R1 nothing is resumed in the middle of its window, by whatever name; R2 what somebody else paused is
never resumed; R3 no pause without a durable mark; R4 no two calls at once on a repository; R5 what
we paused is active again after the window, and nothing is left in the ledger; R6 no pass crashes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import OwnFleet
from daemon.fleet.lane import Lane, LaneParts
from daemon.fleet.lanes import Lanes
from daemon.ledger.ledger import Access
from daemon.ledger.opening import MEMORY, open_ledger
from daemon.passes.holdings import Holdings
from daemon.passes.rules import Rules
from daemon.service.client import BackupService, MaySend, WithheldError
from daemon.service.cluster import ClusterSettings
from daemon.windows.rules import Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from tests.unit.passes.protocol_world import BEGIN, EPOCH, REPOSITORIES, ViolatedError

OPENS, CLOSES = timedelta(minutes=10), timedelta(minutes=40)
HERE, THERE = "http://here", "http://there"
NAMES = ("prod", "main")
LOOP = asyncio.new_event_loop()


def clusters_of(name: str) -> dict[str, ClusterSettings]:
    """Return the clusters of a file that calls the first one *name*."""
    return {
        name: ClusterSettings(name, (HERE,)),
        "spare": ClusterSettings("spare", (THERE,)),
    }


def rules_of(name: str) -> Rules:
    """Return the rules of that file: one window for everything."""
    once = Once(start=EPOCH + OPENS, end=EPOCH + CLOSES, duration=None)
    targets = tuple((cluster, Patterns(("*",))) for cluster in clusters_of(name))
    night = Window(name="night", rule=once, zone=ZoneInfo("UTC"), targets=targets)
    return Rules(Timeline((night,)), timedelta(seconds=30), timedelta(hours=36))


EARLIER = {**clusters_of("prod"), **clusters_of("main")}


def _other(name: str) -> str:
    return next(each for each in NAMES if each != name)


@dataclass
class Cluster:
    """What a cluster has: who paused what, and the calls under way; lists wait at the gate."""

    names: frozenset[str]
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    paused_by: dict[str, str] = field(default_factory=dict)
    under_way: Counter[str] = field(default_factory=Counter)


class Life:
    """One life of the daemon, from a start to a kill; what is left of it does nothing any more."""

    def __init__(self, machine: RenameMachine) -> None:
        """Start from what the ledger has, with the file as it is."""
        self.machine = machine
        self.is_over = False
        parts = LaneParts(
            connect=lambda settings, _: cast("BackupService", Service(self, settings.address)),
            log=self,
            clock=machine.now,
            alarms=cast("Alarms", SimpleNamespace(set=lambda *_: None)),
            rules=lambda: self.rules,
            before_pass=self.before_pass,
            hand_over=lambda records: self.fleet.adopt(records, EARLIER),
            is_expecting=lambda name: self.fleet.lanes.is_expecting(name),  # noqa: PLW0108  # to come
        )

        def make(settings: ClusterSettings, records: Iterable[Record], *_: object) -> Lane:
            return Lane(settings, machine.holdings_class(Store(self), records), parts)

        self.fleet = machine.fleet_class(Lanes(make), machine.ledger.records())
        self.put_in_force()

    async def before_pass(self, name: str) -> None:
        """Do what the daemon does before a pass."""
        self.fleet.lanes.stir(name)

    def put_in_force(self) -> None:
        """Go by the file, in the order of the daemon's reload."""
        clusters = clusters_of(self.machine.name)
        self.fleet.prepare(cast("Settings", SimpleNamespace(clusters=clusters)))
        self.rules = rules_of(self.machine.name)
        self.fleet.assign(clusters, EARLIER)

    def info(self, event: str, **keys: object) -> None:
        """Say nothing."""

    warning = error = info

    def critical(self, event: str, **keys: object) -> None:
        """Hear of a bug."""
        if not self.is_over:
            self.machine.violations.append(f"R6: {event} {keys}")


@dataclass
class Store:
    """The ledger: the next write fails as armed, and is done all the same if its answer is late."""

    life: Life

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write, or refuse."""
        machine = self.life.machine
        await asyncio.sleep(0)
        if self.life.is_over:
            raise LedgerError("this life is over")
        fault, machine.fault = machine.fault, ""
        if fault != "full":
            machine.ledger.save(records, attempts, [news] if news else ())
        if fault:
            raise LedgerError(fault)


class Service:
    """One cluster, as one life reaches it."""

    certificate_ends: datetime | None = None

    def __init__(self, life: Life, address: str) -> None:
        """Reach the cluster at *address*."""
        self._life = life
        self._machine = life.machine
        self._cluster = life.machine.clusters[address]

    async def repositories(self, *_: object) -> tuple[ObservedRepository, ...]:
        """List what there is when the gate is open."""
        await self._cluster.gate.wait()
        paused, active = RepositoryState.PAUSED, RepositoryState.ACTIVE
        return tuple(
            ObservedRepository(id_, paused if id_ in self._cluster.paused_by else active)
            for id_ in REPOSITORIES
        )

    async def pause(self, id_: str, _windows: object, _keep: object, may_send: MaySend) -> bool:
        """Pause one."""
        if not may_send():
            raise WithheldError(id_)
        records = self._machine.ledger.records()
        names = self._cluster.names
        if not any(r.suspect_pause for r in records if r.key.id == id_ and r.key.cluster in names):
            self._machine.violations.append(f"R3: {id_} was paused without a durable mark")
        await self._travel(id_)
        self._cluster.paused_by.setdefault(id_, "daemon")
        return False

    async def resume(self, id_: str, _windows: object, _keep: object, may_send: MaySend) -> bool:
        """Resume one."""
        if not may_send():
            raise WithheldError(id_)
        machine = self._machine
        if OPENS <= machine.wall - BEGIN < CLOSES:
            machine.violations.append(f"R1: {id_} was resumed in the middle of its window")
        if self._cluster.paused_by.get(id_) == "human":
            machine.violations.append(f"R2: {id_} was resumed, which a person had paused")
        await self._travel(id_)
        self._cluster.paused_by.pop(id_, None)
        return False

    async def _travel(self, id_: str) -> None:
        under_way = self._cluster.under_way
        under_way[id_] += 1
        if under_way[id_] > 1:
            self._machine.violations.append(f"R4: two calls at once on {id_}")
        await asyncio.sleep(0)
        under_way[id_] -= 1
        if self._life.is_over:
            raise WithheldError(id_)

    def warm(self, *_: object) -> None:
        """Do nothing."""

    close = warm


class RenameMachine(RuleBasedStateMachine):
    """The machine."""

    fleet_class: ClassVar[type[OwnFleet]] = OwnFleet
    holdings_class: ClassVar[type[Holdings]] = Holdings

    def __init__(self) -> None:
        """Begin before the window, with nothing paused and all lists answered."""
        super().__init__()
        self.wall, self.uptime = BEGIN, timedelta(hours=1)
        self.name, self.fault = "prod", ""
        self.violations: list[str] = []
        self.ledger = open_ledger(MEMORY, Access.DAEMON)
        self.clusters = {HERE: Cluster(frozenset(NAMES)), THERE: Cluster(frozenset({"spare"}))}
        for cluster in self.clusters.values():
            cluster.gate.set()
        self.life = LOOP.run_until_complete(self._start())

    async def _start(self) -> Life:
        return Life(self)

    def now(self) -> Moment:
        """Read the clocks."""
        return Moment(self.wall, "boot", self.uptime)

    @rule(turns=st.integers(1, 12))
    def run(self, turns: int) -> None:
        """Let the loop go on for some turns."""

        async def go_on() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        LOOP.run_until_complete(go_on())

    @rule()
    def tick(self) -> None:
        """Let the daemon tick and beat, and all passes come to where they wait."""

        async def tick() -> None:
            self.life.fleet.keep_up()
            self.life.fleet.lanes.wake()

        LOOP.run_until_complete(tick())
        self.run(80)

    @rule(minutes=st.integers(1, 30))
    def advance(self, minutes: int) -> None:
        """Let time pass, at whose end a boundary's alarm rings."""

        async def ring() -> None:
            self.life.fleet.lanes.wake(hurry=True)

        self.wall += timedelta(minutes=minutes)
        self.uptime += timedelta(minutes=minutes)
        LOOP.run_until_complete(ring())
        self.run(80)

    @rule(name=st.sampled_from(NAMES), turns=st.integers(0, 12))
    def rename(self, name: str, turns: int) -> None:
        """Reload a file that calls the first cluster so."""

        async def reload() -> None:
            self.life.put_in_force()

        self.name = name
        LOOP.run_until_complete(reload())
        self.run(turns)

    @rule(turns=st.integers(0, 12))
    def rename_there_and_back(self, turns: int) -> None:
        """Reload twice while a list is outstanding, and then let it be answered."""
        gate, before = self.clusters[HERE].gate, self.name
        gate.clear()
        self.tick()
        self.rename(_other(before), turns)
        self.rename(before, turns)
        gate.set()
        self.run(80)

    @rule(fault=st.sampled_from(["full", "late"]), turns=st.integers(0, 12))
    def rename_and_fail(self, fault: str, turns: int) -> None:
        """Take a rename back after a hand-over that failed, or only seems to have."""
        before, self.fault = self.name, fault
        self.rename(_other(before), turns)
        self.rename(before, turns)

    @rule(address=st.sampled_from([HERE, THERE]), is_open=st.booleans())
    def let_lists_wait(self, address: str, *, is_open: bool) -> None:
        """Answer lists no more, or again."""
        gate = self.clusters[address].gate
        (gate.set if is_open else gate.clear)()
        self.run(12)

    @rule(fault=st.sampled_from(["full", "late"]))
    def fail_to_write(self, fault: str) -> None:
        """Let the next write fail, or be done and answered too late."""
        self.fault = fault

    @rule(turns=st.integers(0, 30))
    def kill(self, turns: int) -> None:
        """Kill the daemon some turns from now, and start it again."""
        self.run(turns)
        LOOP.run_until_complete(self._end())
        self.life = LOOP.run_until_complete(self._start())

    async def _end(self) -> None:
        self.life.is_over = True
        tasks = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for cluster in self.clusters.values():
            cluster.under_way.clear()

    @rule(address=st.sampled_from([HERE, THERE]), id_=st.sampled_from(REPOSITORIES))
    def person_resumes(self, address: str, id_: str) -> None:
        """Let a person resume."""
        self.clusters[address].paused_by.pop(id_, None)

    @invariant()
    def nothing_was_violated(self) -> None:
        """All but R5 hold at every moment."""
        if self.violations:
            raise ViolatedError("; ".join(self.violations))

    def teardown(self) -> None:
        """Heal the world, go past the window and every suspicion, and check R5."""
        self.fault = ""
        for cluster in self.clusters.values():
            cluster.gate.set()
        self.tick()
        self.wall = BEGIN + timedelta(hours=2)
        for _ in range(8):
            self.advance(5)
            self.tick()
        LOOP.run_until_complete(self._end())
        left = self.ledger.records()
        self.ledger.close()
        self.nothing_was_violated()
        ours = [id_ for each in self.clusters.values() for id_ in each.paused_by]
        if ours or left:
            raise ViolatedError(f"R5: left paused: {ours}; left in the ledger: {left}")
