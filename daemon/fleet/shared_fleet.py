"""The clusters that this daemon has claimed, of all that several daemons share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from daemon.config.settings import Settings
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.shares import Lease, leaving
from daemon.fleet.fleet import CUT_WITHIN, Fleet
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import Lanes
from daemon.fleet.member import Membership
from daemon.ledger.postgresql.claims import Grant
from daemon.service.cluster import ClusterSettings

HAND_OVER_WITHIN = timedelta(seconds=3)
_NONE = timedelta(0)


class SharedFleet(Fleet):
    """One lane for each claimed cluster; the membership says what to claim and what to let go."""

    def __init__(
        self,
        lanes: Lanes,
        membership: Membership,
        clock: Callable[[], Moment],
        on_news: Callable[[], None],
    ) -> None:
        """Open lanes for what *membership* claims; it calls *on_news* when it has."""
        super().__init__(lanes)
        self._membership = membership
        self._clock = clock
        self._on_news = on_news
        self._clusters: Mapping[str, ClusterSettings] = {}
        self._leaving: dict[str, Lane] = {}

    waiting = ()

    @property
    def may_pause(self) -> bool:
        """Whether the clock is near enough to the database's to go by."""
        return self._membership.may_pause

    @property
    def differs(self) -> bool:
        """Whether the configuration in force is another than ours."""
        return not self._membership.agrees

    def problems(self) -> list[str]:
        """Return what is in the way of speaking to clusters at all."""
        return self._membership.problems()

    def prepare(self, settings: Settings) -> None:
        """Speak by *settings* alone from now on: if they are not in force, let go of everything.

        A cluster that has another name now goes on under the old one, until its holds are resumed.
        """
        self._membership.aim(settings.applied(datetime.now(UTC)), settings.clusters, settings.lease)
        if not self._membership.agrees:
            self._let_go(self.lanes.names())

    def assign(
        self, clusters: Mapping[str, ClusterSettings], earlier: Mapping[str, ClusterSettings]
    ) -> None:
        """Reach claimed clusters by *clusters* from now on, and claim our share of them."""
        del earlier
        self._clusters = clusters
        for lane in self.lanes:
            lane.reconfigure(clusters.get(lane.settings.name, lane.settings))
            lane.controller.forget_failures()
        self.lanes.wake(hurry=True)
        self._membership.start(self._on_news)

    def adopt(self, records: Iterable[Record], earlier: Mapping[str, ClusterSettings]) -> None:
        """Leave it to the membership: whoever claims the other name reads them with it."""

    def keep_up(self) -> None:
        """Begin with what was claimed, end what is lost or too much, look where a call came late.

        What was lost is cut off: whoever has it now must not meet a call of ours.
        """
        uptime = self._clock().uptime
        lost = [
            lane.lease for lane in self.lanes if lane.lease and lane.lease.left(uptime) <= _NONE
        ]
        self._membership.lose(lost)
        self._let_go([lease.cluster for lease in lost], cut=True)
        plan = self._membership.rebalance
        if plan.must_go or plan.excess:
            busy = {lane.settings.name for lane in self.lanes if lane.controller.is_needed}
            self._let_go(leaving(self.lanes.names(), busy, plan))
        self._return_ended()
        for lease, grant in self._membership.granted():
            self._take_on(lease, grant)
        late_calls = self._membership.late_calls
        for late in late_calls.to_look_at(self.lanes.names()):
            lane = self.lanes.get(late.cluster)
            if lane and lane.lease:
                recorded = partial(late_calls.recorded, late, lane.lease.epoch)
                lane.suspect(late.repository, late.action, recorded)

    async def stop(self, within: timedelta) -> None:
        """Start no new call, and hand each cluster over as soon as its calls have ended.

        Calls that take longer than *within* are cut off.
        """
        self._membership.leave()
        self._let_go(self.lanes.names())
        if not await self._wait_for_ends(within):
            for lane in self._leaving.values():
                lane.cut()
            await self._wait_for_ends(CUT_WITHIN)
        await self._membership.close(HAND_OVER_WITHIN)

    async def _wait_for_ends(self, within: timedelta) -> bool:
        """Give each cluster back the moment that its lane has ended."""

        async def give_back(lane: Lane) -> None:
            await lane.join()
            self._return_ended()

        waits = [asyncio.create_task(give_back(lane)) for lane in self._leaving.values()]
        if waits:
            _, pending = await asyncio.wait(waits, timeout=within.total_seconds())
            for wait in pending:
                wait.cancel()
        return not self._leaving

    def _take_on(self, lease: Lease, grant: Grant) -> None:
        settings = self._clusters.get(lease.cluster) or self._membership.settings_of(lease.cluster)
        if settings is None or lease.is_dropped:
            # A reload came between.
            self._membership.ended(lease, ())
            return
        self.lanes.open(settings, grant.records, lease, grant.listing).start()

    def _let_go(self, names: Iterable[str], *, cut: bool = False) -> None:
        for name in names:
            lane = self.lanes.take_out(name)
            if lane:
                self._membership.let_go(name)
                self._leaving[name] = lane
                if cut and lane.lease:
                    lane.lease.drop()
                    lane.cut()

    def _return_ended(self) -> None:
        for name, lane in list(self._leaving.items()):
            if lane.has_ended and lane.lease:
                del self._leaving[name]
                self._membership.ended(lane.lease, lane.unrecorded)
