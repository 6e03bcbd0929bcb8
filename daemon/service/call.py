"""One call to the Backup Service, and how its attempts are described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.service import statuses
from daemon.service.failover import Again, Course, Failure
from daemon.service.wire import WireError

T = TypeVar("T")

_POST_LIMIT = 1024 * 1024
_LIST_LIMIT = 32 * _POST_LIMIT
_PASSING = frozenset(
    {CallError.TIMEOUT, CallError.REFUSED, CallError.RESET, CallError.DNS, CallError.PROTOCOL}
)


def always() -> bool:
    """Return that an attempt may leave, for calls that nobody withholds."""
    return True


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """What is asked for; `read` takes the body of a 200 and the root that gave it (ValueError)."""

    action: Action
    method: str
    path: str
    windows: tuple[str, ...]
    read: Callable[[bytes, str], T]
    repository: str | None = None
    may_send: Callable[[], bool] = always

    @property
    def changes_state(self) -> bool:
        """Whether a server that acts on it late makes a difference."""
        return self.method == "POST"

    @property
    def limit(self) -> int:
        """How many bytes of an answer are read at most."""
        return _LIST_LIMIT if self.method == "GET" else _POST_LIMIT

    def attempt(
        self, cluster: str, course: Course, started: datetime, duration: timedelta
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
            status=200,
            outcome=Outcome.OK,
            error=None,
            message="",
            started=started,
            duration=duration,
        )


@dataclass(frozen=True, slots=True)
class Success(Generic[T]):
    """What a call was made for."""

    value: T


def failed_attempt(attempt: Attempt, failure: Failure, delay: timedelta | None) -> Attempt:
    """Return *attempt* as one that failed, and is followed by another after *delay* if any."""
    return replace(
        attempt,
        status=failure.status,
        outcome=Outcome.FAILED if delay is None else Outcome.RETRY,
        error=failure.error,
        message=failure.message,
        retry_in=delay,
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
    )
