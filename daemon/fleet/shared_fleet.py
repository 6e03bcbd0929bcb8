"""The workers of the clusters that this daemon has claimed on a shared ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from daemon.config.settings import Settings
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.shares import Lease, leaving
from daemon.fleet.fleet import CUT_WITHIN, Fleet, MakeWorker
from daemon.fleet.member import Membership
from daemon.fleet.worker import Worker
from daemon.service.cluster import ClusterSettings

LOOK_EVERY_S = 0.02
HAND_OVER_WITHIN = timedelta(seconds=3)
_NONE = timedelta(0)


class SharedFleet(Fleet):
    """One worker for each claimed cluster; the membership decides what to claim and release."""

    def __init__(
        self,
        make_worker: MakeWorker,
        membership: Membership,
        clock: Callable[[], Moment],
        on_news: Callable[[], None],
    ) -> None:
        """Make workers for what *membership* claims; it calls *on_news* when something changed."""
        super().__init__(make_worker, ())
        self._membership = membership
        self._clock = clock
        self._on_news = on_news
        self._clusters: Mapping[str, ClusterSettings] = {}
        self._leaving: dict[str, Worker] = {}

    @property
    def may_pause(self) -> bool:
        """Whether the clock is near enough to the database's to be trusted."""
        return self._membership.may_pause

    @property
    def differs(self) -> bool:
        """Whether another configuration than ours is in force."""
        return not self._membership.agrees

    def problems(self) -> list[str]:
        """Return what keeps this daemon from managing clusters at all."""
        return self._membership.problems()

    def prepare(self, settings: Settings) -> None:
        """Go by *settings* alone from now on; let go of all clusters if they are not in force.

        A cluster that has a new name keeps the old one until its holds are resumed.
        """
        applied = settings.applied(datetime.now(UTC))
        self._membership.aim(applied, settings.clusters, settings.lease)
        if not self._membership.agrees:
            self._let_go(list(self._workers))

    def assign(
        self, clusters: Mapping[str, ClusterSettings], earlier: Mapping[str, ClusterSettings]
    ) -> None:
        """Reach claimed clusters by *clusters* from now on, and claim our share of them."""
        del earlier
        self._clusters = clusters
        self._named = frozenset(clusters)
        for name, worker in self._workers.items():
            worker.reconfigure(clusters.get(name, worker.settings))
            worker.controller.forget_failures()
        self.wake(hurry=True)
        self._membership.start(self._on_news)

    def adopt(self, records: Iterable[Record], earlier: Mapping[str, ClusterSettings]) -> None:
        """Leave it to the membership, which finds what was handed over to another name."""

    def remove_idle(self) -> None:
        """Leave it to the membership, which lets go of clusters without a name and records."""

    def follow_others(self) -> None:
        """Stop workers whose claims are lost or too many, start those of new claims.

        Where a stale call was found, its effect is looked for. Workers whose claims are lost are
        cut off: the cluster's new owner must not meet a call of ours.
        """
        uptime = self._clock().uptime
        lost = [n for n, w in self._workers.items() if w.lease and w.lease.left(uptime) <= _NONE]
        self._let_go(lost, cut=True)
        plan = self._membership.rebalance
        if plan.must_go or plan.excess:
            busy = {name for name, worker in self._workers.items() if worker.controller.is_needed}
            self._let_go(leaving(self._workers, busy, plan))
        # Before new claims: one may be of a cluster whose worker has just ended.
        self._return_ended()
        for lease, grant in self._membership.granted():
            self._take_on(lease, grant.records)
        for late in self._membership.to_look_at():
            if late.cluster in self._workers:
                self._workers[late.cluster].suspect(late.repository, late.action)

    def stop(self, within: timedelta) -> bool:
        """Start no new call, and give each cluster back as soon as its calls have ended.

        Calls that take longer than *within* are cut off; return whether all ended.
        """
        self._membership.leave()
        self._let_go(list(self._workers))
        has_ended = self._wait_for_ends(within)
        if not has_ended:
            for worker in self._leaving.values():
                worker.cut()
            has_ended = self._wait_for_ends(CUT_WITHIN)
        self._membership.close(HAND_OVER_WITHIN)
        return has_ended

    def _wait_for_ends(self, within: timedelta) -> bool:
        end = time.monotonic() + within.total_seconds()
        while True:
            self._return_ended()
            if not self._leaving or time.monotonic() > end:
                return not self._leaving
            time.sleep(LOOK_EVERY_S)

    def _take_on(self, lease: Lease, records: Iterable[Record]) -> None:
        settings = self._clusters.get(lease.cluster) or self._membership.settings_of(lease.cluster)
        if settings is None or lease.is_dropped:
            # There was a reload since.
            self._membership.ended(lease, ())
            return
        worker = self._workers[lease.cluster] = self._make_worker(settings, records, lease)
        worker.start()

    def _let_go(self, names: Iterable[str], *, cut: bool = False) -> None:
        for name in names:
            worker = self._workers.pop(name, None)
            if worker:
                self._membership.let_go(name)
                worker.stop()
                self._leaving[name] = worker
                if cut and worker.lease:
                    worker.lease.drop()
                    worker.cut()

    def _return_ended(self) -> None:
        for name, worker in list(self._leaving.items()):
            if worker.join(_NONE) and worker.lease:
                del self._leaving[name]
                self._membership.ended(worker.lease, worker.unrecorded)
