"""How daemons on one ledger share its clusters: the arithmetic of leases and fair shares.

- A lease ends, for its owner, so long after its renewal was *sent*; for everybody else so long
  after the database got it, which is later.
- A call starts only if all the time that it may take fits into what is left of the lease.
- Each daemon takes an equal share, rounded up, of those that its configuration and the records
  name; what is beyond it is given back, idle clusters first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

RENEWALS = 3
"""How often a lease is renewed within its time: two renewals may fail."""

LONGEST_SKEW = timedelta(seconds=30)
"""How far a wall clock may be from the database's before its windows count for nothing."""


def renewal_of(lease: timedelta) -> timedelta:
    """Return the time after which a lease is to be renewed."""
    return lease / RENEWALS


def shortest_lease(total: timedelta) -> timedelta:
    """Return the shortest lease for calls of *total*: two of them and a renewal fit into it."""
    return 2 * total * RENEWALS / (RENEWALS - 1)


class Lease:
    """A claim on a cluster: its epoch, and until when it holds on CLOCK_BOOTTIME.

    Read by the threads of a worker, renewed by another; once dropped it stays so.
    """

    def __init__(self, cluster: str, epoch: int, until: timedelta) -> None:
        """Begin with a claim that was made."""
        self.cluster = cluster
        self.epoch = epoch
        self._until = until
        self._is_dropped = False

    @property
    def is_dropped(self) -> bool:
        """Check whether it was given up or lost."""
        return self._is_dropped

    def renew(self, until: timedelta) -> None:
        """Let it hold until then."""
        self._until = until

    def drop(self) -> None:
        """Let nothing more leave, whatever comes."""
        self._is_dropped = True

    def left(self, uptime: timedelta) -> timedelta:
        """Return how long it still holds at *uptime*; nothing or less if it does not."""
        return timedelta(0) if self._is_dropped else self._until - uptime

    def has_room(self, uptime: timedelta, needed: timedelta) -> bool:
        """Check whether a call that takes as long as *needed* would end within it."""
        return not self._is_dropped and self._until - uptime >= needed


@dataclass(frozen=True, slots=True)
class Rebalance:
    """What a daemon is to do: claim up to so many, let go of these, and of so many more."""

    claim: int
    must_go: frozenset[str]
    excess: int


def fair_share(clusters: int, members: int) -> int:
    """Return how many of all *clusters* each of so many members speaks to at most."""
    return -(-clusters // max(members, 1))


def plan_rebalance(
    mine: Collection[str], wanted: Collection[str], members: int, *, may_claim: bool
) -> Rebalance:
    """Decide for a daemon that speaks to *mine* of all that are *wanted*."""
    if not may_claim:
        return Rebalance(0, frozenset(mine), 0)
    must_go = frozenset(mine) - frozenset(wanted)
    share, kept = fair_share(len(wanted), members), len(mine) - len(must_go)
    return Rebalance(max(share - kept, 0), must_go, max(kept - share, 0))


def leaving(mine: Iterable[str], busy: Collection[str], plan: Rebalance) -> list[str]:
    """Choose which of *mine* go; those that hold something, *busy*, stay if others can go."""
    others = sorted(set(mine) - plan.must_go, key=lambda name: (name in busy, name))
    return sorted(plan.must_go & set(mine)) + others[: plan.excess]
