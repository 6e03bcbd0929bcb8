"""The claims of one of several daemons: held, let go of, and ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from daemon.core.attempt import Attempt
from daemon.core.shares import Lease
from daemon.ledger.postgresql.claims import Grant


@dataclass(frozen=True, slots=True)
class Returned:
    """What is to be given back, by its epochs, and what came too late, each with its epoch."""

    epochs: Mapping[str, int]
    late: tuple[tuple[int, Attempt], ...]


class Leases:
    """What is claimed, what is let go of, and what has ended."""

    def __init__(self) -> None:
        """Begin with nothing claimed."""
        self._held: dict[str, Lease] = {}
        self._let_go: set[str] = set()
        self._ended: dict[str, int] = {}
        self._late: list[tuple[int, Attempt]] = []
        self._grants: list[tuple[Lease, Grant]] = []
        self._lost: set[tuple[str, int]] = set()

    @property
    def names(self) -> frozenset[str]:
        """The clusters that are claimed, those included whose lanes still end."""
        return frozenset(self._held)

    @property
    def staying(self) -> frozenset[str]:
        """The clusters that are claimed and not let go of."""
        return frozenset(self._held.keys() - self._let_go)

    def take(self, grants: Iterable[Grant], until: timedelta) -> None:
        """Begin with claims that were made, which hold until then."""
        for grant in grants:
            lease = self._held[grant.cluster] = Lease(grant.cluster, grant.epoch, until)
            self._grants.append((lease, grant))

    def granted(self) -> list[tuple[Lease, Grant]]:
        """Return what was claimed since this was asked last."""
        found, self._grants = self._grants, []
        return found

    def renew(self, renewed: Mapping[str, int], until: timedelta) -> list[str]:
        """Let these go on until then, by their epochs; drop all others, and name those."""
        lost = []
        for name, held in self._held.items():
            if self._ended.get(name) == held.epoch:
                # Not asked for.
                continue
            if renewed.get(name) == held.epoch:
                held.renew(until)
            elif self.lose(held):
                lost.append(name)
        known = {name: held.epoch for name, held in self._held.items()}
        # Claimed by an answer that was lost on its way: nobody here speaks to these.
        self._ended |= {name: each for name, each in renewed.items() if known.get(name) != each}
        return sorted(lost)

    def lose(self, lease: Lease) -> bool:
        """Drop a lease that is over; return whether that is news."""
        lease.drop()
        is_news = (lease.cluster, lease.epoch) not in self._lost
        self._lost.add((lease.cluster, lease.epoch))
        return is_news

    @property
    def ended(self) -> dict[str, int]:
        """The claims that nobody here needs any more, by their epochs."""
        return dict(self._ended)

    def let_go(self, cluster: str) -> None:
        """Note that a cluster's lane ends; the claim is renewed until it has."""
        self._let_go.add(cluster)

    def end(self, lease: Lease, unrecorded: Iterable[Attempt]) -> None:
        """Note that a lane has ended, and what it could not record."""
        self._ended[lease.cluster] = lease.epoch
        self._late += [(lease.epoch, attempt) for attempt in unrecorded]

    def end_untaken(self) -> None:
        """Note that what was claimed last gets no lane any more."""
        for lease, _ in self.granted():
            self.end(lease, ())

    def to_return(self) -> Returned:
        """Return what the database is to be told."""
        return Returned(dict(self._ended), tuple(self._late))

    def kept(self, late: int) -> None:
        """Note that so many late attempts are kept."""
        del self._late[:late]

    def returned(self, epochs: Mapping[str, int]) -> list[str]:
        """Note that the database knows; name those that had not been lost before."""
        released = []
        for name, epoch in epochs.items():
            if self._ended.get(name) == epoch:
                del self._ended[name]
            held = self._held.get(name)
            if held and held.epoch == epoch:
                del self._held[name]
                self._lost.discard((name, epoch))
                self._let_go.discard(name)
                released += [] if held.is_dropped else [name]
        return sorted(released)
