"""The claims of one daemon, shared by the thread that renews them and the main loop."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from daemon.core.attempt import Attempt
from daemon.core.shares import Lease
from daemon.ledger.claims import Grant


@dataclass(frozen=True, slots=True)
class Returned:
    """The claims to give back, and the attempts that came too late, all with their epochs."""

    epochs: Mapping[str, int]
    late: tuple[tuple[int, Attempt], ...]


class Leases:
    """Claimed clusters, those whose workers are ending or have ended; safe from any thread."""

    def __init__(self) -> None:
        """Begin with nothing claimed."""
        self._turn = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._let_go: set[str] = set()
        self._ended: dict[str, int] = {}
        self._late: list[tuple[int, Attempt]] = []
        self._grants: list[tuple[Lease, Grant]] = []

    @property
    def names(self) -> frozenset[str]:
        """The claimed clusters, including those whose workers are ending."""
        with self._turn:
            return frozenset(self._held)

    @property
    def staying(self) -> frozenset[str]:
        """The claimed clusters whose workers go on."""
        with self._turn:
            return frozenset(self._held.keys() - self._let_go)

    def take(self, grants: Iterable[Grant], until: timedelta) -> None:
        """Add new claims, which hold *until* that uptime."""
        with self._turn:
            for grant in grants:
                lease = self._held[grant.cluster] = Lease(grant.cluster, grant.epoch, until)
                self._grants.append((lease, grant))

    def granted(self) -> list[tuple[Lease, Grant]]:
        """Return the claims that were added since the last call."""
        with self._turn:
            found, self._grants = self._grants, []
        return found

    def renew(self, renewed: Mapping[str, int], until: timedelta) -> list[str]:
        """Extend these claims, by their epochs, *until* then; drop all others, and return those."""
        with self._turn:
            lost = []
            for name, held in self._held.items():
                if renewed.get(name) == held.epoch:
                    held.renew(until)
                elif not held.is_dropped:
                    held.drop()
                    lost.append(name)
            known = {name: held.epoch for name, held in self._held.items()}
            # The answer to these claims was lost on its way, so they have no worker.
            self._ended |= {name: each for name, each in renewed.items() if known.get(name) != each}
        return sorted(lost)

    def let_go(self, cluster: str) -> None:
        """Note that a cluster's worker ends; the claim is renewed until it has."""
        with self._turn:
            self._let_go.add(cluster)

    def end(self, lease: Lease, unrecorded: Iterable[Attempt]) -> None:
        """Note that a worker has ended, and what it could not record."""
        with self._turn:
            self._ended[lease.cluster] = lease.epoch
            self._late += [(lease.epoch, attempt) for attempt in unrecorded]

    def end_untaken(self) -> None:
        """Note that the latest claims get no worker any more."""
        for lease, _ in self.granted():
            self.end(lease, ())

    def to_return(self) -> Returned:
        """Return what the database has to be told."""
        with self._turn:
            return Returned(dict(self._ended), tuple(self._late))

    def kept(self, late: int) -> None:
        """Note that the first *late* attempts have been written."""
        with self._turn:
            del self._late[:late]

    def returned(self, epochs: Mapping[str, int]) -> list[str]:
        """Note that these were given back; return those that had not been lost before."""
        released = []
        with self._turn:
            for name, epoch in epochs.items():
                if self._ended.get(name) == epoch:
                    del self._ended[name]
                held = self._held.get(name)
                if held and held.epoch == epoch:
                    del self._held[name]
                    self._let_go.discard(name)
                    released += [] if held.is_dropped else [name]
        return sorted(released)
