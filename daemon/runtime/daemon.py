"""The daemon: its loop, what it does when the file changes, and how it stops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue

from daemon import __version__
from daemon.config.file_watch import Content
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
from daemon.log import events
from daemon.log.tee import TeeLog
from daemon.monitoring.monitor import Monitor
from daemon.notify.notifier import Notifier
from daemon.notify.queues import Sender
from daemon.passes.controller import Rules
from daemon.passes.holdings import Holdings
from daemon.runtime.announcer import Announcer
from daemon.runtime.certificates import CertificateWatch
from daemon.runtime.clock_guard import ClockGuard
from daemon.runtime.health import Health, InForce
from daemon.runtime.ledger_notes import LedgerNotes
from daemon.runtime.parts import DaemonLedger, DaemonParts, HostParts
from daemon.runtime.reload import ConfigFile, giving_way
from daemon.runtime.rules import rules_at
from daemon.runtime.unreachable import UnreachableClusters
from daemon.service.cluster import ClusterSettings

TICK = timedelta(milliseconds=250)
POLL_EVERY = timedelta(seconds=1)
STOP_WITHIN = timedelta(seconds=10)
NOTIFY_WITHIN = timedelta(seconds=3)


class Daemon:
    """Runs until a signal; what it decides by is replaced as a whole, never changed in place."""

    def __init__(
        self, parts: DaemonParts, ledger: DaemonLedger, connect: Connect, host: HostParts
    ) -> None:
        """Prepare everything; nothing is sent and no thread starts before `run`."""
        self._parts = parts
        self._ledger = ledger
        self._clock = host.clock
        self._manager = host.manager
        self._delivery = host.delivery
        self._wake: Callable[[], None] = lambda: None
        self._notifier = Notifier(
            Sender(host.delivery.deliver, host.log, host.metrics.notified),
            lambda: host.clock().wall,
            lambda window: self._rules.timeline.clusters_of(window),  # noqa: PLW0108  # changes
        )
        self._log = TeeLog(host.log, host.metrics, self._notifier)
        self._notes = LedgerNotes(ledger, self._log)
        self._file = ConfigFile(parts, host.environ)
        self._settings = parts.settings
        self._applied: datetime | None = None
        self._earlier = parts.earlier
        self._overrides = parts.overrides
        self._may_pause = True
        self._rules = self._rules_of(parts.settings)
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
        self._fleet = self._make_fleet(parts)
        self._certificates = CertificateWatch(self._log)
        self._unreachable = UnreachableClusters(self._notes.unreachable)
        self._announcer = Announcer(self._log, host.clock().wall)
        self._guard = ClockGuard(host.clock())
        self._health = Health(
            clock=host.clock,
            fleet=self._fleet,
            alarms=self._alarms,
            guard=self._guard,
            file=self._file,
            unreachable=self._unreachable,
            in_force=lambda: InForce(self._settings, self._rules.timeline, self._applied),
            lost_lines=host.lost_lines,
        )
        self._monitor = Monitor(
            host.metrics, self._health.state, self._health.problems, self._health.stalls
        )
        self._polled = timedelta(0)
        self._status = ""
        self._watchdog_fed = timedelta(0)

    def _make_fleet(self, parts: DaemonParts) -> Fleet:
        if parts.membership is None:
            return Fleet(self._make_worker, parts.records)
        return SharedFleet(
            self._make_worker,
            parts.membership,
            self._clock,
            lambda: self._wake(),  # noqa: PLW0108  # changes
        )

    def run(self, flags: Flags) -> bool:
        """Run until *flags* say stop; return whether every call in flight ended in time.

        1. Log what is in force, and store it as the last good configuration.
        2. Start the passes, each cluster on its own thread, and report to the service manager.
        3. Until told to stop: notice a stepped clock, a changed file, an opening or its end.
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
                self._reload(self._file.read())
            self._tick()
        return self._end(flags.stop)

    def _begin(self) -> None:
        settings = self._settings
        # First, since an address that is taken ends the start: nothing may have been sent by then.
        self._monitor.listen(settings.listen)
        # Before the first line of the log, which targets may ask for.
        self._aim(settings)
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
        else:
            self._apply(settings, before=None)
        self._warn(settings)
        # Before the workers, whose passes set alarms.
        self._alarms.start()
        self._fleet.prepare(settings)
        self._fleet.assign(settings.clusters, self._earlier)
        # After the workers: what has none by now belongs to a cluster that nobody can reach.
        for name in sorted(self._fleet.orphans):
            self._log.error(events.CLUSTER_UNKNOWN, cluster=name, holds=self._fleet.holds)
        self._alarms.beat(settings.resync, self._beat)
        self._manager.ready(self._health.status_line())

    def _tick(self) -> None:
        now = self._clock()
        # First: after a step of the clock, everything below is judged by a new time.
        self._guard_clock(now)
        with suppress(Empty):
            self._fleet.adopt(self._handed_over.get_nowait(), self._earlier)
        # Before people's decisions: it learns of them, and whether the clock may be trusted.
        self._fleet.follow_others()
        self._look_for_overrides()
        if now.uptime - self._polled >= POLL_EVERY:
            self._polled = now.uptime
            self._poll(now)
        # Last, so that what has just changed is announced in the same tick.
        self._announce()

    def _poll(self, now: Moment) -> None:
        content = self._file.poll()
        if content:
            self._reload(content)
        self._fleet.remove_idle()
        self._follow_runs(now)
        self._unreachable.look(self._fleet.unreachable)
        self._certificates.look(self._fleet.certificates, now.wall)
        self._notes.forget_attempts(now.wall - self._settings.keep_history)
        # Last: the status names what was found above.
        self._report(now)

    def _guard_clock(self, now: Moment) -> None:
        """Make passes at once after a step of the clock, or a sleep that no alarm rang through."""
        stepped = self._guard.look(now, self._settings.resync)
        if stepped is None:
            return
        if stepped:
            self._log.warning(events.CLOCK_STEPPED, by_s=round(stepped.total_seconds(), 3))
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
        self._notifier.aim(() if self._parts.dry_run else settings.notify)

    def _follow_runs(self, now: Moment) -> None:
        """Notify targets that follow runs which of them began, or ended with nothing held."""
        if self._notifier.follows_runs:
            covering = {opening.id for opening in self._rules.timeline.covering(now.wall)}
            self._notifier.follow(covering | self._fleet.openings)

    # The file

    @giving_way()
    def _reload(self, content: Content) -> None:
        """Put *content* in force, or keep what is in force and log why."""
        self._manager.reloading()
        try:
            settings = self._file.parse(content)
        except ConfigError as exc:
            self._log_rejected(exc)
        else:
            self._put_in_force(settings)
        self._manager.ready(self._health.status_line())

    def _put_in_force(self, settings: Settings) -> None:
        before, self._settings = self._settings, settings
        moved = (cluster.formerly() for cluster in before.clusters.values())
        self._earlier = {**self._earlier, **before.clusters} | {c.name: c for c in moved}
        # Before anything is logged: new targets learn of this configuration's warnings.
        self._aim(settings)
        # Before the rules: by the new ones a renamed cluster's old worker would resume its holds.
        self._fleet.prepare(settings)
        self._rules = self._rules_of(settings)
        self._apply(settings, before)
        self._warn(settings)
        self._listen(settings)
        self._alarms.beat(settings.resync, self._beat)
        # Last: it wakes every worker, and their passes need the new rules.
        self._fleet.assign(settings.clusters, self._earlier)

    def _apply(self, settings: Settings, before: Settings | None) -> None:
        self._applied = datetime.now(UTC)
        self._notes.applied(settings.applied(self._applied))
        changes = difference(before, settings)
        self._log.info(events.CONFIG_APPLIED, path=settings.path, **changes)

    def _log_rejected(self, exc: ConfigError) -> None:
        faults = [fault.render(exc.file) for fault in exc.faults]
        self._notes.read_with(faults)
        self._log.error(events.CONFIG_REJECTED, path=exc.file, faults=faults)

    def _warn(self, settings: Settings) -> None:
        for warning in settings.warnings:
            self._log.warning(events.CONFIG_WARNED, path=settings.path, warning=warning)

    def _listen(self, settings: Settings) -> None:
        """Serve at the new address; if it is taken, keep the old one."""
        try:
            self._monitor.listen(settings.listen)
        except HostError as exc:
            self._log.warning(events.CONFIG_WARNED, path=settings.path, warning=str(exc))

    # Decisions

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
            # The passes write all the time, and log what is wrong with the ledger.
            return
        new, self._overrides = found[len(self._overrides) :], found
        self._rules = self._rules_of(self._settings)
        for override in new:
            self._log.info(events.WINDOW_CHANGED, **override.shown())
        self._fleet.wake(hurry=True)

    # The clusters

    def _make_worker(
        self, settings: ClusterSettings, records: Iterable[Record], lease: Lease | None
    ) -> Worker:
        membership = self._parts.membership
        store = membership.store(lease) if membership and lease else self._ledger
        return Worker(settings, Holdings(store, records), self._equipment, lease)

    def _rules_of(self, settings: Settings) -> Rules:
        now = self._clock().wall
        return rules_at(now, settings, self._overrides, self._parts, may_pause=self._may_pause)

    # The service manager

    def _report(self, now: Moment) -> None:
        status = self._health.status_line()
        if status != self._status:
            self._status = status
            self._manager.status(status)
        interval = self._manager.watchdog_interval
        if interval and now.uptime - self._watchdog_fed >= interval and self._alarms.is_alive:
            self._watchdog_fed = now.uptime
            self._manager.watchdog()

    def _end(self, signal_name: str) -> bool:
        self._log.info(events.DAEMON_STOPPING, signal=signal_name)
        self._manager.stopping()
        self._monitor.is_ready = False
        self._alarms.stop()
        ended = self._fleet.stop(STOP_WITHIN)
        self._monitor.close()
        self._log.info(events.DAEMON_STOPPED, holds=self._fleet.holds)
        # After the last line, which targets may ask for.
        self._notifier.close(NOTIFY_WITHIN)
        self._delivery.close()
        return ended
