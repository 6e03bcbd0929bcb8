"""Which clusters are spoken to: all that the file names, and those that we still owe a resume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from daemon.config.settings import Settings
from daemon.core.listing import Listing
from daemon.core.record import Record
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import Lanes, ended
from daemon.service.cluster import ClusterSettings

CUT_WITHIN = timedelta(seconds=2)
"""How long calls that were cut may take to say so in the log."""


class Fleet(ABC):
    """The lanes of a daemon, and who decides which there are."""

    def __init__(self, lanes: Lanes) -> None:
        """Open and close *lanes*."""
        self.lanes = lanes

    @property
    @abstractmethod
    def may_pause(self) -> bool:
        """Whether the clock is one to go by."""

    @property
    @abstractmethod
    def differs(self) -> bool:
        """Whether others, on the same ledger, go by another configuration."""

    @abstractmethod
    def problems(self) -> list[str]:
        """Return what is in the way of speaking to clusters at all."""

    @abstractmethod
    def prepare(self, settings: Settings) -> None:
        """Be ready for *settings*; called before their rules are in force."""

    @abstractmethod
    def assign(
        self, clusters: Mapping[str, ClusterSettings], earlier: Mapping[str, ClusterSettings]
    ) -> None:
        """Speak to *clusters* from now on; *earlier* says how others were reached."""

    @abstractmethod
    def adopt(self, records: Iterable[Record], earlier: Mapping[str, ClusterSettings]) -> None:
        """Go on with records that were handed over to another name."""

    @abstractmethod
    def keep_up(self) -> None:
        """Let go of lanes that are no longer ours or needed, and open those that are by now."""

    @abstractmethod
    async def stop(self, within: timedelta) -> None:
        """Start no new call, wait for those in flight, then cut them."""

    @property
    @abstractmethod
    def waiting(self) -> tuple[Record, ...]:
        """The records of clusters that nobody can reach."""

    @property
    def holds(self) -> int:
        """How many repositories may be paused by us."""
        return sum(record.is_hold for record in self.waiting) + sum(1 for _ in self.lanes.holds())

    @property
    def openings(self) -> frozenset[str]:
        """The identities of the openings for which anything is held."""
        held = (*(record for record in self.waiting if record.is_hold), *self.lanes.holds())
        return frozenset(id_ for record in held for id_ in record.openings)


class OwnFleet(Fleet):
    """All clusters of the file are ours: there is one daemon on the ledger."""

    may_pause = True
    differs = False

    def __init__(
        self,
        lanes: Lanes,
        records: Iterable[Record],
        listings: Mapping[str, Listing] = MappingProxyType({}),
    ) -> None:
        """Go on from *records* and *listings*, which are what the ledger had at the start."""
        super().__init__(lanes)
        self._listings = dict(listings)
        self._records: dict[str, list[Record]] = {}
        for record in records:
            self._records.setdefault(record.key.cluster, []).append(record)
        self._named: frozenset[str] = frozenset()
        self._former: set[str] = set()

    @property
    def waiting(self) -> tuple[Record, ...]:
        """The records of clusters that nobody can reach."""
        return tuple(record for records in self._records.values() for record in records)

    def problems(self) -> list[str]:
        """Return what is in the way of speaking to clusters at all."""
        return []

    def prepare(self, settings: Settings) -> None:
        """Let what is held go on under the new name where *settings* call a cluster otherwise.

        Called before the rules change: by the new ones the old name would resume it.
        """
        successors = self._successors(settings.clusters)
        for lane in self.lanes:
            name, address = lane.settings.name, lane.settings.address
            heir = settings.clusters.get(lane.successor or "")
            if name in settings.clusters:
                self.lanes.hand_over(lane, None)
            elif heir is None or heir.address != address:
                # An earlier choice stays good, although something is known of that one by now.
                self.lanes.hand_over(lane, successors.get(address))

    def assign(
        self, clusters: Mapping[str, ClusterSettings], earlier: Mapping[str, ClusterSettings]
    ) -> None:
        """Have a lane for each of *clusters*, and for those of *earlier* that records remain of.

        Every lane is woken: whatever failed before may go well now.
        """
        self._named = frozenset(clusters)
        successors = self._successors(clusters)
        orphans = {name: earlier[name] for name in self._records.keys() & earlier.keys()}
        for name, settings in {**orphans, **clusters}.items():
            lane = self.lanes.get(name)
            if lane:
                lane.reconfigure(settings)
                continue
            lane = self._open(settings)
            if name not in clusters:
                self.lanes.hand_over(lane, successors.get(settings.address))
            lane.start()
        for lane in self.lanes:
            lane.controller.forget_failures()
        self._former = set(self.lanes.names() - self._named)
        self.lanes.wake(hurry=True)

    def adopt(self, records: Iterable[Record], earlier: Mapping[str, ClusterSettings]) -> None:
        """Go on with records that were handed over to another name."""
        of_cluster: dict[str, list[Record]] = {}
        for record in records:
            of_cluster.setdefault(record.key.cluster, []).append(record)
        for name, found in of_cluster.items():
            lane = self.lanes.get(name)
            if lane:
                lane.adopt(found)
                self.lanes.stir(name)
                continue
            self._records.setdefault(name, []).extend(found)
            if name in earlier:
                self._open(earlier[name]).start()
                self._former |= {name} - self._named

    def _open(self, settings: ClusterSettings) -> Lane:
        name = settings.name
        return self.lanes.open(
            settings, self._records.pop(name, ()), listing=self._listings.pop(name, None)
        )

    def keep_up(self) -> None:
        """Let go of clusters that the file no longer names, once nothing is owed to them."""
        for name in sorted(self._former):
            lane = self.lanes.get(name)
            if lane and lane.controller.has_looked and not lane.is_needed:
                self.lanes.take_out(name)
                self._former.discard(name)

    async def stop(self, within: timedelta) -> None:
        """Start no new call, wait for those in flight, then cut them."""
        for lane in self.lanes:
            lane.stop()
        if not await ended(self.lanes, within):
            for lane in self.lanes:
                lane.cut()
            await ended(self.lanes, CUT_WITHIN)

    def _successors(self, clusters: Mapping[str, ClusterSettings]) -> dict[str, str]:
        """Name, by address, the clusters of which nothing is known yet."""
        known = {lane.settings.name for lane in self.lanes if lane.controller.is_needed}
        known |= self._records.keys()
        return {each.address: name for name, each in clusters.items() if name not in known}
