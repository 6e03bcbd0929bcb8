"""The lane of a cluster: what a bug in a pass does to it, renames, and its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from daemon.core.attempt import Action, Attempt
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryKey, RepositoryState
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.fleet.alarms import Alarms
from daemon.fleet.lane import AFTER_A_BUG, Lane, LaneParts, warm_before
from daemon.fleet.lanes import Lanes
from daemon.passes.holdings import Holdings
from daemon.passes.rules import Rules
from daemon.service.client import BackupService, KeepTrying
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline
from tests.unit.passes.protocol_machine import once
from tests.unit.passes.protocol_world import BEGIN

RULES = Rules(
    Timeline((once("night", 10, 40),)), resync=timedelta(seconds=30), max_pause=timedelta(days=1)
)
HOLD = Record(
    RepositoryKey("prod", "orders"),
    Phase.PAUSED,
    reached="http://x",
    windows=("night",),
    until=BEGIN + timedelta(minutes=40),
)
SECOND = timedelta(seconds=1)
PATIENCE_S = 10.0


@dataclass
class Log:
    """Keeps the events that are more than news."""

    errors: list[str] = field(default_factory=list)

    def info(self, event: str, **keys: object) -> None:
        """Keep nothing."""

    warning = info

    def error(self, event: str, **_keys: object) -> None:
        """Keep it."""
        self.errors.append(event)

    critical = error


@dataclass
class Book:
    """A ledger that keeps what each save wrote, unless it is full."""

    saves: list[dict[str, Record]] = field(default_factory=list)
    is_full: bool = False

    async def save(
        self,
        records: Iterable[Record],
        _attempts: Iterable[Attempt] = (),
        _news: News | None = None,
    ) -> None:
        """Write it."""
        if self.is_full:
            raise LedgerError("the disk is full")
        self.saves.append({str(record.key): record for record in records})


@dataclass
class Service:
    """A cluster with one repository, paused; lists it when the gate is open, or meets a bug."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    bug: Exception | None = None
    looks: int = 0
    is_closed: bool = False
    certificate_ends: datetime | None = None

    async def repositories(
        self, _windows: tuple[str, ...], _trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List it."""
        self.looks += 1
        await self.gate.wait()
        if self.bug:
            raise self.bug
        return (ObservedRepository("orders", RepositoryState.PAUSED),)

    def warm(self, *_calls: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


async def nothing(_name: str) -> None:
    """Do nothing before a pass."""


class Stage:
    """A lane that holds one repository, on a clock that stands, fifteen minutes into a night."""

    def __init__(self) -> None:
        """Put the parts together, on the running loop."""
        self.uptime = timedelta(hours=1)
        self.log, self.book, self.service = Log(), Book(), Service()
        self.service.gate.set()
        self.handed: list[Record] = []
        self.holdings = Holdings(self.book, [HOLD])
        parts = LaneParts(
            connect=self.connect,
            log=self.log,
            clock=self.now,
            alarms=Alarms(lambda: self.now().wall),
            rules=lambda: RULES,
            before_pass=nothing,
            hand_over=self.handed.extend,
        )
        self.lane = Lane(ClusterSettings("prod", ("http://x",)), self.holdings, parts)

    def connect(
        self, _settings: ClusterSettings, remember: Callable[[Attempt], None]
    ) -> BackupService:
        """Return the service; a test says by `remember` which requests it was sent."""
        self.remember = remember
        return cast("BackupService", self.service)

    def now(self) -> Moment:
        """Return the moment."""
        return Moment(BEGIN + timedelta(minutes=15), "boot", self.uptime)


async def settled() -> None:
    """Let everything on the loop come to where it waits; nothing here waits for anything else."""
    for _ in range(50):
        await asyncio.sleep(0)


def play(act: Coroutine[Any, Any, None]) -> None:
    """Run a test on a loop of its own."""
    asyncio.run(act)


def test_a_bug_is_logged_once_and_the_lane_rests() -> None:
    """After a bug no pass is made for 30 s, whoever wakes the lane; then it goes on."""

    async def act() -> None:
        stage = Stage()
        stage.service.bug = LookupError()
        stage.lane.start()
        await settled()
        for wakes in range(20):
            stage.lane.wake(hurry=wakes % 2 == 0)
            await settled()
        stage.uptime += AFTER_A_BUG - SECOND
        stage.lane.wake(hurry=True)
        await settled()
        assert (stage.service.looks, stage.log.errors) == (1, ["pass.crashed"])

        stage.uptime += SECOND
        stage.service.bug = None
        stage.lane.wake(hurry=True)
        await settled()

        assert (stage.service.looks, stage.log.errors) == (2, ["pass.crashed"])
        assert not stage.lane.has_died
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_a_stop_ends_a_rest() -> None:
    """Who stops does not wait for the rest after a bug, and no pass is made any more."""

    async def act() -> None:
        stage = Stage()
        stage.service.bug = LookupError()
        stage.lane.start()
        await settled()
        stage.lane.stop()
        await asyncio.wait_for(stage.lane.join(), PATIENCE_S)

        assert stage.lane.has_ended
        assert not stage.lane.has_died
        assert (stage.service.looks, stage.service.is_closed) == (1, True)

    play(act())


def test_a_hand_over_moves_the_records() -> None:
    """Once the pass under way has ended, all that is held goes on under the new name.

    The ledger learns it in one transaction, and no further pass looks at the cluster.
    """

    async def act() -> None:
        stage = Stage()
        stage.service.gate.clear()
        stage.lane.start()
        await settled()
        stage.lane.hand_over_to("new")
        await settled()
        assert stage.handed == []

        stage.service.gate.set()
        await settled()
        stage.lane.wake()
        await settled()

        (moved,) = stage.handed
        assert (moved.key, moved.phase) == (RepositoryKey("new", "orders"), Phase.PAUSED)
        assert stage.book.saves[-1] == {"prod/orders": Record(HOLD.key), "new/orders": moved}
        assert (stage.service.looks, stage.lane.controller.is_needed) == (1, False)
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_a_hand_over_leaves_nothing_unwritten() -> None:
    """What the ledger had not taken before is written, too: the old name makes no more passes."""

    async def act() -> None:
        stage = Stage()
        gone = replace(HOLD, key=RepositoryKey("prod", "gone"))
        stage.holdings.note(gone)
        stage.holdings.note(gone.released())
        stage.lane.hand_over_to("new")
        stage.lane.start()
        await settled()

        written = {key: record for save in stage.book.saves for key, record in save.items()}
        assert written["prod/gone"].is_spent
        assert not stage.lane.is_needed
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_a_rename_that_is_taken_back_keeps_what_is_held() -> None:
    """If the name comes back before the records have moved, the lane keeps them and goes on."""

    async def act() -> None:
        stage = Stage()
        stage.service.gate.clear()
        stage.lane.start()
        await settled()
        stage.lane.hand_over_to("new")
        stage.lane.hand_over_to(None)
        stage.service.gate.set()
        await settled()

        assert (stage.handed, stage.service.looks) == ([], 2)
        assert [hold.key for hold in stage.lane.controller.holds] == [HOLD.key]
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_what_the_ledger_does_not_take_is_not_handed_over() -> None:
    """While the ledger refuses, the records stay where they are: also for a name that comes back.

    Nobody else may go on from what the ledger does not know.
    """

    async def act() -> None:
        stage = Stage()
        stage.book.is_full = True
        stage.lane.hand_over_to("new")
        stage.lane.start()
        await settled()

        assert (stage.handed, stage.log.errors) == ([], ["ledger.failed"])
        assert stage.holdings.records() == [HOLD]
        stage.book.is_full = False
        stage.lane.wake()
        await settled()
        assert [record.key.cluster for record in stage.handed] == ["new"]
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_what_is_adopted_during_a_pass_is_not_overwritten() -> None:
    """A hold that comes while the pass decides is kept, though the pass saw it as another's."""

    async def act() -> None:
        stage = Stage()
        held = [replace(HOLD, key=RepositoryKey("prod", f"r{n:03}")) for n in range(300)]
        listed = tuple(ObservedRepository(r.key.id, RepositoryState.PAUSED) for r in held)

        async def repositories(*_: object) -> tuple[ObservedRepository, ...]:
            # It comes when the pass gives way for the first time.
            asyncio.get_running_loop().call_soon(stage.lane.adopt, held)
            return listed

        stage.service.repositories = repositories  # type: ignore[method-assign, assignment]
        stage.lane.start()
        await settled()
        stage.lane.stop()
        await stage.lane.join()

        assert {record.key for record in held} <= {each.key for each in stage.holdings.holds()}

    play(act())


def test_hundreds_of_clusters_are_not_warmed_at_once() -> None:
    """Connections are made ready 1 to 6 s before a boundary, about as many in each second."""
    times = [warm_before(f"cluster-{number}") for number in range(500)]

    in_a_second = Counter(time // SECOND for time in times)

    assert set(in_a_second) == set(range(1, 6))
    assert max(in_a_second.values()) < 150


def test_a_suspicion_is_confirmed_when_it_is_recorded() -> None:
    """Who told of a late call hears that the ledger has it, once, and not before."""

    async def act() -> None:
        stage = Stage()
        confirmed: list[str] = []
        stage.book.is_full = True
        stage.lane.start()
        for id_ in ("orders", "archive"):
            stage.lane.suspect(id_, Action.PAUSE, partial(confirmed.append, id_))
        await settled()
        assert confirmed == []

        stage.book.is_full = False
        for _ in range(2):
            stage.lane.wake()
            await settled()

        assert confirmed == ["orders", "archive"]
        written = {key: record for save in stage.book.saves for key, record in save.items()}
        assert written["prod/archive"].suspect_pause
        stage.lane.stop()
        await stage.lane.join()

    play(act())


def test_a_lane_that_dies_is_seen() -> None:
    """A lane that ends by what even its net does not hold has died, unlike one that was stopped."""

    async def act() -> None:
        stage = Stage()

        def fail(*_: object, **__: object) -> None:
            raise LookupError

        stage.service.bug = LookupError()
        stage.log.critical = fail  # type: ignore[method-assign]  # the line about the bug fails, too
        lanes = Lanes(lambda *_: stage.lane)
        lanes.open(stage.lane.settings, ())
        stage.lane.start()
        before = lanes.dead()
        await settled()

        assert (before, lanes.dead()) == ([], ["prod"])
        assert stage.lane._task
        assert isinstance(stage.lane._task.exception(), LookupError)

    play(act())
