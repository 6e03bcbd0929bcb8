"""Many lanes: those with nothing to do are neither woken nor gone through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.fleet.alarms import Alarms
from daemon.fleet.lane import LATEST, Lane, LaneParts
from daemon.fleet.lanes import Lanes, counted
from daemon.passes.holdings import Holdings
from daemon.passes.rules import Rules
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline
from tests.unit.fleet.test_lane import HOLD, RULES, Stage, play, settled
from tests.unit.passes.protocol_world import BEGIN

EMPTY = Rules(Timeline(()), resync=timedelta(seconds=30), max_pause=timedelta(days=1))
PROD = ClusterSettings("prod", ("http://x",))
RETRIED = Attempt(
    cluster="prod",
    repository=None,
    action=Action.LIST,
    windows=(),
    method="GET",
    url="http://x",
    attempt=1,
    status=None,
    outcome=Outcome.RETRY,
    error=CallError.TIMEOUT,
    message="",
    started=BEGIN,
    duration=timedelta(seconds=30),
)


class Bells(Alarms):
    """Alarms that never ring; they keep what they were set to."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Begin with none."""
        super().__init__(clock)
        self.at: dict[str, datetime | None] = {}

    def set(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Keep it."""
        del ring
        self.at[name] = at


class Scene:
    """Lanes by *rules*, and the passes that they made."""

    def __init__(self, rules: Rules) -> None:
        """Put the parts together, on the running loop."""
        self.stage, self.passes = Stage(), 0
        self.bells = Bells(lambda: self.stage.now().wall)
        parts = LaneParts(
            connect=lambda *_: self.stage.service,  # type: ignore[arg-type]
            log=self.stage.log,
            clock=self.stage.now,
            alarms=self.bells,
            rules=lambda: rules,
            before_pass=self.count,
            hand_over=lambda _: None,
        )

        def make(
            settings: ClusterSettings, records: Iterable[Record], lease: Lease | None, _: object
        ) -> Lane:
            return Lane(settings, Holdings(self.stage.book, records), parts, lease)

        self.lanes = Lanes(make)

    async def count(self, name: str) -> None:
        """Count a pass."""
        self.passes += 1
        self.lanes.stir(name)

    async def open(self, *records: Record) -> None:
        """Open a lane, and wait for its first pass."""
        self.lanes.open(PROD, records).start()
        await settled()


def test_an_idle_lane_sleeps_through_beats() -> None:
    """Where nothing is wanted, held or unknown, a beat makes no pass, and nothing may change."""

    async def act() -> None:
        scene = Scene(EMPTY)
        await scene.open()
        settles = [scene.lanes.settle()]
        for _ in range(3):
            scene.lanes.beat(scene.stage.now().wall)
            await settled()
            settles.append(scene.lanes.settle())

        assert scene.passes == 1
        assert settles == [True, False, False, False]

    play(act())


def test_a_lane_that_holds_is_woken_by_each_beat() -> None:
    """Where something is held, a beat makes a pass; its holds are counted all the time."""

    async def act() -> None:
        scene = Scene(RULES)
        await scene.open(HOLD)
        for _ in range(3):
            scene.lanes.settle()
            scene.lanes.beat(scene.stage.now().wall)
            await settled()

        assert scene.passes == 4
        assert [hold.key for hold in scene.lanes.holds()] == [HOLD.key]

    play(act())


def test_what_was_seen_is_counted_by_whoever_has_the_time() -> None:
    """Repositories are counted beside the loop, as they were when somebody looked."""

    async def act() -> None:
        scene = Scene(RULES)
        await scene.open(HOLD)
        now = scene.stage.now().wall

        ((state, view),) = scene.lanes.seen()
        (lane,) = scene.lanes
        lane.controller.tally.view(None).records.clear()  # type: ignore[attr-defined]
        found = counted(state, view, RULES.timeline, now)

        assert (found.name, found.holds, found.wanted, found.pending) == ("prod", 1, 1, 0)

    play(act())


def test_an_idle_lane_that_is_woken_may_have_changed() -> None:
    """A pass that somebody asks for, and a lane that is taken out, are looked at once more."""

    async def act() -> None:
        scene = Scene(EMPTY)
        await scene.open()
        scene.lanes.settle()

        scene.lanes.wake()
        await settled()
        woken = scene.lanes.settle(), scene.lanes.settle()
        scene.lanes.take_out("prod")
        taken = scene.lanes.settle(), scene.lanes.settle()

        assert (woken, taken) == ((True, False), (True, False))

    play(act())


def test_nobody_sleeps_for_ever() -> None:
    """A lane with nothing ahead looks daily: what is too far off to be seen comes nearer."""

    async def act() -> None:
        scene = Scene(EMPTY)
        await scene.open()

        assert scene.bells.at["prod"] == scene.stage.now().wall + LATEST

    play(act())


def test_a_cluster_is_down_from_its_first_failure_on() -> None:
    """While a first look is still made again, it is known whether the cluster answers."""

    async def act() -> None:
        stage = Stage()
        stage.service.gate.clear()
        stage.lane.start()
        await settled()
        before = stage.lane.is_up
        stage.remember(RETRIED)
        during = stage.lane.is_up
        stage.service.gate.set()
        await settled()

        assert (before, during, stage.lane.is_up) == (None, False, True)
        stage.lane.stop()
        await stage.lane.join()

    play(act())
