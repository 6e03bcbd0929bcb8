"""Sending one pass's calls, `concurrency` at a time, and what came back of each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from daemon.core.attempt import Action, CallError
from daemon.core.decide import Pause, Resume
from daemon.core.moment import Moment
from daemon.core.record import LATE, Suspicion
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.service.client import KeepTrying, MaySend, ServiceError, WithheldError

SEND_WITHIN = timedelta(minutes=2)
"""How long after the durable mark a call may still leave; later ones wait for the next pass.

The mark's suspicion has to outlast the last moment at which the service may act on the call.
"""


class Service(Protocol):
    """The part of a cluster's Backup Service that a pass uses.

    A POST returns whether an earlier attempt of it is of unknown fate. It raises ServiceError, and
    WithheldError if nothing left.
    """

    async def repositories(
        self, windows: tuple[str, ...], keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List the active and paused repositories; raises ServiceError."""

    async def pause(
        self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Pause one."""

    async def resume(
        self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Resume one."""

    async def backup(
        self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Start a one-off backup."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a cluster: its service, how many calls are made at once, its address."""

    service: Service
    concurrency: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks, a wait that is False when the pass should end early, and whether it should."""

    now: Callable[[], Moment]
    wait: KeepTrying
    may_send: MaySend = lambda: True


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
        return self.decision.action

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

    `unresolved` says until when an attempt of unknown fate may still take effect. Where a bug of
    ours ended the call, nothing `is_known` of it, and its durable mark stands.
    """

    call: Call
    at: Moment
    was_sent: bool
    error: CallError | None = None
    is_transient: bool = True
    unresolved: Suspicion | None = None
    is_known: bool = True


class Dispatch:
    """The calls of one pass, `concurrency` at a time; each is awaited, whatever ends another."""

    def __init__(self, route: Route, clocks: Clocks, calls: Sequence[Call]) -> None:
        """Send *calls* on *route*, in their order, until *clocks* no longer waits."""
        self._service = route.service
        self._now = clocks.now
        self._wait = clocks.wait
        self._may_send = clocks.may_send
        self._calls = deque(calls)
        self._answers: list[Answer] = []
        self._answered = asyncio.Event()
        self.in_flight = len(calls)
        self.bug: BaseException | None = None
        self._is_closed = False
        self._workers = [
            asyncio.create_task(self._work()) for _ in range(min(route.concurrency, len(calls)))
        ]

    async def take(self, within: timedelta) -> list[Answer]:
        """Return the answers that have come; wait for the first, but no longer than *within*."""
        if not self._answers:
            with suppress(TimeoutError):
                async with asyncio.timeout(within.total_seconds()):
                    await self._answered.wait()
        self._answered.clear()
        taken, self._answers = self._answers, []
        self.in_flight -= len(taken)
        return taken

    async def close(self) -> None:
        """Send nothing more, and wait for the calls in flight: their fate is to be known."""
        self._is_closed = True
        await asyncio.gather(*self._workers)

    async def _work(self) -> None:
        while self._calls:
            call = self._calls.popleft()
            try:
                answer = await self._call(call)
            except asyncio.CancelledError:
                raise
            except BaseException as exc:  # noqa: BLE001  # raised by the pass, after its other calls
                # Nothing more leaves, and what is under way is awaited.
                self.bug = self.bug or exc
                answer = Answer(call, self._now(), was_sent=True, is_known=False)
            self._answers.append(answer)
            self._answered.set()

    @property
    def _has_ended(self) -> bool:
        return self._is_closed or self.bug is not None

    async def _call(self, call: Call) -> Answer:
        if self._has_ended:
            return Answer(call, self._now(), was_sent=False)
        try:
            unresolved = await self._post(call)
        except WithheldError:
            return Answer(call, self._now(), was_sent=False)
        except ServiceError as exc:
            now = self._now()
            suspicion = Suspicion.starting(now, LATE) if exc.unresolved else None
            return Answer(call, now, True, exc.error, exc.retryable, suspicion)
        now = self._now()
        suspicion = Suspicion.starting(now, LATE) if unresolved else None
        return Answer(call, now, was_sent=True, unresolved=suspicion)

    async def _post(self, call: Call) -> bool:
        def may_send() -> bool:
            return not self._has_ended and self._may_send() and call.may_leave(self._now())

        async def keep_trying(delay: timedelta) -> bool:
            return call.may_leave(self._now(), delay) and await self._wait(delay)

        post = self._service.pause if call.action is Action.PAUSE else self._service.resume
        return await post(call.id, call.decision.record.windows, keep_trying, may_send)
