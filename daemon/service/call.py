"""One call to the Backup Service, and how its attempts are described."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from daemon import documents
from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.repository import ObservedRepository
from daemon.documents import Body
from daemon.host.event_loop import GIVE_WAY_EVERY, giving_way
from daemon.host.masking import Censor
from daemon.service import answers, discovery, statuses
from daemon.service.adapter import Answer
from daemon.service.failover import Again, Course, Failure
from daemon.service.wire_error import WireError

T = TypeVar("T")

_LIMIT = 1024 * 1024
_LIST_LIMIT = 16 * _LIMIT
_DONE = frozenset({200, 204})
"""A gateway may turn the empty 200 of a POST into 204."""

_PASSING = frozenset(
    {CallError.TIMEOUT, CallError.REFUSED, CallError.RESET, CallError.DNS, CallError.PROTOCOL}
)


def always() -> bool:
    """Return that an attempt may leave, for calls that nobody withholds."""
    return True


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """What is asked for; `read` takes the body of a success and the root that gave it.

    It raises ValueError, and gives way to other calls where there is much to read.
    """

    action: Action
    method: str
    path: str
    windows: tuple[str, ...]
    read: Callable[[Body, str], Awaitable[T]]
    repository: str | None = None
    may_send: Callable[[], bool] = always

    @property
    def changes_state(self) -> bool:
        """Whether a server that acts on it late makes a difference."""
        return self.method == "POST"

    @property
    def limit(self) -> int:
        """How many bytes of an answer are read at most."""
        return _LIST_LIMIT if self.action is Action.LIST else _LIMIT

    def is_done(self, status: int) -> bool:
        """Check whether an answer with *status* says that it succeeded."""
        return status in _DONE if self.changes_state else statuses.error_of(status) is None

    async def result(
        self, answer: Answer, root: str, censor: Callable[[str], str]
    ) -> Success[T] | Failure:
        """Return what *answer*, a success by its status, was asked for, or why it is none."""
        try:
            return Success(await self.read(answer.body, root), answer.status)
        except ValueError as exc:
            is_large = isinstance(exc, documents.BoundError)
            error = CallError.TOO_LARGE if is_large else CallError.UNEXPECTED
            return Failure(error, statuses.printable(censor(str(exc))), answer.status)

    def attempt(
        self,
        cluster: str,
        course: Course,
        status: int | None,
        started: datetime,
        duration: timedelta,
    ) -> Attempt:
        """Describe the attempt that has just ended as one that succeeded."""
        return Attempt(
            cluster,
            self.repository,
            self.action,
            self.windows,
            self.method,
            course.root + self.path,
            course.number,
            status=status,
            outcome=Outcome.OK,
            error=None,
            message="",
            started=started,
            duration=duration,
        )


@dataclass(frozen=True, slots=True)
class Success(Generic[T]):
    """What a call was made for, and the status that it came with."""

    value: T
    status: int


def failed_attempt(attempt: Attempt, failure: Failure, delay: timedelta | None) -> Attempt:
    """Return *attempt* as one that failed, and is followed by another after *delay* if any."""
    return replace(
        attempt,
        outcome=Outcome.FAILED if delay is None else Outcome.RETRY,
        error=failure.error,
        message=failure.message,
        retry_in=delay,
    )


def refused(answer: Answer, censor: Censor, now: datetime) -> Failure:
    """Return the failure of an attempt that was answered, and did not succeed."""
    error = statuses.error_of(answer.status) or CallError.UNEXPECTED
    location = answer.headers.get("location") if error is CallError.REDIRECT else None
    # Before the host is taken out of it, in lower case.
    location = location and censor(location)
    message = censor(statuses.message_of(answer.body, location))
    moves_on = error is CallError.SERVER_ERROR or answers.is_elsewhere(answer.status, answer.body)
    if statuses.is_passing(answer.status):
        again = Again.ANYWHERE
    else:
        again = Again.ELSEWHERE if moves_on else Again.NEVER
    return Failure(
        error,
        statuses.printable(message),
        answer.status,
        again,
        is_definite=statuses.is_definite(answer.status),
        moves_on=moves_on,
        retry_after=statuses.retry_after(answer.headers.get("retry-after"), now),
        is_about_identity=answers.is_about_identity(answer.status, answer.body),
    )


def broken(exc: WireError) -> Failure:
    """Return the failure of an attempt that got no answer which can be read."""
    return Failure(
        exc.error,
        statuses.printable(str(exc)),
        exc.status,
        Again.ANYWHERE if exc.error in _PASSING else Again.NEVER,
        is_definite=not exc.may_have_sent,
        moves_on=True,
        is_silent=exc.status is None,
        has_answered=exc.has_answered,
    )


def unforeseen(exc: Exception, status: int | None, censor: Callable[[str], str]) -> Failure:
    """Return the failure of an attempt that met a bug of ours: its fate is unknown."""
    return Failure(
        CallError.UNEXPECTED,
        statuses.printable(censor(f"a bug, {type(exc).__name__}: {exc}")),
        status,
        is_definite=False,
        has_answered=status is not None,
    )


# How the answers of the calls are read


async def read_list(body: Body, _root: str) -> tuple[ObservedRepository, ...]:
    """Read a list of repositories; other calls have their turn meanwhile."""
    return answers.merged([row async for row in giving_way(answers.rows(body))])


async def without_secrets(
    found: tuple[ObservedRepository, ...], censor: Censor
) -> tuple[ObservedRepository, ...]:
    """Return repositories without our secrets in what is shown or stored of them."""
    clean: list[ObservedRepository] = []
    for start in range(0, len(found), GIVE_WAY_EVERY):
        portion = found[start : start + GIVE_WAY_EVERY]
        # All at once: no secret has a line break in it.
        has_secrets = censor.is_in("\n".join(text for row in portion for text in _texts(row)))
        clean += [_censored(row, censor) for row in portion] if has_secrets else portion
        await asyncio.sleep(0)
    return tuple(clean)


def _censored(row: ObservedRepository, censor: Censor) -> ObservedRepository:
    """Return a row without secrets; the id of one that is understood stays: it is called by it."""
    return replace(
        row,
        id=censor(row.id) if row.problem else row.id,
        uuid=censor(row.uuid),
        plan=censor(row.plan),
        scheduled=tuple(
            replace(run, task=censor(run.task), task_type=censor(run.task_type))
            for run in row.scheduled
        ),
        running=tuple(map(censor, row.running)),
        problem=censor(row.problem),
    )


def _texts(row: ObservedRepository) -> Iterator[str]:
    yield from (row.uuid, row.plan, row.problem, *row.running)
    for run in row.scheduled:
        yield from (run.task, run.task_type)
    if row.problem:
        yield row.id


async def read_plans(body: Body, _root: str) -> dict[str, dict[str, timedelta]]:
    """Read how far apart the runs of each plan's tasks are."""
    return answers.periods(body)


async def read_nodes(body: Body, root: str) -> tuple[str, ...]:
    """Read which nodes serve backups."""
    return discovery.service_roots(documents.read_json(body), root)


async def read_nothing(_body: Body, _root: str) -> None:
    """Read nothing: the answer to a POST says no more than its status."""
