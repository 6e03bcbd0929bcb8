"""Hears every line of the log, and gives those that somebody wants to know of to the queues.

Nothing in here waits, sends or fails: a pass that says something goes on at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.events import Event, Level
from daemon.notify.notices import Notice, Repeats, notice
from daemon.notify.queues import Sender, TargetQueue
from daemon.notify.runs import WATCHED, Runs
from daemon.notify.targets import Target


class _Desk:
    """One target: its queue, and what it takes to know what is news to it."""

    def __init__(
        self, target: Target, sender: Sender, clusters_of: Callable[[str], frozenset[str]]
    ) -> None:
        self.target = target
        self.queue = TargetQueue(target, sender)
        self._repeats = Repeats()
        self.runs = Runs(clusters_of) if target.kind.follows_runs else None

    def hear(self, found: Notice) -> None:
        """Pass on what the target wants to know."""
        if self.runs:
            news = self.runs.hear(found) if found.event in WATCHED else []
        else:
            uptime = timedelta(seconds=time.monotonic())
            is_wanted = found.event in self.target.events and self.target.is_about(found.windows)
            news = [found] if is_wanted and self._repeats.is_news(found, uptime) else []
        self._pass_on(news)

    def follow(self, openings: Iterable[str], now: datetime) -> None:
        """Pass on which runs began or ended."""
        if self.runs:
            self._pass_on(self.runs.follow(openings, now))

    def _pass_on(self, news: Iterable[Notice]) -> None:
        for each in news:
            if self.target.is_about(each.windows):
                self.queue.put(each)


class Notifier:
    """The targets of the file in force; any thread may let it hear something."""

    def __init__(
        self,
        sender: Sender,
        clock: Callable[[], datetime],
        clusters_of: Callable[[str], frozenset[str]],
    ) -> None:
        """Begin with no target; *clock* gives aware UTC."""
        self._sender = sender
        self._clock = clock
        self._clusters_of = clusters_of
        self._desks: dict[Target, _Desk] = {}
        self._turn = threading.Lock()

    @property
    def follows_runs(self) -> bool:
        """Whether any target wants to know of runs."""
        return any(desk.runs for desk in self._desks.values())

    def aim(self, targets: Collection[Target]) -> None:
        """Tell *targets* from now on; what waits for one that is gone is sent once more."""
        with self._turn:
            gone = [desk for target, desk in self._desks.items() if target not in targets]
            self._desks = {
                target: self._desks.get(target) or _Desk(target, self._sender, self._clusters_of)
                for target in targets
            }
        for desk in gone:
            desk.queue.close()

    def hear(self, event: Event, level: Level, keys: Mapping[str, object]) -> None:
        """Take a line of the log."""
        with self._turn:
            if not self._desks:
                return
            found = notice(event, level.name.lower(), self._clock(), keys)
            for desk in self._desks.values():
                self._safely(desk, lambda to: to.hear(found))

    def follow(self, openings: Collection[str]) -> None:
        """Take the identities of all openings that are open or held for."""
        with self._turn:
            for desk in self._desks.values():
                self._safely(desk, lambda to: to.follow(openings, self._clock()))

    def close(self, within: timedelta) -> None:
        """Send what waits, but wait no longer than that; what is left is lost, and said to be."""
        end = time.monotonic() + within.total_seconds()
        queues = [desk.queue for desk in self._desks.values()]
        for queue in queues:
            queue.close()
        for queue in queues:
            lost = queue.join(timedelta(seconds=max(end - time.monotonic(), 0)))
            if lost:
                keys = {"target": queue.target.name, "notices": lost}
                self._sender.log.error(events.NOTIFICATION_DROPPED, **keys)

    def _safely(self, desk: _Desk, step: Callable[[_Desk], None]) -> None:
        try:
            step(desk)
        except Exception:  # noqa: BLE001  # the one edge: a bug in here must not end a pass
            keys = {"target": desk.target.name, "error": "bug", "exc_info": True}
            self._sender.log.critical(events.NOTIFICATION_FAILED, **keys)
