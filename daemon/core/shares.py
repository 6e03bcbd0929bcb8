"""Compute leases and fair shares, by which daemons on one ledger share its clusters.

- For its owner a lease runs from when its renewal was *sent*; for all others from when the database
  received it, which is later.
- A call starts only if the rest of the lease is as long as the call may take.
- Each daemon takes an equal share, rounded up, of the clusters that its configuration and the
  records name, and gives back what is beyond it, idle clusters first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

RENEWALS = 3
"""How often a lease is renewed within its duration: two renewals may fail."""

LONGEST_SKEW = timedelta(seconds=30)
"""How far a wall clock may differ from the database's before its windows are not used."""


def renewal_of(lease: timedelta) -> timedelta:
    """Return the time after which a lease is to be renewed."""
    return lease / RENEWALS


def shortest_lease(total: timedelta) -> timedelta:
    """Return the shortest lease for calls of *total*: it has room for two of them and a renewal."""
    return 2 * total * RENEWALS / (RENEWALS - 1)


class Lease:
    """A claim on a cluster: its epoch, and until when it is valid on CLOCK_BOOTTIME.

    Once dropped it stays dropped.
    """

    def __init__(self, cluster: str, epoch: int, until: timedelta) -> None:
        """Start with a claim that was granted."""
        self.cluster = cluster
        self.epoch = epoch
        self._until = until
        self._is_dropped = False

    @property
    def is_dropped(self) -> bool:
        """Check whether it was given up or lost."""
        return self._is_dropped

    def renew(self, until: timedelta) -> None:
        """Extend it to *until*."""
        self._until = until

    def drop(self) -> None:
        """End it for good: no call may start any more."""
        self._is_dropped = True

    def left(self, uptime: timedelta) -> timedelta:
        """Return how long it is still valid at *uptime*; zero or less if it is not."""
        return timedelta(0) if self._is_dropped else self._until - uptime

    def has_room(self, uptime: timedelta, needed: timedelta) -> bool:
        """Check whether a call that takes *needed* would end before it does."""
        return not self._is_dropped and self._until - uptime >= needed


@dataclass(frozen=True, slots=True)
class Rebalance:
    """How many clusters a daemon may claim, which it must give back, and how many more."""

    claim: int
    must_go: frozenset[str]
    excess: int


def fair_share(clusters: int, members: int) -> int:
    """Return how many of *clusters* each of so many members may have at most."""
    return -(-clusters // max(members, 1))


def plan_rebalance(
    mine: Collection[str], wanted: Collection[str], members: int, *, may_claim: bool
) -> Rebalance:
    """Return the plan of a daemon that has *mine*, of all that are *wanted*."""
    if not may_claim:
        return Rebalance(0, frozenset(mine), 0)
    must_go = frozenset(mine) - frozenset(wanted)
    share, kept = fair_share(len(wanted), members), len(mine) - len(must_go)
    return Rebalance(max(share - kept, 0), must_go, max(kept - share, 0))


def leaving(mine: Iterable[str], busy: Collection[str], plan: Rebalance) -> list[str]:
    """Return which of *mine* to give back; those that hold something, *busy*, come last."""
    others = sorted(set(mine) - plan.must_go, key=lambda name: (name in busy, name))
    return sorted(plan.must_go & set(mine)) + others[: plan.excess]
