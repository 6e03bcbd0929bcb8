"""Which root of a service is asked next, and after how long a wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import assert_never

from daemon.core.attempt import CallError
from daemon.service.cluster import RetryPolicy


class Roots:
    """Several roots of one service, of which the one that answered last is asked first."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        """Begin with the first of *roots*, of which there is at least one."""
        self._roots = roots
        self._preferred = roots[0]
        self._silent: set[str] = set()

    @property
    def preferred(self) -> str:
        """The root to ask first."""
        return self._preferred

    @property
    def are_all_silent(self) -> bool:
        """Whether no root has answered since the last one that did."""
        return self._silent.issuperset(self._roots)

    def or_others(self, roots: tuple[str, ...]) -> Roots:
        """Return these if they are the same as *roots*, else those."""
        is_same = set(roots) == set(self._roots)
        return self if is_same and not self.are_all_silent else Roots(roots)

    def after(self, root: str) -> str:
        """Return the root whose turn it is after *root*."""
        return self._roots[(self._roots.index(root) + 1) % len(self._roots)]

    def answered(self, root: str) -> None:
        """Ask *root* first from now on."""
        self._preferred = root
        self._silent.clear()

    def failed(self, root: str, *, is_silent: bool) -> None:
        """Ask another root than *root* first; *is_silent* says that no answer came at all."""
        if self._preferred == root:
            self._preferred = self.after(root)
        if is_silent:
            self._silent.add(root)


class Again(Enum):
    """Whether a failed attempt is followed by another one of the same pass."""

    NEVER = "never"
    ELSEWHERE = "at a root that this call has not asked yet"
    ANYWHERE = "anywhere"


# Forbidden, too: a client certificate says who we are.
_ABOUT_IDENTITY = frozenset({CallError.UNAUTHORIZED, CallError.FORBIDDEN, CallError.TLS})


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed.

    `is_definite`: the server has not acted on it and will not; `moves_on`: another root may do
    better; `is_silent`: nothing came that could be an answer; `has_answered`: the head of one did;
    `is_about_identity`: the service said that it does not know who we are.
    """

    error: CallError
    message: str
    status: int | None
    again: Again = Again.NEVER
    is_definite: bool = True
    moves_on: bool = False
    is_silent: bool = False
    has_answered: bool = True
    retry_after: timedelta | None = None
    is_about_identity: bool = False

    @property
    def concerns_identity(self) -> bool:
        """Whether other files of who we are may help, by what was said or by its kind."""
        return self.is_about_identity or self.error in _ABOUT_IDENTITY


class Course:
    """One call: which root its next attempt goes to, and after how long a wait."""

    def __init__(self, roots: Roots, policy: RetryPolicy, jitter: Callable[[float], float]) -> None:
        """Begin at the root that answered last; *jitter* takes the longest delay in seconds."""
        self.root = roots.preferred
        self.number = 1
        self.is_unresolved = False
        self.was_renewed = False
        self._roots = roots
        self._policy = policy
        self._jitter = jitter
        self._asked = {self.root}

    def succeed(self) -> None:
        """Note that this root answered: later calls begin at it."""
        self._roots.answered(self.root)

    def next_after(self, failure: Failure) -> timedelta | None:
        """Return the wait before the next attempt, perhaps at another root; None for no more."""
        if failure.moves_on:
            self._roots.failed(self.root, is_silent=failure.is_silent)
            self.root = self._roots.after(self.root)
        else:
            self._roots.answered(self.root)
        is_fresh = self.root not in self._asked
        self._asked.add(self.root)
        if self.number >= self._policy.attempts:
            return None
        match failure.again:
            case Again.NEVER:
                return None
            case Again.ELSEWHERE:
                return timedelta(0) if is_fresh else None
            case Again.ANYWHERE:
                return timedelta(0) if is_fresh else self._back_off(failure.retry_after)
            case _:
                assert_never(failure.again)

    def _back_off(self, retry_after: timedelta | None) -> timedelta:
        if retry_after is not None:
            return min(retry_after, self._policy.max_delay)
        # The exponent has a bound, or a long pass would leave the range of floats.
        ceiling = self._policy.first_delay.total_seconds() * 2.0 ** min(self.number - 1, 60)
        return timedelta(seconds=self._jitter(min(ceiling, self._policy.max_delay.total_seconds())))
