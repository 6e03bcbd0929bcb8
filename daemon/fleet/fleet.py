"""The workers of all clusters: those in the file, and those that still wait for a resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from daemon.config.settings import Settings
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.core.unreachable import Unreachable
from daemon.fleet.worker import Worker
from daemon.monitoring.metrics import ClusterState
from daemon.service.cluster import ClusterSettings

OVERDUE_AFTER = timedelta(seconds=30)
"""A resume that takes longer than this counts as overdue."""

CUT_WITHIN = timedelta(seconds=2)
"""How long calls that were cut off may take to log that."""

MakeWorker = Callable[[ClusterSettings, Iterable[Record], Lease | None], Worker]


class Fleet:
    """One worker for each cluster that is wanted, held or both."""

    def __init__(self, make_worker: MakeWorker, records: Iterable[Record]) -> None:
        """Make workers with *make_worker*; *records* are those of the ledger at the start."""
        self._make_worker = make_worker
        self._records: dict[str, list[Record]] = {}
        for record in records:
            self._records.setdefault(record.key.cluster, []).append(record)
        self._workers: dict[str, Worker] = {}
        self._named: frozenset[str] = frozenset()
        self._fresh: Mapping[str, str] = {}

    @property
    def may_pause(self) -> bool:
        """Whether the clock can be trusted."""
        return True

    @property
    def differs(self) -> bool:
        """Whether another configuration than ours is in force on a shared ledger."""
        return False

    def problems(self) -> list[str]:
        """Return what keeps this daemon from managing clusters at all."""
        return []

    def follow_others(self) -> None:
        """Follow what other daemons on the same ledger do: there are none."""

    @property
    def orphans(self) -> frozenset[str]:
        """The clusters that have records from an earlier run and no worker."""
        return frozenset(self._records)

    @property
    def holds(self) -> int:
        """How many repositories may be paused by us."""
        waiting = sum(record.is_hold for records in self._records.values() for record in records)
        return waiting + sum(len(worker.controller.holds) for worker in self._workers.values())

    @property
    def openings(self) -> frozenset[str]:
        """The ids of the openings for which anything is held."""
        waiting = [record for records in self._records.values() for record in records]
        return frozenset(
            id_ for record in (*waiting, *self._held()) if record.is_hold for id_ in record.openings
        )

    @property
    def certificates(self) -> dict[str, datetime | None]:
        """When the first certificate of each cluster ends (UTC), where one was verified."""
        return {name: worker.certificate_ends for name, worker in self._workers.items()}

    @property
    def unreachable(self) -> dict[str, Unreachable | None]:
        """Why each cluster does not answer as it should, None where it does."""
        return {name: worker.unreachable for name, worker in self._workers.items()}

    def overdue(self, now: datetime) -> int:
        """Count the repositories whose resume is overdue at *now*."""
        ends = (hold.until for hold in self._held() if hold.until)
        return sum(now - end > OVERDUE_AFTER for end in ends)

    def states(self, now: datetime) -> tuple[ClusterState, ...]:
        """Return the state of each cluster at *now*."""
        return tuple(_state(name, worker, now) for name, worker in list(self._workers.items()))

    def held_since(self, instant: datetime) -> list[str]:
        """Name the repositories that have been held since before *instant*."""
        return sorted(str(hold.key) for hold in self._held() if hold.since and hold.since < instant)

    def _held(self) -> Iterator[Record]:
        """Return the holds of all workers; safe from any thread, while workers come and go."""
        for worker in list(self._workers.values()):
            yield from worker.controller.holds

    def assign(
        self, clusters: Mapping[str, ClusterSettings], earlier: Mapping[str, ClusterSettings]
    ) -> None:
        """Assign a worker to each of *clusters*, and to those of *earlier* that have records.

        One of *earlier* that has another name in *clusters* now hands its records over to that.
        Every worker is woken: what failed before may succeed now.
        """
        # First: a worker that starts below looks up whether its cluster has a new name.
        self._named = frozenset(clusters)
        self._fresh = self._without_worker(clusters)
        needed = {name: earlier[name] for name in self.orphans & earlier.keys()} | dict(clusters)
        for name, settings in needed.items():
            worker = self._workers.get(name)
            if worker:
                worker.reconfigure(settings)
            else:
                self._start(settings)
        # Before they wake, or the next pass would still wait for the last failure's next attempt.
        for worker in self._workers.values():
            worker.controller.forget_failures()
        self.wake(hurry=True)

    def prepare(self, settings: Settings) -> None:
        """Hand over what is held on a cluster that has a new name in *settings*.

        To be called before the rules change: by the new ones the old name's worker would resume it.
        """
        clusters = settings.clusters
        self._fresh = self._without_worker(clusters)
        for name, worker in self._workers.items():
            if name not in clusters and worker.settings.address in self._fresh:
                worker.hand_over_to(self._fresh[worker.settings.address])

    def adopt(self, records: Iterable[Record], earlier: Mapping[str, ClusterSettings]) -> None:
        """Go on with records that were handed over to another cluster's name."""
        of_cluster: dict[str, list[Record]] = {}
        for record in records:
            of_cluster.setdefault(record.key.cluster, []).append(record)
        for name, found in of_cluster.items():
            if name in self._workers:
                self._workers[name].adopt(found)
                continue
            self._records.setdefault(name, []).extend(found)
            if name in earlier:
                self._start(earlier[name])

    def _without_worker(self, clusters: Mapping[str, ClusterSettings]) -> dict[str, str]:
        """Return, by address, the names of clusters that have neither worker nor records."""
        known = self._workers.keys() | self._records.keys()
        return {each.address: name for name, each in clusters.items() if name not in known}

    def _start(self, settings: ClusterSettings) -> None:
        name = settings.name
        worker = self._workers[name] = self._make_worker(
            settings, self._records.pop(name, ()), None
        )
        if name not in self._named and settings.address in self._fresh:
            worker.hand_over_to(self._fresh[settings.address])
        worker.start()

    def wake(self, *, hurry: bool = False) -> None:
        """Ask every cluster for a pass."""
        for worker in self._workers.values():
            worker.wake(hurry=hurry)

    def remove_idle(self) -> None:
        """Stop the workers of clusters that the file no longer names, once nothing is held."""
        for name in self._workers.keys() - self._named:
            if (
                self._workers[name].controller.has_looked
                and not self._workers[name].controller.is_needed
            ):
                self._workers.pop(name).stop()

    def known_ids(self) -> dict[str, frozenset[str]]:
        """Return the ids of the repositories of each cluster that was listed or unreachable."""
        return {
            name: worker.controller.known_ids
            for name, worker in list(self._workers.items())
            if worker.controller.has_looked
        }

    def stop(self, within: timedelta) -> bool:
        """Start no new call, wait for those in flight, then cut them; return whether all ended."""
        workers = self._workers.values()
        for worker in workers:
            worker.stop()
        if self._join(within):
            return True
        for worker in workers:
            worker.cut()
        return self._join(CUT_WITHIN)

    def _join(self, within: timedelta) -> bool:
        end = time.monotonic() + within.total_seconds()
        ended = [
            worker.join(timedelta(seconds=max(end - time.monotonic(), 0)))
            for worker in self._workers.values()
        ]
        return all(ended)


def _state(name: str, worker: Worker, now: datetime) -> ClusterState:
    holds, contact = worker.controller.holds, worker.controller.last_contact
    late = [(now - hold.until).total_seconds() for hold in holds if hold.until]
    return ClusterState(name, len(holds), max([0.0, *late]), contact, worker.certificate_ends)
