"""The daemon: when to make which pass, when to read the file again, how to stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue

from daemon import __version__
from daemon.config.days.attachments import Attachments
from daemon.config.earlier import Reader
from daemon.config.file_watch import Content, Watch
from daemon.config.settings import Settings, difference
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.errors import ConfigError, HostError, LedgerError
from daemon.fleet.alarms import Alarms
from daemon.fleet.fleet import Fleet
from daemon.fleet.shared_fleet import SharedFleet
from daemon.fleet.worker import Connect, Equipment, Worker
from daemon.host.signals import Flags
from daemon.ledger.ledger import DamagedError
from daemon.ledger.state import AppliedConfig
from daemon.log import log
from daemon.log.tee import SharedLog
from daemon.monitoring.metrics import State
from daemon.monitoring.monitor import Monitor
from daemon.notify.notifier import Notifier
from daemon.notify.queues import Sender
from daemon.passes.controller import Rules
from daemon.passes.holdings import Holdings
from daemon.runtime.announcer import Announcer
from daemon.runtime.certificates import CertificateWatch
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.courtesy import giving_way
from daemon.runtime.parts import DaemonLedger, DaemonParts, HostParts
from daemon.runtime.status_line import Status, in_one_line
from daemon.runtime.unreachable import UnreachableClusters
from daemon.service.cluster import ClusterSettings
from daemon.windows import overrides
from daemon.windows.timeline import Timeline

TICK = timedelta(milliseconds=250)
POLL_EVERY = timedelta(seconds=1)
STOP_WITHIN = timedelta(seconds=10)
NOTIFY_WITHIN = timedelta(seconds=3)
FORGET_MOST = 1000
"""How many old attempts are deleted at once: no pass should wait long for that."""

STALE = timedelta(seconds=10)
"""How long the main loop may stand still before that is called ill health."""


class Daemon:
    """Runs until a signal; everything it decides with is swapped whole, never changed in place."""

    def __init__(
        self, start: DaemonParts, ledger: DaemonLedger, connect: Connect, host: HostParts
    ) -> None:
        """Prepare everything; nothing is sent and no thread begins before `run`."""
        self._start = start
        self._ledger = ledger
        self._may_pause = True
        self._wake: Callable[[], None] = lambda: None
        self._notifier = Notifier(
            Sender(host.deliver, host.log, host.metrics.notified),
            lambda: host.clock().wall,
            lambda window: self._rules.timeline.clusters_of(window),  # noqa: PLW0108  # changes
        )
        self._log = SharedLog(host.log, host.metrics, self._notifier)
        self._lost = host.lost
        self._clock = host.clock
        self._manager = host.manager
        self._reader = Reader(start.settings.path, start.folder, host.environ)
        self._settings = start.settings
        self._overrides = start.overrides
        self._earlier = start.earlier
        self._rules = self._rules_of(start.settings)
        self._alarms = Alarms()
        self._handed_over: SimpleQueue[list[Record]] = SimpleQueue()
        self._equipment = Equipment(
            connect,
            self._log,
            host.clock,
            self._alarms,
            lambda: self._rules,
            self._announce,
            self._handed_over.put,
        )
        self._fleet = self._assemble(start)
        self._certificates = CertificateWatch(self._log)
        self._unreachable = UnreachableClusters(
            lambda changes: self._record(lambda: self._ledger.note_unreachable(changes))
        )
        self._announcer = Announcer(self._log, host.clock().wall)
        self._monitor = Monitor(host.metrics, self._state, self._problems, self._stalls)
        self._applied: datetime | None = None
        known, attached = start.settings.text, Attachments(start.folder)
        attached.seen.update(start.settings.attached)
        self._watch = Watch(start.file, None if start.rejected else known, attached)
        self._is_rejected = start.rejected is not None
        self._lacking: Content | None = None
        self._guard = ClockGuard(host.clock())
        self._polled = timedelta(0)
        self._status = ""
        self._watchdog_fed = timedelta(0)

    def _assemble(self, start: DaemonParts) -> Fleet:
        if start.membership is None:
            return Fleet(self._make_worker, start.records)
        return SharedFleet(self._make_worker, start.membership, self._clock, lambda: self._wake())  # noqa: PLW0108  # changes

    def run(self, flags: Flags) -> bool:
        """Run until *flags* say stop; return whether every call in flight ended in time.

        1. Say what is in force; keep it as the last good configuration.
        2. Begin the passes, each cluster on its own thread, and tell the service manager.
        3. Until told to stop: notice a stepped clock, a changed file, an opening or an end.
        4. Start nothing new, wait for calls in flight; holds stay for the next start.
        """
        self._wake = flags.wake.set
        self._begin()
        self._monitor.is_ready = True
        while not flags.stop:
            flags.wake.wait(TICK.total_seconds())
            flags.wake.clear()
            if flags.reload:
                flags.reload = False
                self._reload(self._watch.read())
            self._tick()
        return self._end(flags.stop)

    def _begin(self) -> None:
        settings = self._settings
        self._monitor.listen(settings.listen)
        self._aim(settings)
        self._guard = ClockGuard(self._clock())
        self._log.info(
            log.DAEMON_STARTED,
            version=__version__,
            pid=os.getpid(),
            config=settings.path,
            clusters=len(settings.clusters),
            windows=len(settings.windows),
        )
        if self._start.rejected:
            self._say_rejected(self._start.rejected)
        else:
            self._apply(settings, before=None)
        self._warn(settings)
        self._alarms.start()
        self._fleet.prepare(settings)
        self._fleet.assign(settings.clusters, self._earlier)
        for name in sorted(self._fleet.orphans):
            self._log.error(log.CLUSTER_UNKNOWN, cluster=name, holds=self._fleet.holds)
        self._alarms.beat(settings.resync, self._beat)
        self._manager.ready(self._describe())

    def _tick(self) -> None:
        now = self._clock()
        self._guard_clock(now)
        with suppress(Empty):
            self._fleet.adopt(self._handed_over.get_nowait(), self._earlier)
        self._fleet.follow_others()
        self._look_for_overrides()
        if now.uptime - self._polled >= POLL_EVERY:
            self._polled = now.uptime
            content = self._watch.poll()
            if content:
                self._reload(content)
            elif self._lacking:
                self._reconsider()
            self._fleet.remove_idle()
            self._follow_runs(now)
            self._unreachable.look(self._fleet.unreachable)
            self._certificates.look(self._fleet.certificates, now.wall)
            self._keep_ledger(now)
            self._tell_manager(now)
        self._announce()

    def _guard_clock(self, now: Moment) -> None:
        """Look at once after a step of the clock, and after a sleep that no alarm rang through."""
        stepped = self._guard.look(now, self._settings.resync)
        if stepped is None:
            return
        if stepped:
            self._log.warning(log.CLOCK_STEPPED, by_s=round(stepped.total_seconds(), 3))
        self._alarms.beat(self._settings.resync, self._beat)
        self._fleet.wake(hurry=True)

    def _beat(self) -> None:
        self._guard.beat(self._clock())
        self._fleet.wake()

    def _announce(self) -> None:
        self._announcer.announce(
            lambda: self._rules.timeline, lambda: self._clock().wall, self._fleet.known_ids
        )

    def _aim(self, settings: Settings) -> None:
        self._notifier.aim(() if self._start.dry_run else settings.notify)

    def _follow_runs(self, now: Moment) -> None:
        """Return those who watch openings which of them began, or ended with nothing held."""
        if self._notifier.follows_runs:
            covering = {opening.id for opening in self._rules.timeline.covering(now.wall)}
            self._notifier.follow(covering | self._fleet.openings)

    # The file

    @giving_way()
    def _reload(self, content: Content) -> None:
        """Put *content* in force, or keep what is and say why."""
        self._manager.reloading()
        attachments = Attachments(self._start.folder)
        try:
            settings = self._reader.read(content, attachments)
        except ConfigError as exc:
            self._lacking = content if self._reader.is_good(content, check_secrets=False) else None
            self._say_rejected(exc)
        else:
            before, self._settings = self._settings, settings
            moved = (cluster.formerly() for cluster in before.clusters.values())
            self._earlier = {**self._earlier, **before.clusters} | {c.name: c for c in moved}
            self._aim(settings)
            self._fleet.prepare(settings)
            self._rules = self._rules_of(settings)
            self._apply(settings, before)
            self._warn(settings)
            self._listen(settings)
            self._alarms.beat(settings.resync, self._beat)
            self._fleet.assign(settings.clusters, self._earlier)
        self._watch.settle(content, attachments)
        self._manager.ready(self._describe())

    def _reconsider(self) -> None:
        """Put a rejected file in force when the secrets that it lacked have come."""
        if self._lacking and self._reader.is_good(self._lacking, check_secrets=True):
            self._reload(self._lacking)

    def _apply(self, settings: Settings, before: Settings | None) -> None:
        self._is_rejected, self._lacking = False, None
        self._applied = datetime.now(UTC)
        folder, text, attached = self._start.folder, settings.text, settings.attached
        applied = AppliedConfig(settings.path, folder, text, datetime.now(UTC), attached)
        self._record(lambda: self._ledger.save_config(applied))
        self._record(lambda: self._ledger.note_reading(()))
        changes = difference(before, settings)
        self._log.info(log.CONFIG_APPLIED, path=settings.path, **changes)

    def _say_rejected(self, exc: ConfigError) -> None:
        self._is_rejected = True
        faults = [fault.render(exc.file) for fault in exc.faults]
        self._record(lambda: self._ledger.note_reading(faults))
        self._log.error(log.CONFIG_REJECTED, path=exc.file, faults=faults)

    def _warn(self, settings: Settings) -> None:
        for warning in settings.warnings:
            self._log.warning(log.CONFIG_WARNED, path=settings.path, warning=warning)

    def _record(self, write: Callable[[], None]) -> None:
        """Write to the ledger what the daemon can do without for now: a full disk stops nothing."""
        if self._start.dry_run:
            return
        try:
            self._write(write)
        except LedgerError as exc:
            self._log.error(log.LEDGER_FAILED, cluster=None, error=str(exc))

    def _keep_ledger(self, now: Moment) -> None:
        """Delete old attempts; a ledger that was lost is noticed by that, also in a quiet hour."""
        before = now.wall - self._settings.keep_history
        # The passes say what is wrong with the ledger; this can wait until it is well again.
        with suppress(LedgerError):
            self._write(lambda: self._ledger.forget_attempts(before, FORGET_MOST))

    def _write(self, write: Callable[[], None]) -> None:
        """Write, if need be into the new ledger that was begun in place of a lost one."""
        try:
            write()
        except DamagedError as exc:
            self._log.error(log.LEDGER_FAILED, cluster=None, error=str(exc))
            write()
            self._log.info(log.LEDGER_RECOVERED, cluster=None)

    def _look_for_overrides(self) -> None:
        """Put in force what people decided by `open`, `close`, `extend` and `skip`."""
        may_pause, self._may_pause = self._may_pause, self._fleet.may_pause
        try:
            if (
                self._ledger.count_overrides() == len(self._overrides)
                and may_pause == self._may_pause
            ):
                return
            found = tuple(self._ledger.overrides())
        except LedgerError:
            # The passes write all the time, and say what is wrong with it.
            return
        new, self._overrides = found[len(self._overrides) :], found
        self._rules = self._rules_of(self._settings)
        for override in new:
            self._log.info(log.WINDOW_CHANGED, **override.shown())
        self._fleet.wake(hurry=True)

    # The clusters

    def _make_worker(
        self, settings: ClusterSettings, records: Iterable[Record], lease: Lease | None
    ) -> Worker:
        membership = self._start.membership
        store = membership.store(lease) if membership and lease else self._ledger
        return Worker(settings, Holdings(store, records), self._equipment, lease)

    def _rules_of(self, settings: Settings) -> Rules:
        now, start = self._clock().wall, self._start
        relevant = [override for override in self._overrides if override.matters(now)]
        windows = overrides.in_force(settings.windows.values(), relevant, settings.timezone)
        timeline = Timeline(windows, settings.merge_gap)
        # It looks ahead here and once: no pass shall have to wait for that at a boundary.
        timeline.next_change(now)
        return Rules(
            timeline,
            settings.resync,
            settings.max_pause,
            dry_run=start.dry_run,
            has_lost_ledger=start.has_lost_ledger,
            may_pause=self._may_pause,
        )

    # Monitoring

    def _listen(self, settings: Settings) -> None:
        """Serve where the file says now; an address that is taken changes nothing."""
        try:
            self._monitor.listen(settings.listen)
        except HostError as exc:
            self._log.warning(log.CONFIG_WARNED, path=settings.path, warning=str(exc))

    def _state(self) -> State:
        now = self._clock().wall
        return State(
            clusters=self._fleet.states(now),
            open_windows=tuple(o.window for o in self._rules.timeline.covering(now)),
            is_config_good=not self._is_rejected,
            config_applied=self._applied,
            config_digest=self._settings.digest,
            config_differs=self._fleet.differs,
            dropped_lines=self._lost(),
        )

    def _problems(self) -> list[str]:
        """Say why somebody should look after this daemon; nothing if all is well."""
        problems = self._stalls()
        if self._is_rejected:
            problems.append("the file was rejected; the last good configuration is in force")
        too_long = self._fleet.held_since(self._clock().wall - self._settings.max_pause)
        problems += [f"{key}: held longer than max_pause" for key in too_long]
        return problems + self._fleet.problems()

    def _stalls(self) -> list[str]:
        """Say what has stopped within this process, which only a restart mends."""
        stalls = []
        if self._clock().uptime - self._guard.ticked > STALE:
            stalls.append("the main loop stands still")
        if not self._alarms.is_alive:
            stalls.append("the scheduler has died")
        return stalls

    # The service manager

    def _tell_manager(self, now: Moment) -> None:
        status = self._describe()
        if status != self._status:
            self._status = status
            self._manager.status(status)
        interval = self._manager.watchdog_interval
        if interval and now.uptime - self._watchdog_fed >= interval and self._alarms.is_alive:
            self._watchdog_fed = now.uptime
            self._manager.watchdog()

    def _describe(self) -> str:
        """Say what is waited for and until when, for `systemctl status`."""
        now = self._clock().wall
        status = Status(
            self._fleet.holds,
            self._fleet.overdue(now),
            (self._unreachable.in_short(), *self._fleet.problems()),
            is_rejected=self._is_rejected,
        )
        return in_one_line(status, self._rules.timeline, now.astimezone(self._settings.timezone))

    def _end(self, signal_name: str) -> bool:
        self._log.info(log.DAEMON_STOPPING, signal=signal_name)
        self._manager.stopping()
        self._monitor.is_ready = False
        self._alarms.stop()
        ended = self._fleet.stop(STOP_WITHIN)
        self._monitor.close()
        self._log.info(log.DAEMON_STOPPED, holds=self._fleet.holds)
        self._notifier.close(NOTIFY_WITHIN)
        return ended
