"""How the daemon is, for monitoring and for the service manager."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from daemon import __version__
from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.core.moment import Moment
from daemon.core.progress import ClusterView, progress, wanted_now
from daemon.core.record import Record
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import Fleet
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import counted
from daemon.fleet.others import Others, OthersView
from daemon.monitoring.metrics import ClusterState, State, WindowState
from daemon.monitoring.page.recent import RecentAttempts
from daemon.monitoring.page.scene import ClusterScene, HistoryScene, Scene
from daemon.monitoring.upcoming import Upcoming
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.reload import ConfigFile
from daemon.runtime.status_line import Status, in_one_line
from daemon.runtime.unreachable import UnreachableClusters
from daemon.windows.overrides import Override, skips
from daemon.windows.timeline import Timeline

T = TypeVar("T")
U = TypeVar("U")

STALE = timedelta(seconds=10)
"""How long the event loop may stand still before the daemon counts as unhealthy."""

ANSWER_WITHIN_S = 1.0
"""How long a reader waits for the event loop to say how things stand."""

ANEW_AFTER = timedelta(seconds=1)
"""How long a page may be made of the same scene."""

NO_ANSWER = "the daemon is too busy to say how things stand"


@dataclass(frozen=True, slots=True)
class InForce:
    """What the daemon goes by, and since when (UTC); `applied` is None after a rejected start.

    `decisions` are those of people.
    """

    settings: Settings
    timeline: Timeline
    applied: datetime | None
    decisions: Sequence[Override]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stood at one moment; frozen, so that any thread may read it.

    `clusters` are not in the `state` yet: see `counted`.
    """

    state: State
    problems: tuple[str, ...]
    stalls: tuple[str, ...]
    now: datetime
    timeline: Timeline
    clusters: tuple[tuple[ClusterState, ClusterView], ...]

    def counted(self) -> State:
        """Return the state with what can be counted of repositories by whoever has the time."""
        found = (counted(*each, self.timeline, self.now) for each in self.clusters)
        return replace(self.state, clusters=tuple(found))


@dataclass(frozen=True, slots=True)
class PageSnapshot:
    """What the page is made of: frozen, and worked out no further than a copy takes.

    `began` is since when the daemon runs; of each cluster it has what is known of its openings,
    and what is shown of it.
    """

    now: datetime
    in_force: InForce
    began: datetime
    clusters: tuple[tuple[ClusterView, ClusterScene], ...]
    problems: tuple[str, ...]
    faults: tuple[str, ...]
    attempts: tuple[Attempt, ...]

    @property
    def history(self) -> tuple[HistoryScene, ...]:
        """What was decided and sent."""
        return (
            *(HistoryScene(each.made, each) for each in self.in_force.decisions),
            *(HistoryScene(each.started, each) for each in self.attempts),
        )

    def doubted(self, doubt: str) -> PageSnapshot:
        """Return the same, all of which may have changed."""
        pairs = ((replace(v, doubt=doubt), replace(c, doubt=doubt)) for v, c in self.clusters)
        return replace(self, clusters=tuple(pairs), problems=(doubt, *self.problems))


@dataclass(frozen=True, slots=True)
class Health:
    """The parts of a daemon whose health is asked for, on the event loop."""

    clock: Callable[[], Moment]
    fleet: Fleet
    alarms: Alarms
    guard: ClockGuard
    file: ConfigFile
    unreachable: UnreachableClusters
    in_force: Callable[[], InForce]
    lost_lines: Callable[[], int]
    recent: RecentAttempts
    began: datetime

    def snapshot(self) -> Snapshot:
        """Return how things stand now."""
        now, in_force = self.clock().wall, self.in_force()
        return Snapshot(
            self._state(now, in_force),
            tuple(self.problems()),
            tuple(self.stalls()),
            now,
            in_force.timeline,
            self.fleet.lanes.seen(),
        )

    def page_snapshot(self) -> PageSnapshot:
        """Return what the page is made of, as of now; how far openings are is not worked out."""
        in_force = self.in_force()
        return PageSnapshot(
            self.clock().wall,
            in_force,
            self.began,
            tuple(map(_seen, self.fleet.lanes)),
            tuple(self._problems_at_once()),
            tuple(self.file.rejected.lines()) if self.file.rejected else (),
            self.recent.attempts,
        )

    def _state(self, now: datetime, in_force: InForce) -> State:
        open_now = {opening.window for opening in in_force.timeline.covering(now)}
        return State(
            clusters=(),
            windows=tuple(
                WindowState(name, name in open_now) for name in in_force.timeline.windows
            ),
            is_config_good=not self.file.is_rejected,
            config_applied=in_force.applied,
            config_digest=in_force.settings.digest,
            config_differs=self.fleet.differs,
            dropped_lines=self.lost_lines(),
        )

    def problems(self) -> list[str]:
        """Return why somebody should look after this daemon; empty if all is well."""
        held = _held_too_long(self.fleet.lanes.holds(), self.in_force(), self.clock().wall)
        return [*self._problems_at_once(), *held]

    def _problems_at_once(self) -> list[str]:
        """Return those for which no hold has to be looked at."""
        problems = self.stalls()
        if self.file.is_rejected:
            problems.append("the file was rejected; the last good configuration is in force")
        return problems + self.fleet.problems()

    def stalls(self) -> list[str]:
        """Return what has stopped within this process, which only a restart repairs."""
        stalls = self.standstill()
        if not self.alarms.is_alive:
            stalls.append("the scheduler has died")
        stalls += [f"{name}: its lane has died" for name in self.fleet.lanes.dead()]
        return stalls

    def standstill(self) -> list[str]:
        """Return that the event loop stands still, if it does.

        Any thread may ask: such a loop could not answer.
        """
        if self.clock().uptime - self.guard.ticked > STALE:
            return ["the main loop has stopped"]
        return []

    def status_line(self) -> str:
        """Return what the daemon waits for and until when, for `systemctl status`."""
        now, in_force = self.clock().wall, self.in_force()
        status = Status(
            self.fleet.holds,
            self.fleet.lanes.overdue(now),
            (self.unreachable.in_short, *self.fleet.problems()),
            is_rejected=self.file.is_rejected,
        )
        return in_one_line(status, in_force.timeline, now.astimezone(in_force.settings.timezone))


def _held_too_long(holds: Iterable[Record], in_force: InForce, now: datetime) -> list[str]:
    oldest = now - in_force.settings.max_pause
    keys = sorted(str(hold.key) for hold in holds if hold.since and hold.since < oldest)
    return [f"{key}: held longer than max_pause" for key in keys]


def _seen(lane: Lane) -> tuple[ClusterView, ClusterScene]:
    # A copy of the records: passes go on while others read it.
    view = lane.view.frozen()
    return view, ClusterScene(
        view.cluster,
        lane.is_up,
        view.unreachable,
        lane.controller.last_contact,
        lane.certificate_ends,
        tuple(view.records.values()),
    )


def _scene(seen: PageSnapshot, timeline: Timeline, others: OthersView | None) -> Scene:
    """Return *seen* with how far openings are by *timeline*, which is that in force.

    What *others* do is in it, too: an opening is for their clusters as well.
    """
    in_force, now = seen.in_force, seen.now
    known = list(seen.clusters)
    holds = (record for _, cluster in known for record in cluster.records if record.is_hold)
    problems = (*seen.problems, *_held_too_long(holds, in_force, now))
    if others:
        named = {c for window in timeline.windows.values() for c, _ in window.targets}
        ours = {view.cluster for view, _ in known}
        known += others.clusters(named | in_force.settings.clusters.keys(), ours)
    # The order of `status`, which has them from the ledger.
    known.sort(key=lambda pair: pair[0].cluster)
    clusters = []
    for view, cluster in known:
        found = wanted_now(timeline, view, now)
        clusters.append(replace(cluster, wanted=found.wanted, pending=found.pending))
    return Scene(
        now=now,
        zone=in_force.settings.timezone,
        path=in_force.settings.path,
        version=__version__,
        host=socket.gethostname(),
        since=seen.began,
        timeline=timeline,
        progress=progress(timeline, (view for view, _ in known), now),
        skips=skips(in_force.decisions),
        clusters=tuple(clusters),
        problems=problems,
        faults=seen.faults,
        ledger=others.ledger if others else None,
        history=others.history(seen.history) if others else seen.history,
    )


class Snapshots:
    """Snapshots for readers on other threads: made when one is asked for, so that none costs idle.

    A loop that is busy for longer than a reader waits lets it have the last one.
    """

    def __init__(self, health: Health, others: Others | None = None) -> None:
        """Ask *health* on the running event loop, and of *others*, if there are any, not there."""
        self._loop = asyncio.get_running_loop()
        self._health = health
        self._others = others
        self._last = health.snapshot()
        self._seen = health.page_snapshot()
        self._timelines: tuple[Timeline, Timeline] | None = None
        self._scene: tuple[timedelta, Scene] | None = None
        self._upcoming = Upcoming()

    def get(self) -> Snapshot:
        """Return how things stand, from any other thread."""
        self._last = self._ask(self._health.snapshot, self._last)
        return self._last

    def scene(self) -> Scene:
        """Return how things stand for the page, from the thread of those who ask.

        How far openings are is worked out there, so that a page costs the loop nothing; by a
        timeline of its own, whose memory the passes do not share. A crowd that reloads costs no
        more than one reader a second.
        """
        uptime = self._health.clock().uptime
        if self._scene is None or uptime - self._scene[0] >= ANEW_AFTER:
            scene, is_known = self._new_scene()
            self._scene = (uptime, scene) if is_known else None
            return scene
        return self._scene[1]

    def _new_scene(self) -> tuple[Scene, bool]:
        """Return how things stand, and whether that is known as of now."""
        # First: a cluster that changes hands meanwhile is in one of both, or in both.
        others = self._others.look() if self._others else None
        seen = self._ask(self._health.page_snapshot, None)
        if seen is None:
            seen = self._seen.doubted(NO_ANSWER)
        else:
            self._seen = seen
        passes = seen.in_force.timeline
        if self._timelines is None or self._timelines[0] is not passes:
            own = Timeline(passes.windows.values(), passes.merge_gap)
            self._timelines = passes, own
        return _scene(seen, self._timelines[1], others), seen is self._seen

    def _ask(self, make: Callable[[], T], last: U) -> T | U:
        async def take() -> T:
            return make()

        made = asyncio.run_coroutine_threadsafe(take(), self._loop)
        try:
            return made.result(ANSWER_WITHIN_S)
        except TimeoutError:
            made.cancel()
            return last

    def state(self) -> State:
        """Return how things stand for monitoring, from the thread of those who ask."""
        found = self.get()
        coming = self._upcoming.at(found.timeline, found.now)
        windows = tuple(
            replace(each, next_open=coming[each.name].start) if each.name in coming else each
            for each in found.state.windows
        )
        return replace(found.counted(), windows=windows)

    def problems(self) -> list[str]:
        """Return why somebody should look after this daemon, from any other thread."""
        return self._health.standstill() or list(self.get().problems)

    def stalls(self) -> list[str]:
        """Return what only a restart repairs, from any other thread."""
        return self._health.standstill() or list(self.get().stalls)
