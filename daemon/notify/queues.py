"""Notices on their way: a bounded queue and a thread for each target, so that none delays another.

A message that is not taken is sent again, after growing delays and for about an hour; one that can
never be taken, and what a full queue drops, is given up. The log has a line for each outcome.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from daemon.durations import milliseconds
from daemon.log import events
from daemon.log.interface import Log
from daemon.notify.messages import DeliveryError, Undelivered
from daemon.notify.notices import Notice
from daemon.notify.targets import Target

Deliver = Callable[[Target, Sequence[Notice]], None]
"""Sends notices to a target, once. Raises DeliveryError."""

QUEUE_LIMIT = 1000
BATCH_LIMIT = 200


class DeliveryOutcome(StrEnum):
    """What became of a notice, as the metric names it."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Pace:
    """Delays: to collect notices for one message, and between attempts.

    The delay after attempt n is `first` * 2**(n-1), at most `longest`; after `attempts` attempts
    the message is given up.
    """

    gather: timedelta = timedelta(seconds=2)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    attempts: int = 20

    def delay(self, attempt: int) -> timedelta:
        """Return the delay after that many attempts, without jitter."""
        return min(self.first * (1 << min(attempt - 1, 16)), self.longest)


@dataclass(frozen=True, slots=True)
class Sender:
    """What all queues share; `count` is told the target and what became of how many notices."""

    deliver: Deliver
    log: Log
    count: Callable[[str, str, int], None]
    pace: Pace = Pace()


class TargetQueue:
    """Delivers to one target; any thread may `put`, which returns at once."""

    def __init__(self, target: Target, sender: Sender) -> None:
        """Start the thread."""
        self.target = target
        self._sender = sender
        self._queue: deque[Notice] = deque()
        self._turn = threading.Condition()
        self._is_closing = threading.Event()
        self._dropped = 0
        for outcome in DeliveryOutcome:
            # A counter that begins with its first failure would hide that: there is no increase.
            sender.count(target.name, outcome, 0)
        self._thread = threading.Thread(
            target=self._work, name=f"notify {target.name}", daemon=True
        )
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Queue *notice*; a full queue loses its oldest."""
        with self._turn:
            if len(self._queue) >= QUEUE_LIMIT:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(notice)
            self._turn.notify()

    def close(self) -> None:
        """Send what waits, each message once more at most, and end."""
        with self._turn:
            self._is_closing.set()
            self._turn.notify()

    def join(self, timeout: timedelta) -> int:
        """Wait for the end; return how many notices are lost if it does not come."""
        self._thread.join(timeout.total_seconds())
        return len(self._queue) if self._thread.is_alive() else 0

    def _work(self) -> None:
        while batch := self._next_batch():
            self._log_dropped()
            try:
                self._deliver(batch)
            except Exception:  # noqa: BLE001  # the one edge: a bug must not end the others
                keys = self._about(batch) | {"error": Undelivered.BUG, "exc_info": True}
                self._sender.log.critical(events.NOTIFICATION_FAILED, **keys)

    def _next_batch(self) -> list[Notice]:
        """Wait for notices; return those of one message, none at the end."""
        is_for_people = self.target.kind.is_for_people
        with self._turn:
            while not (self._queue or self._is_closing.is_set()):
                self._turn.wait()
        if is_for_people:
            self._is_closing.wait(self._sender.pace.gather.total_seconds())
        with self._turn:
            count = min(len(self._queue), BATCH_LIMIT if is_for_people else 1)
            return [self._queue.popleft() for _ in range(count)]

    def _deliver(self, batch: list[Notice]) -> None:
        pace, attempt = self._sender.pace, 0
        while True:
            attempt += 1
            began = time.monotonic()
            try:
                self._sender.deliver(self.target, batch)
            except DeliveryError as exc:
                is_last = attempt >= pace.attempts or self._is_closing.is_set()
                if is_last or not exc.is_passing:
                    self._give_up(batch, attempt=attempt, **_said(exc))
                    return
                delay = max(_jittered(pace.delay(attempt)), exc.retry_after or timedelta(0))
                self._log_retry(batch, attempt, exc, min(delay, pace.longest))
                self._is_closing.wait(min(delay, pace.longest).total_seconds())
            else:
                took = timedelta(seconds=time.monotonic() - began)
                keys = {"attempt": attempt, "duration_ms": milliseconds(took)}
                self._sender.log.info(events.NOTIFICATION_SENT, **self._about(batch), **keys)
                self._sender.count(self.target.name, DeliveryOutcome.SENT, len(batch))
                return

    def _log_retry(
        self, batch: list[Notice], attempt: int, exc: DeliveryError, delay: timedelta
    ) -> None:
        keys = _said(exc) | {"attempt": attempt, "retry_in_ms": milliseconds(delay)}
        self._sender.log.warning(events.NOTIFICATION_FAILED, **self._about(batch), **keys)

    def _give_up(self, batch: list[Notice], **keys: object) -> None:
        self._sender.log.error(events.NOTIFICATION_FAILED, **self._about(batch), **keys)
        self._sender.count(self.target.name, DeliveryOutcome.FAILED, len(batch))

    def _log_dropped(self) -> None:
        with self._turn:
            lost, self._dropped = self._dropped, 0
        if lost:
            keys = {"target": self.target.name, "notices": lost}
            self._sender.log.error(events.NOTIFICATION_DROPPED, **keys)
            self._sender.count(self.target.name, DeliveryOutcome.DROPPED, lost)

    def _about(self, batch: list[Notice]) -> dict[str, object]:
        told = sorted({notice.event for notice in batch})
        return {"target": self.target.name, "events": told, "notices": len(batch)}


def _said(exc: DeliveryError) -> dict[str, object]:
    return {"status": exc.status, "error": exc.error, "message": str(exc)}


def _jittered(delay: timedelta) -> timedelta:
    """Spread what many daemons would send again at the same time."""
    return delay * random.uniform(0.5, 1.0)  # noqa: S311  # chance, not secrecy
