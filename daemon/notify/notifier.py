"""Passes log events on to the queues of the targets that asked for them.

Nothing in here waits, sends or fails: a pass that logs something goes on at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.events import Event, Level
from daemon.notify.messages import Undelivered
from daemon.notify.notices import Notice, Repeats, notice
from daemon.notify.queues import Sender, TargetQueue
from daemon.notify.runs import WATCHED, Runs
from daemon.notify.silences import Silences
from daemon.notify.targets import Target
from daemon.windows.window import Opening


class _Subscription:
    """One target: its queue, and what decides which notices are news to it."""

    def __init__(
        self, target: Target, sender: Sender, clusters_of: Callable[[str], frozenset[str]]
    ) -> None:
        self.target = target
        self.queue = TargetQueue(target, sender)
        self._repeats = Repeats()
        self.runs = Runs(clusters_of) if target.kind.follows_runs else None
        self.silences = Silences() if target.kind.follows_openings else None

    def hear(self, found: Notice) -> None:
        """Queue *found* if the target asked for it."""
        if self.runs:
            news = self.runs.hear(found) if found.event in WATCHED else []
        elif self.silences:
            news = []
        else:
            uptime = timedelta(seconds=time.monotonic())
            is_wanted = found.event in self.target.events and self.target.is_about(found.windows)
            news = [found] if is_wanted and self._repeats.is_news(found, uptime) else []
        self._pass_on(news)

    def follow(self, openings: Mapping[str, Opening], held: Collection[str], now: datetime) -> None:
        """Queue notices of the runs and silences that began or ended."""
        if self.runs:
            self._pass_on(self.runs.follow(openings.keys() | set(held), now))
        elif self.silences:
            mine = [each for each in openings.values() if self.target.is_about((each.window,))]
            self._pass_on(self.silences.follow(mine, now))

    def close(self, now: datetime, *, is_replaced: bool) -> None:
        """Send what waits and end; what was silenced is not any more, unless another goes on."""
        if self.silences and not is_replaced:
            self._pass_on(self.silences.give_up(now))
        self.queue.close()

    def _pass_on(self, news: Iterable[Notice]) -> None:
        for each in news:
            if self.target.is_about(each.windows):
                self.queue.put(each)


class Notifier:
    """The targets of the file in force; any thread may call `hear`."""

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
        self._subscriptions: dict[Target, _Subscription] = {}
        self._turn = threading.Lock()

    @property
    def follows_openings(self) -> bool:
        """Whether any target follows openings, as runs or as silences."""
        return any(each.runs or each.silences for each in self._subscriptions.values())

    def aim(self, targets: Collection[Target]) -> None:
        """Replace the targets; close the queues of those that are gone."""
        with self._turn:
            gone = [
                subscription
                for target, subscription in self._subscriptions.items()
                if target not in targets
            ]
            self._subscriptions = {
                target: self._subscriptions.get(target)
                or _Subscription(target, self._sender, self._clusters_of)
                for target in targets
            }
        same = {(target.name, target.matchers) for target in targets}
        for each in gone:
            is_replaced = (each.target.name, each.target.matchers) in same
            each.close(self._clock(), is_replaced=is_replaced)

    def hear(self, event: Event, level: Level, keys: Mapping[str, object]) -> None:
        """Take a line of the log."""
        with self._turn:
            if not self._subscriptions:
                return
            found = notice(event, level.name.lower(), self._clock(), keys)
            for subscription in self._subscriptions.values():
                self._safely(subscription, lambda to: to.hear(found))

    def follow(self, openings: Mapping[str, Opening], held: Collection[str]) -> None:
        """Take what is open, by its id, and the ids of all openings that are held for."""
        with self._turn:
            for subscription in self._subscriptions.values():
                self._safely(subscription, lambda to: to.follow(openings, held, self._clock()))

    def close(self, within: timedelta) -> None:
        """Send what waits, for at most *within*; the log says how much is lost."""
        end = time.monotonic() + within.total_seconds()
        queues = [subscription.queue for subscription in self._subscriptions.values()]
        for queue in queues:
            queue.close()
        for queue in queues:
            lost = queue.join(timedelta(seconds=max(end - time.monotonic(), 0)))
            if lost:
                keys = {"target": queue.target.name, "notices": lost}
                self._sender.log.error(events.NOTIFICATION_DROPPED, **keys)

    def _safely(self, subscription: _Subscription, step: Callable[[_Subscription], None]) -> None:
        try:
            step(subscription)
        except Exception:  # noqa: BLE001  # the one edge: a bug in here must not end a pass
            keys = {"target": subscription.target.name, "error": Undelivered.BUG, "exc_info": True}
            self._sender.log.critical(events.NOTIFICATION_FAILED, **keys)
