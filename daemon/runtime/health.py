"""How the daemon is, for monitoring and for the service manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.config.settings import Settings
from daemon.core.moment import Moment
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import Fleet
from daemon.monitoring.metrics import State
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.reload import ConfigFile
from daemon.runtime.status_line import Status, in_one_line
from daemon.runtime.unreachable import UnreachableClusters
from daemon.windows.timeline import Timeline

STALE = timedelta(seconds=10)
"""How long the main loop may stand still before the daemon counts as unhealthy."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What the daemon goes by, and since when (UTC); `applied` is None after a rejected start."""

    settings: Settings
    timeline: Timeline
    applied: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """The parts of a daemon whose health is asked for, from any thread."""

    clock: Callable[[], Moment]
    fleet: Fleet
    alarms: Alarms
    guard: ClockGuard
    file: ConfigFile
    unreachable: UnreachableClusters
    in_force: Callable[[], InForce]
    lost_lines: Callable[[], int]

    def state(self) -> State:
        """Return what the metrics show."""
        now, in_force = self.clock().wall, self.in_force()
        return State(
            clusters=self.fleet.states(now),
            open_windows=tuple(opening.window for opening in in_force.timeline.covering(now)),
            is_config_good=not self.file.is_rejected,
            config_applied=in_force.applied,
            config_digest=in_force.settings.digest,
            config_differs=self.fleet.differs,
            dropped_lines=self.lost_lines(),
        )

    def problems(self) -> list[str]:
        """Return why somebody should look after this daemon; empty if all is well."""
        problems = self.stalls()
        if self.file.is_rejected:
            problems.append("the file was rejected; the last good configuration is in force")
        too_long = self.fleet.held_since(self.clock().wall - self.in_force().settings.max_pause)
        problems += [f"{key}: held longer than max_pause" for key in too_long]
        return problems + self.fleet.problems()

    def stalls(self) -> list[str]:
        """Return what has stopped within this process, which only a restart repairs."""
        stalls = []
        if self.clock().uptime - self.guard.ticked > STALE:
            stalls.append("the main loop stands still")
        if not self.alarms.is_alive:
            stalls.append("the scheduler has died")
        return stalls

    def status_line(self) -> str:
        """Return what the daemon waits for and until when, for `systemctl status`."""
        now, in_force = self.clock().wall, self.in_force()
        status = Status(
            self.fleet.holds,
            self.fleet.overdue(now),
            (self.unreachable.in_short(), *self.fleet.problems()),
            is_rejected=self.file.is_rejected,
        )
        return in_one_line(status, in_force.timeline, now.astimezone(in_force.settings.timezone))
