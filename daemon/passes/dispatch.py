"""Sending one pass's calls, `concurrency` at a time, and what came back of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Protocol, assert_never

from daemon.core.attempt import Action, CallError
from daemon.core.decide import Pause, Resume
from daemon.core.moment import Moment
from daemon.core.record import LATE, Suspicion
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.service.client import KeepTrying, ServiceError

SEND_WITHIN = timedelta(minutes=2)
"""How long after the durable mark a call may still leave; later ones wait for the next pass.

The mark's suspicion has to outlast the last moment at which the service may act on the call.
"""


class Service(Protocol):
    """The part of a cluster's Backup Service that a pass uses."""

    def repositories(
        self, windows: tuple[str, ...], keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List the active and paused repositories; raises ServiceError."""

    def pause(self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying) -> bool:
        """Pause one; True when an earlier attempt's fate is unknown; raises ServiceError."""

    def resume(self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying) -> bool:
        """Resume one, as `pause` does."""

    def backup(self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying) -> bool:
        """Start a one-off backup, as `pause` does."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a cluster: its service, the threads for calls and how many of them, its place."""

    service: Service
    executor: Executor
    concurrency: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks, and a wait that is False when the pass should end early."""

    now: Callable[[], Moment]
    wait: KeepTrying


@dataclass(frozen=True, slots=True)
class Call:
    """A decided call whose mark is durable since *marked*."""

    decision: Pause | Resume
    marked: Moment

    @property
    def id(self) -> str:
        """The repository."""
        return self.decision.record.key.id

    @property
    def action(self) -> Action:
        """What is sent."""
        match self.decision:
            case Pause():
                return Action.PAUSE
            case Resume():
                return Action.RESUME
            case _:
                assert_never(self.decision)

    def may_leave(self, at: Moment, delay: timedelta = timedelta(0)) -> bool:
        """Check whether it may be sent after *delay*: still covered by its mark, still wanted."""
        if at.uptime + delay > self.marked.uptime + SEND_WITHIN:
            return False
        until = self.decision.record.until
        return self.action is Action.RESUME or until is None or at.wall + delay < until

    def is_shown(self, observed: Mapping[str, ObservedRepository]) -> bool:
        """Check whether a look shows its effect."""
        seen = observed.get(self.id)
        wanted = RepositoryState.PAUSED if self.action is Action.PAUSE else RepositoryState.ACTIVE
        return seen is not None and seen.state is wanted


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call: accepted (`error` None), failed, or never sent.

    `unresolved` says until when an attempt of unknown fate may still take effect.
    """

    call: Call
    at: Moment
    was_sent: bool
    error: CallError | None = None
    is_transient: bool = True
    unresolved: Suspicion | None = None


class Dispatch:
    """The calls of one pass that have left or will; answers are taken one by one."""

    def __init__(self, route: Route, clocks: Clocks, calls: Sequence[Call]) -> None:
        """Send *calls* on *line*, in their order, until *time* no longer waits."""
        self._service = route.service
        self._now = clocks.now
        self._wait = clocks.wait
        self._calls = deque(calls)
        self._answers: SimpleQueue[Answer | BaseException] = SimpleQueue()
        self.in_flight = len(calls)
        for _ in range(min(route.concurrency, len(calls))):
            route.executor.submit(self._work)

    def take(self, timeout: timedelta) -> Answer | None:
        """Take the next answer, waiting at most *timeout*; a bug in a worker is raised here."""
        try:
            answer = self._answers.get(timeout=timeout.total_seconds())
        except Empty:
            return None
        self.in_flight -= 1
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _work(self) -> None:
        with suppress(IndexError):
            while True:
                self._answer(self._calls.popleft())

    def _answer(self, call: Call) -> None:
        try:
            self._answers.put(self._call(call))
        except BaseException as exc:  # noqa: BLE001  # raised again by take(), on the pass's thread
            self._answers.put(exc)

    def _call(self, call: Call) -> Answer:
        if not (self._wait(timedelta(0)) and call.may_leave(self._now())):
            return Answer(call, self._now(), was_sent=False)
        try:
            unresolved = self._post(call)
        except ServiceError as exc:
            now = self._now()
            suspicion = Suspicion.starting(now, LATE) if exc.unresolved else None
            return Answer(call, now, True, exc.error, exc.retryable, suspicion)
        now = self._now()
        suspicion = Suspicion.starting(now, LATE) if unresolved else None
        return Answer(call, now, was_sent=True, unresolved=suspicion)

    def _post(self, call: Call) -> bool:
        def keep_trying(delay: timedelta) -> bool:
            return call.may_leave(self._now(), delay) and self._wait(delay)

        windows = call.decision.record.windows
        match call.action:
            case Action.PAUSE:
                return self._service.pause(call.id, windows, keep_trying)
            case _:
                return self._service.resume(call.id, windows, keep_trying)
