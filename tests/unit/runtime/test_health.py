"""How the daemon is: what is a problem, and what only a restart repairs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from daemon.core.moment import Moment
from daemon.core.progress import ClusterView
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.errors import ConfigError
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import OwnFleet
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import Lanes
from daemon.monitoring.page.recent import RecentAttempts
from daemon.monitoring.page.scene import ClusterScene, Scene
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.health import NO_ANSWER, STALE, Health, InForce, Snapshots
from daemon.runtime.parts import DaemonParts
from daemon.runtime.reload import ConfigFile
from daemon.runtime.unreachable import UnreachableClusters
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline
from tests.unit.config.config_files import CLUSTERS, read

START = Moment(datetime(2026, 11, 23, 12, tzinfo=UTC), "boot", timedelta(hours=1))
SETTINGS = read(f"{CLUSTERS}windows: {{}}\n")


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    passed: timedelta = field(default_factory=timedelta)

    def __call__(self) -> Moment:
        """Return the moment."""
        return Moment(START.wall + self.passed, START.boot_id, START.uptime + self.passed)


def dead_lane(*_: object) -> Lane:
    """Return a lane that ended without being told to; no daemon here has one from the start."""
    return cast("Lane", SimpleNamespace(has_died=True, controller=SimpleNamespace(holds=())))


LOOP = asyncio.new_event_loop()


async def stop(alarms: Alarms) -> None:
    """Stop them, which the library does in the loop's next turn."""
    alarms.stop()
    await asyncio.sleep(0)


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    """Return alarms that ring."""
    alarms = Alarms(lambda: START.wall)

    async def start() -> None:
        alarms.start()

    LOOP.run_until_complete(start())
    yield alarms
    if alarms.is_alive:
        LOOP.run_until_complete(stop(alarms))


@pytest.fixture
def health_at(alarms: Alarms, tmp_path: Path) -> Callable[..., Health]:
    """Return a way to look at a daemon without clusters, whose file may be rejected."""

    def health(clock: Clock, rejected: ConfigError | None = None) -> Health:
        parts = DaemonParts(SETTINGS, tmp_path / "f.yaml", tmp_path, (), {}, rejected=rejected)
        return Health(
            clock=clock,
            fleet=OwnFleet(Lanes(dead_lane), ()),
            alarms=alarms,
            guard=ClockGuard(clock()),
            file=ConfigFile(parts, {}),
            unreachable=UnreachableClusters(),
            in_force=lambda: InForce(SETTINGS, Timeline(()), START.wall, ()),
            lost_lines=lambda: 3,
            recent=RecentAttempts(),
            began=START.wall,
        )

    return health


def test_a_daemon_that_runs_has_no_problems(health_at: Callable[..., Health]) -> None:
    """All is well while the loop ticks and the alarms ring; the metrics show what is in force."""
    health = health_at(Clock())

    state = health.snapshot().state

    assert (health.problems(), health.stalls()) == ([], [])
    assert state.is_config_good
    assert (state.config_applied, state.config_digest) == (START.wall, SETTINGS.digest)
    assert state.dropped_lines == 3
    assert health.status_line() == "no window open; no opening ahead; 0 held"


def test_what_a_page_is_made_of_asks_nothing_of_the_timeline(
    health_at: Callable[..., Health],
) -> None:
    """How far openings are, and what comes, is worked out by whoever shows it, not by the loop."""
    health = health_at(Clock())
    unasked = cast("Timeline", SimpleNamespace())
    in_force = InForce(SETTINGS, unasked, START.wall, ())

    seen = replace(health, in_force=lambda: in_force).page_snapshot()

    assert (seen.now, seen.in_force) == (START.wall, in_force)


def test_a_rejected_file_is_a_problem(health_at: Callable[..., Health]) -> None:
    """Somebody has to look after a rejected file, but no restart repairs it."""
    health = health_at(Clock(), ConfigError("f.yaml", ()))

    assert health.problems() == ["the file was rejected; the last good configuration is in force"]
    assert health.stalls() == []
    assert not health.snapshot().state.is_config_good
    assert "the file was REJECTED" in health.status_line()


def test_a_loop_that_stands_still_is_a_stall(health_at: Callable[..., Health]) -> None:
    """A main loop that has not looked at the clock for too long is a problem and a stall."""
    clock = Clock()
    health = health_at(clock)

    clock.passed = STALE + timedelta(seconds=1)

    assert health.stalls() == ["the main loop has stopped"]
    assert health.problems() == health.stalls()


def test_a_scheduler_that_ended_is_a_stall(
    health_at: Callable[..., Health], alarms: Alarms
) -> None:
    """Without alarms nothing rings at a boundary, which only a restart repairs."""
    health = health_at(Clock())

    LOOP.run_until_complete(stop(alarms))

    assert health.stalls() == ["the scheduler has died"]


def test_a_lane_that_died_is_a_stall(health_at: Callable[..., Health]) -> None:
    """A cluster that is no longer spoken to is named, and only a restart repairs it."""
    health = health_at(Clock())

    health.fleet.lanes.open(ClusterSettings("prod", ("http://x",)), ())

    assert health.stalls() == ["prod: its lane has died"]
    assert health.problems() == health.stalls()


def test_a_loop_that_stands_still_is_told_to_readers(health_at: Callable[..., Health]) -> None:
    """Whoever monitors hears of it although the loop cannot answer, and not how all was before."""
    clock = Clock()

    async def made() -> Snapshots:
        return Snapshots(health_at(clock))

    snapshots = LOOP.run_until_complete(made())

    clock.passed = STALE + timedelta(seconds=1)

    assert snapshots.problems() == ["the main loop has stopped"]
    assert snapshots.stalls() == snapshots.problems()


def test_a_page_of_a_loop_that_does_not_answer_is_in_doubt(
    health_at: Callable[..., Health],
) -> None:
    """What was known before is shown, and that it may have changed: nobody may start by it."""

    async def made() -> Snapshots:
        return Snapshots(health_at(Clock()))

    scene = LOOP.run_until_complete(made()).scene()

    assert scene.problems == (NO_ANSWER,)
    assert scene.now == START.wall


def test_what_may_have_changed_is_pending(health_at: Callable[..., Health]) -> None:
    """Each cluster is in doubt, for how far openings are and for what is shown of it."""
    seen = health_at(Clock()).page_snapshot()
    known = ClusterView("prod"), ClusterScene("prod", True, None, None, None, ())

    ((view, cluster),) = replace(seen, clusters=(known,)).doubted("busy").clusters

    assert (view.doubt, cluster.doubt) == ("busy", "busy")


class Watched(Lanes):
    """Lanes that count how often somebody looks through all holds, of which there are thousands."""

    looks = 0

    def holds(self) -> Iterator[Record]:
        """Count it."""
        self.looks += 1
        return super().holds()


def test_a_page_costs_the_loop_no_look_at_any_hold(health_at: Callable[..., Health]) -> None:
    """What was held for too long is found by the thread that makes the page, and is on it."""
    start = START.wall - SETTINGS.max_pause - timedelta(seconds=1)
    old = Record(RepositoryKey("prod", "orders"), Phase.PAUSED, since=start)
    lane = SimpleNamespace(
        has_died=False,
        view=ClusterView("prod", records={"orders": old}),
        is_up=True,
        certificate_ends=None,
        controller=SimpleNamespace(last_contact=None, holds=(old,), owed=0),
    )
    lanes = Watched(lambda *_: cast("Lane", lane))
    lanes.open(ClusterSettings("prod", ("http://x",)), ())
    health = replace(health_at(Clock()), fleet=OwnFleet(lanes, ()))

    async def shown() -> tuple[Scene, int]:
        snapshots = Snapshots(health)
        # What monitoring looks through at each scrape does not count.
        lanes.looks = 0
        return await asyncio.to_thread(snapshots.scene), lanes.looks

    scene, looks = LOOP.run_until_complete(shown())

    assert looks == 0
    assert scene.problems == ("prod/orders: held longer than max_pause",)


def test_a_crowd_costs_the_loop_no_more_than_one_reader(health_at: Callable[..., Health]) -> None:
    """Whoever reloads all the time is shown what there was less than a second ago."""
    clock = Clock()
    looks = []

    def in_force() -> InForce:
        looks.append(clock.passed)
        return InForce(SETTINGS, Timeline(()), START.wall, ())

    async def shown() -> Scene:
        snapshots = Snapshots(replace(health_at(clock), in_force=in_force))
        looks.clear()
        for _ in range(50):
            await asyncio.to_thread(snapshots.scene)
        clock.passed = timedelta(seconds=1)
        return await asyncio.to_thread(snapshots.scene)

    scene = LOOP.run_until_complete(shown())

    assert looks == [timedelta(0), timedelta(seconds=1)]
    assert scene.now == START.wall + timedelta(seconds=1)
