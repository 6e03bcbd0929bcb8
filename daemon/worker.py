"""One thread for each cluster: it makes a pass when it is woken, so that none delays another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from daemon import logs
from daemon.alarms import Alarms
from daemon.backup_service import BackupService
from daemon.cluster import ClusterSettings
from daemon.controller import Controller, Rules
from daemon.dispatch import Line, Time
from daemon.holdings import Holdings
from daemon.journal import Journal, Log
from daemon.repository import Attempt, Moment

AFTER_A_BUG = timedelta(seconds=30)
SOONEST = timedelta(milliseconds=500)
"""How long after a pass the next one begins at the earliest, whatever a pass asks for."""

Connect = Callable[[ClusterSettings, Callable[[Attempt], None]], BackupService]


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all workers share; `before_pass` is called at the start of each pass."""

    connect: Connect
    log: Log
    clock: Callable[[], Moment]
    alarms: Alarms
    rules: Callable[[], Rules]
    before_pass: Callable[[], None]


class Worker:
    """Makes the passes of one cluster, one after the other, on a thread of its own."""

    def __init__(self, settings: ClusterSettings, holdings: Holdings, equipment: Equipment) -> None:
        """Prepare to reach the cluster by *settings*; `start` begins."""
        self.settings = settings
        self._next_settings: ClusterSettings | None = None
        self._holdings = holdings
        self._equipment = equipment
        self._woken = threading.Event()
        self._interrupted = threading.Event()
        self._is_stopping = False
        self._service, self._executor = self._reach(settings)
        self.controller = Controller(
            settings.name,
            holdings,
            Line(self._service, self._executor),
            Journal(settings.name, equipment.log),
            Time(equipment.clock, self._wait),
        )
        self._thread = threading.Thread(target=self._work, name=settings.name, daemon=True)

    def start(self) -> None:
        """Make the first pass, and then one whenever woken."""
        self._thread.start()
        self.wake()

    def wake(self, *, hurry: bool = False) -> None:
        """Ask for a pass; with *hurry* the one under way sends nothing more and ends its waits."""
        if hurry:
            self._interrupted.set()
        self._woken.set()

    def reconfigure(self, settings: ClusterSettings) -> None:
        """Reach the cluster by other *settings* from the next pass on."""
        if settings != self.settings:
            self.settings = self._next_settings = settings

    def stop(self) -> None:
        """Start no new call; calls in flight go on until they end."""
        self._is_stopping = True
        self.wake(hurry=True)

    def cut(self) -> None:
        """End the calls in flight: their connections are closed, and each says so."""
        self._service.close()

    def join(self, timeout: timedelta) -> bool:
        """Wait for the end of the last pass; tell whether it came."""
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive()

    def _wait(self, delay: timedelta) -> bool:
        return not self._interrupted.wait(delay.total_seconds())

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            is_urgent = self._interrupted.is_set()
            self._interrupted.clear()
            # Asked after the flags are cleared, or a stop between the two would be lost.
            if self._is_stopping:
                break
            due_in = self._make_pass(is_urgent=is_urgent)
            self._set_alarm(due_in)
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._service.close()

    def _make_pass(self, *, is_urgent: bool) -> timedelta | None:
        try:
            self._equipment.before_pass()
            self._adopt_settings()
            return self.controller.run_pass(self._equipment.rules(), is_urgent=is_urgent)
        except Exception:  # the one edge: a bug in a pass must not end the passes
            self._equipment.log.critical(
                logs.PASS_CRASHED, cluster=self.settings.name, exc_info=True
            )
            return AFTER_A_BUG

    def _set_alarm(self, due_in: timedelta | None) -> None:
        now = self._equipment.clock().wall
        change = self._equipment.rules().timeline.next_change(now, self.settings.name)
        due = now + max(due_in, SOONEST) if due_in is not None else None
        at = min((instant for instant in (change, due) if instant), default=None)
        is_urgent = at is not None and at == change
        self._equipment.alarms.set(
            f"cluster {self.settings.name}", at, lambda: self.wake(hurry=is_urgent)
        )

    def _adopt_settings(self) -> None:
        settings, self._next_settings = self._next_settings, None
        if settings:
            old_service, old_executor = self._service, self._executor
            self._service, self._executor = self._reach(settings)
            self.controller.reach(Line(self._service, self._executor))
            # Between two passes no call is in flight, so this does not wait.
            old_executor.shutdown()
            old_service.close()

    def _reach(self, settings: ClusterSettings) -> tuple[BackupService, ThreadPoolExecutor]:
        service = self._equipment.connect(settings, self._holdings.remember_attempt)
        return service, ThreadPoolExecutor(settings.concurrency, settings.name)
