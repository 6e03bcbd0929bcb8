"""How long a failed call is left alone: what may pass soon, and what a person has to mend."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from daemon.core.attempt import Action
from daemon.core.decide import Pause, Resume

TRANSIENT = timedelta(seconds=30)
LONGEST = timedelta(minutes=5)

Errand = tuple[str, Action] | tuple[str, Action, bool]
"""A repository's id, and what is to be done to it; a third part if nobody sees whether it is."""

CLUSTER: Errand = ("", Action.LIST)
"""The errand of looking, which concerns no repository in particular."""


def errand_of(decision: Pause | Resume) -> Errand:
    """Return the errand of a call; once a look shows what is to be done, it is another one."""
    errand = (decision.record.key.id, decision.action)
    return (*errand, True) if decision.is_unseen else errand


@dataclass(frozen=True, slots=True)
class _Distance:
    until: timedelta
    failures: int


class Pacing:
    """The distances of one cluster, on a clock that is never stepped (*now* is an uptime)."""

    def __init__(self) -> None:
        """Begin with nothing failed."""
        self._distances: dict[Errand, _Distance] = {}

    def failed(
        self, errand: Errand, now: timedelta, resync: timedelta, *, is_transient: bool
    ) -> timedelta:
        """Note a failure; return the time after which the errand is tried again.

        Up to *resync* when it may pass by itself, else twice as long at each failure, at most 5
        minutes. What nobody sees the need of is never too near.
        """
        before = self._distances.get(errand)
        failures = before.failures + 1 if before else 1
        is_near = is_transient and len(errand) == len(CLUSTER)
        distance = min(resync, TRANSIENT) if is_near else _growing(resync, failures)
        self._distances[errand] = _Distance(now + distance, failures)
        return distance

    def succeeded(self, errand: Errand) -> None:
        """Forget the failures of an errand that succeeded."""
        self._distances.pop(errand, None)

    def is_distant(self, errand: Errand, now: timedelta) -> bool:
        """Check whether the errand is still to be left alone."""
        return self.distance(errand, now) > timedelta(0)

    def distance(self, errand: Errand, now: timedelta) -> timedelta:
        """Return how long the errand is still to be left alone."""
        distance = self._distances.get(errand)
        return max(distance.until - now, timedelta(0)) if distance else timedelta(0)

    def keep(self, pending: AbstractSet[Errand]) -> None:
        """Forget all errands but those that are still to be done: what is done needs no retry."""
        self._distances = {e: d for e, d in self._distances.items() if e in pending}

    def next_due(self, now: timedelta) -> timedelta | None:
        """Return the time to the first errand that is due again; None if nothing failed."""
        due = (distance.until - now for distance in self._distances.values())
        return max(min(due), timedelta(0)) if self._distances else None

    def forget(self) -> None:
        """Try everything at once again: something changed that may cure it."""
        self._distances.clear()


def _growing(resync: timedelta, failures: int) -> timedelta:
    # The exponent is bounded so that a failure of months cannot overflow.
    return min(resync * (1 << min(failures, 16)), LONGEST)
