"""The daemon: its loop, what it does when the file changes, and how it stops."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon import __version__
from daemon.config.file_watch import Content
from daemon.config.settings import Settings, difference
from daemon.core.moment import Moment
from daemon.errors import ConfigError, HostError, LedgerError
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import Fleet, OwnFleet
from daemon.fleet.lane import Connect, LaneParts
from daemon.fleet.lanes import Lanes, lane_maker
from daemon.fleet.shared_fleet import SharedFleet
from daemon.host.signals import Signals
from daemon.host.thread import WorkerThread
from daemon.log import events
from daemon.log.events import Level
from daemon.log.interface import Log
from daemon.log.tee import TeeLog
from daemon.monitoring.monitor import Monitor
from daemon.notify.notifier import Notifier
from daemon.notify.queues import Sender
from daemon.passes.rules import Rules
from daemon.runtime.announcer import Announcer
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.cluster_watch import ClusterWatch
from daemon.runtime.forgetting import Forgetting
from daemon.runtime.health import Health, InForce, Snapshots
from daemon.runtime.ledger_notes import Notes
from daemon.runtime.parts import DaemonParts, HostParts
from daemon.runtime.reload import ConfigFile, warn
from daemon.runtime.rules import LookAhead, rules_at
from daemon.service.cluster import by_all_names
from daemon.windows.overrides import Override

TICK = timedelta(milliseconds=500)
POLL_EVERY = timedelta(seconds=1)
STOP_WITHIN = timedelta(seconds=10)
NOTIFY_WITHIN = timedelta(seconds=3)
NOTE_WITHIN = timedelta(seconds=1)


class Daemon:
    """Runs until a signal; all of it is on one event loop, and decides by immutable values."""

    def __init__(
        self,
        parts: DaemonParts,
        notes: Callable[[Log], Notes],
        connect: Connect,
        host: HostParts,
        signals: Signals,
    ) -> None:
        """Prepare everything on the running event loop; nothing is sent before `run`."""
        self._parts = parts
        self._signals = signals
        self._clock = host.clock
        self._manager = host.manager
        self._notifier = Notifier(
            Sender(host.delivery.deliver, host.log, host.metrics.notified),
            lambda: host.clock().wall,
            lambda window: self._rules.timeline.clusters_of(window),  # noqa: PLW0108  # changes
        )
        self._log = TeeLog(host.log, host.metrics, self._notifier)
        self._notes = notes(self._log)
        self._file = ConfigFile(parts, host.environ)
        self._reading = WorkerThread("config")
        self._planning = WorkerThread("rules")
        self._ahead = LookAhead(self._planning)
        self._settings = parts.settings
        self._applied: datetime | None = None
        self._earlier = parts.earlier
        self._overrides = parts.overrides
        self._may_pause = True
        self._rules = self._rules_of(parts.settings, parts.overrides, may_pause=True)
        self._alarms = Alarms(lambda: host.clock().wall)
        self._lane_parts = LaneParts(
            connect,
            self._log,
            host.clock,
            self._alarms,
            lambda: self._rules,
            self._before_pass,
            lambda records: self._fleet.adopt(records, self._earlier),
            lambda name: self._fleet.lanes.is_expecting(name),  # noqa: PLW0108  # is to come
        )
        self._fleet = self._make_fleet(parts)
        self._clusters = ClusterWatch(
            self._fleet.lanes,
            self._log,
            lambda changes: self._note(lambda: self._notes.unreachable(changes)),
        )
        self._forgetting = Forgetting(self._notes, host.clock)
        self._announcer = Announcer(self._log, host.clock().wall)
        self._guard = ClockGuard(host.clock())
        self._health = self._make_health(host)
        self._monitor = self._make_monitor(host)
        self._changing = asyncio.Lock()
        self._errands: dict[str, asyncio.Task[None]] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self._polled = timedelta(0)
        self._status = ""
        self._watchdog_fed = timedelta(0)

    def _make_fleet(self, parts: DaemonParts) -> Fleet:
        lanes = Lanes(lane_maker(self._notes.store, self._lane_parts))
        if parts.membership is None:
            return OwnFleet(lanes, parts.records, parts.listings)
        return SharedFleet(lanes, parts.membership, self._clock, self._signals.wake)

    def _make_health(self, host: HostParts) -> Health:
        return Health(
            clock=host.clock,
            fleet=self._fleet,
            alarms=self._alarms,
            guard=self._guard,
            file=self._file,
            unreachable=self._clusters.unreachable,
            in_force=lambda: InForce(
                self._settings, self._rules.timeline, self._applied, self._overrides
            ),
            lost_lines=host.lost_lines,
            recent=host.recent,
            began=host.clock().wall,
        )

    def _make_monitor(self, host: HostParts) -> Monitor:
        snapshots, loop = Snapshots(self._health, host.others), asyncio.get_running_loop()

        def on_bug(exc: Exception) -> None:
            loop.call_soon_threadsafe(self._log_bug, loop, {"exception": exc})

        return Monitor(host.metrics, snapshots, on_bug)

    async def run(self) -> None:
        """Run until a signal says stop.

        1. Log what is in force, and store it as the last good configuration.
        2. Start the passes, a lane for each cluster, and report to the service manager.
        3. Until told to stop: notice a stepped clock, a changed file, an opening or its end.
        4. Start nothing new, wait for calls in flight; holds stay for the next start.
        """
        asyncio.get_running_loop().set_exception_handler(self._log_bug)
        await self._begin()
        self._monitor.is_ready = True
        while not self._signals.stop:
            self._tick()
            await self._signals.wait(TICK)
        await self._end(self._signals.stop)

    async def _begin(self) -> None:
        settings = self._settings
        # First, since an address that is taken ends the start: nothing may have been sent by then.
        self._monitor.listen(settings.listen)
        # Before the first line of the log, which targets may ask for.
        self._aim(settings)
        if loss := self._parts.loss:
            # Logged when the ledger was opened, before there was anybody to tell.
            self._log.tell(events.LEDGER_REPLACED, Level.CRITICAL, loss.shown())
        self._log.info(
            events.DAEMON_STARTED,
            version=__version__,
            pid=os.getpid(),
            config=settings.path,
            clusters=len(settings.clusters),
            windows=len(settings.windows),
        )
        if self._parts.rejected:
            self._log_rejected(self._parts.rejected)
            warn(self._log, settings)
        else:
            # Waited for, so that no line of a pass comes before it.
            await self._apply(settings, before=None)
        # Before the lanes, whose passes set alarms.
        self._alarms.start()
        self._fleet.prepare(settings)
        self._fleet.assign(settings.clusters, self._earlier)
        # After the lanes: what has none by now belongs to a cluster that nobody can reach.
        for name in sorted({record.key.cluster for record in self._fleet.waiting}):
            self._log.error(events.CLUSTER_UNKNOWN, cluster=name, holds=self._fleet.holds)
        self._alarms.beat(settings.resync, self._beat)
        self._manager.ready(self._health.status_line())

    def _tick(self) -> None:
        now = self._clock()
        # First: after a step of the clock, everything below is judged by a new time.
        self._guard_clock(now)
        # Before people's decisions: it learns whether the clock may be trusted.
        self._fleet.keep_up()
        self._errand("overrides", self._look_for_overrides)
        if self._signals.reload:
            self._errand("file", self._reload_on_request)
        if now.uptime - self._polled >= POLL_EVERY:
            self._polled = now.uptime
            self._poll(now)
        # Last, so that what has just changed is announced in the same tick.
        self._errand("announce", self._announce)

    def _poll(self, now: Moment) -> None:
        self._errand("file", self._reload_if_changed)
        self._follow_runs(now)
        self._clusters.look(now.wall)
        if self._ahead.is_due(now):
            timeline = self._rules.timeline
            self._errand("ahead", lambda: self._ahead.look(timeline, now))
        if self._forgetting.is_due(now):
            keep = self._settings.keep_history
            self._errand("forget", lambda: self._forgetting.forget(keep))
        # Last: the status names what was found above.
        self._report(now)

    def _errand(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something that waits for a disk or a thread beside the loop, one of a name at once."""
        task = self._errands.get(name)
        if task is None or task.done():
            self._errands[name] = asyncio.create_task(make(), name=name)

    def _guard_clock(self, now: Moment) -> None:
        """Make passes at once after a step of the clock, or a sleep that no alarm rang through."""
        stepped = self._guard.look(now, self._settings.resync)
        if stepped is None:
            return
        if stepped:
            self._log.warning(events.CLOCK_STEPPED, by_s=round(stepped.total_seconds(), 3))
        self._alarms.beat(self._settings.resync, self._beat)
        self._fleet.lanes.wake(hurry=True)

    def _beat(self) -> None:
        now = self._clock()
        self._guard.beat(now)
        self._fleet.lanes.beat(now.wall)

    async def _before_pass(self, cluster: str) -> None:
        self._fleet.lanes.stir(cluster)
        await self._announce()

    async def _announce(self) -> None:
        now, lanes = self._clock().wall, self._fleet.lanes
        await self._announcer.announce(self._rules.timeline, now, lanes)
        self._announcer.settle(now, lanes)

    def _aim(self, settings: Settings) -> None:
        self._notifier.aim(() if self._parts.dry_run else settings.notify)

    def _follow_runs(self, now: Moment) -> None:
        """Notify targets that follow openings which of them began, or ended with nothing held."""
        if self._notifier.follows_openings:
            covering = {each.id: each for each in self._rules.timeline.covering(now.wall)}
            self._notifier.follow(covering, self._fleet.openings)

    # The file

    async def _reload_on_request(self) -> None:
        self._signals.reload = False
        await self._reload(await self._reading.run(self._file.read))

    async def _reload_if_changed(self) -> None:
        content = await self._reading.run(self._file.poll)
        if content:
            await self._reload(content)

    async def _reload(self, content: Content) -> None:
        """Put *content* in force, or keep what is in force and log why."""
        self._manager.reloading()
        try:
            # Not under the lock: parsing takes seconds, and people's decisions should not wait.
            settings = await self._reading.run(lambda: self._file.parse(content))
            async with self._changing:
                self._put_in_force(settings, await self._plan(settings))
        except ConfigError as exc:
            self._log_rejected(exc)
        finally:
            if not self._signals.stop:
                self._manager.ready(self._health.status_line())

    async def _plan(self, settings: Settings) -> Rules:
        """Return the rules of *settings*, with what is decided now."""
        decisions, may_pause = self._overrides, self._may_pause
        return await self._planning.run(
            lambda: self._rules_of(settings, decisions, may_pause=may_pause)
        )

    def _put_in_force(self, settings: Settings, rules: Rules) -> None:
        before, self._settings = self._settings, settings
        self._forgetting.hasten()
        self._earlier = {**self._earlier, **by_all_names(before.clusters.values())}
        # Before anything is logged: new targets learn of this configuration's warnings.
        self._aim(settings)
        # Before the rules: by the new ones a renamed cluster's old lane would resume its holds.
        self._fleet.prepare(settings)
        self._rules = rules
        self._note(lambda: self._apply(settings, before))
        self._listen(settings)
        self._alarms.beat(settings.resync, self._beat)
        # Last: it wakes every lane, and their passes need the new rules.
        self._fleet.assign(settings.clusters, self._earlier)

    async def _apply(self, settings: Settings, before: Settings | None) -> None:
        """Store what is in force, then say so: it must be there after a power cut."""
        self._applied, is_known = datetime.now(UTC), self._file.is_known
        await self._notes.applied(settings.applied(self._applied))
        changes = difference(before, settings)
        if not is_known or any(changes.values()):
            self._log.info(events.CONFIG_APPLIED, path=settings.path, **changes)
        warn(self._log, settings, before.warnings if before else ())

    def _log_rejected(self, exc: ConfigError) -> None:
        faults = exc.lines()
        self._note(lambda: self._notes.read_with(faults))
        if not self._file.is_known:
            self._log.error(events.CONFIG_REJECTED, path=exc.file, faults=faults)

    def _note(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Note something beside the loop; the ledger's thread keeps the order."""
        task = asyncio.create_task(make())
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    def _listen(self, settings: Settings) -> None:
        """Serve at the new address; if it is taken, keep the old one."""
        try:
            self._monitor.listen(settings.listen)
        except HostError as exc:
            self._log.warning(events.CONFIG_WARNED, path=settings.path, warning=str(exc))

    # Decisions

    async def _look_for_overrides(self) -> None:
        """Put in force what people decided by `open`, `close`, `extend` and `skip`."""
        try:
            found = await self._notes.overrides(len(self._overrides))
        except LedgerError:
            # The passes write all the time, and log what is wrong with the ledger.
            return
        may_pause = self._fleet.may_pause
        if found is None and may_pause == self._may_pause:
            return
        async with self._changing:
            decisions = self._overrides if found is None else found
            new = decisions[len(self._overrides) :]
            self._overrides, self._may_pause = decisions, may_pause
            self._rules = await self._plan(self._settings)
        for override in new:
            self._log.info(events.WINDOW_CHANGED, **override.shown())
        self._fleet.lanes.wake(hurry=True)

    # The clusters

    def _rules_of(
        self, settings: Settings, decisions: Iterable[Override], *, may_pause: bool
    ) -> Rules:
        return rules_at(self._clock().wall, settings, decisions, self._parts, may_pause=may_pause)

    def _report(self, now: Moment) -> None:
        status = self._health.status_line()
        if status != self._status:
            self._status = status
            self._manager.status(status)
        interval = self._manager.watchdog_interval
        if interval and now.uptime - self._watchdog_fed >= interval and self._alarms.is_alive:
            self._watchdog_fed = now.uptime
            self._manager.watchdog()

    def _log_bug(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what nobody waited for: a bug of ours, which ends nothing else."""
        exc = context.get("exception") or RuntimeError(str(context.get("message")))
        self._log.critical(events.PASS_CRASHED, cluster=None, exc_info=exc)

    async def _end(self, signal_name: str) -> None:
        self._log.info(events.DAEMON_STOPPING, signal=signal_name)
        self._manager.stopping()
        self._monitor.is_ready = False
        self._alarms.stop()
        self._file.stop()
        for name in ("file", "overrides"):
            if name in self._errands:
                self._errands[name].cancel()
        self._announcer.settle(self._clock().wall, self._fleet.lanes, is_last=True)
        await self._fleet.stop(STOP_WITHIN)
        last = {*self._noting, *self._errands.values()}
        if last:
            await asyncio.wait(last, timeout=NOTE_WITHIN.total_seconds())
        self._monitor.close()
        owed = self._fleet.lanes.owed()
        self._log.info(events.DAEMON_STOPPED, holds=self._fleet.holds, owed=owed)
        # After the last line, which targets may ask for.
        self._notifier.close(NOTIFY_WITHIN)
