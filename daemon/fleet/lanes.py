"""The lanes that there are, and what is asked of all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.listing import Listing
from daemon.core.progress import ClusterView, Progress, combined, progress_in_steps, wanted_now
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.core.summary import ProgressNote
from daemon.core.unreachable import Unreachable
from daemon.fleet.lane import Lane, LaneParts
from daemon.host.event_loop import in_turns
from daemon.monitoring.metrics import ClusterState
from daemon.passes.holdings import Holdings, Store
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline

OVERDUE_AFTER = timedelta(seconds=30)
"""A resume that takes so long is no longer on its way."""

MakeLane = Callable[[ClusterSettings, Iterable[Record], Lease | None, Listing | None], Lane]


def lane_maker(store: Callable[[Lease | None], Store], parts: LaneParts) -> MakeLane:
    """Return what makes lanes of *parts*, each of which writes where *store* says for its lease."""

    def make(
        settings: ClusterSettings,
        records: Iterable[Record],
        lease: Lease | None,
        listing: Listing | None,
    ) -> Lane:
        return Lane(settings, Holdings(store(lease), records, listing, settings.name), parts, lease)

    return make


class Lanes:
    """One lane for each cluster that is spoken to, by name."""

    def __init__(self, make: MakeLane) -> None:
        """Make lanes with *make*."""
        self._make = make
        self._lanes: dict[str, Lane] = {}
        self._lively: dict[str, Lane] = {}
        self._retiring: dict[str, Lane] = {}
        self._has_changed = False

    def __contains__(self, name: str) -> bool:
        """Check whether there is a lane of that name."""
        return name in self._lanes

    def __iter__(self) -> Iterator[Lane]:
        """Return the lanes."""
        return iter(list(self._lanes.values()))

    def names(self) -> frozenset[str]:
        """Name the clusters that have one."""
        return frozenset(self._lanes)

    def get(self, name: str) -> Lane | None:
        """Return the lane of a cluster, if there is one."""
        return self._lanes.get(name)

    def open(
        self,
        settings: ClusterSettings,
        records: Iterable[Record],
        lease: Lease | None = None,
        listing: Listing | None = None,
    ) -> Lane:
        """Open a lane that goes on from *records* and *listing*; `start` begins its passes."""
        lane = self._lanes[settings.name] = self._make(settings, records, lease, listing)
        self._lively[settings.name] = lane
        return lane

    def take_out(self, name: str) -> Lane | None:
        """Take a lane out, and tell it to stop; None if there is none of that name."""
        lane = self._lanes.pop(name, None)
        self._lively.pop(name, None)
        self._retiring.pop(name, None)
        if lane:
            self._has_changed = True
            lane.stop()
        return lane

    def stir(self, name: str) -> None:
        """Note that a pass begins in that lane, or is due: only then can anything there change."""
        if lane := self._lanes.get(name):
            self._lively[name] = lane

    def settle(self) -> bool:
        """Return whether anything may have changed since the last call.

        Lanes with nothing held and nothing to do are not asked again until a pass begins there.
        """
        has_changed = self._has_changed or bool(self._lively)
        self._has_changed = False
        self._lively = {name: lane for name, lane in self._lively.items() if lane.is_needed}
        return has_changed

    def wake(self, *, hurry: bool = False) -> None:
        """Ask every cluster for a pass."""
        for lane in self:
            lane.wake(hurry=hurry)

    def beat(self, now: datetime) -> None:
        """Ask every cluster for a pass where one would have anything to do at *now*."""
        for lane in self:
            lane.beat(now)

    def hand_over(self, lane: Lane, successor: str | None) -> None:
        """Have a lane hand over its records to *successor*; with None it keeps them."""
        lane.hand_over_to(successor)
        if successor:
            self._retiring[lane.settings.name] = lane
        else:
            self._retiring.pop(lane.settings.name, None)

    def is_expecting(self, name: str) -> bool:
        """Check whether a lane is still to hand over its records to the one of that name."""
        return any(lane.successor == name and lane.is_needed for lane in self._retiring.values())

    def dead(self) -> list[str]:
        """Name the clusters whose lane ended without being told to."""
        return [name for name, lane in self._lanes.items() if lane.has_died]

    def holds(self) -> Iterator[Record]:
        """Return the records of all repositories that may be paused by us."""
        for lane in list(self._lively.values()):
            yield from lane.controller.holds

    def certificates(self) -> dict[str, datetime | None]:
        """Return when the first certificate of each cluster ends (UTC), where one was verified."""
        return {name: lane.certificate_ends for name, lane in self._lanes.items()}

    def unreachable(self) -> dict[str, Unreachable | None]:
        """Return why each cluster does not respond as it should, None where it does."""
        return {name: lane.unreachable for name, lane in self._lanes.items()}

    def overdue(self, now: datetime) -> int:
        """Count the repositories that should have been resumed a while before *now*."""
        ends = (hold.until for hold in self.holds() if hold.until)
        return sum(now - end > OVERDUE_AFTER for end in ends)

    def seen(self) -> tuple[tuple[ClusterState, ClusterView], ...]:
        """Return how each cluster stands, and what is known of it, for `counted`."""
        return tuple((_state(name, lane), lane.view.frozen()) for name, lane in self._lanes.items())

    def never_listed(self) -> frozenset[str]:
        """Name the clusters of which no list is known, of this run or an earlier one."""
        return frozenset(name for name, lane in self._lanes.items() if lane.view.listing is None)

    def owed(self) -> list[str]:
        """Name the repositories of which a backup is still to be started."""
        found = (record for lane in self for record in lane.view.records.values())
        return sorted(str(record.key) for record in found if record.backup_due)

    async def progress(self, timeline: Timeline, now: datetime) -> dict[str, Progress]:
        """Return how far each opening that holds anything is, by its id, on these clusters.

        Others have their turn meanwhile.
        """
        parts: dict[str, list[Progress]] = {}
        for lane in self:
            found = await in_turns(progress_in_steps(timeline, lane.view, now))
            for opening, part in found.items():
                parts.setdefault(opening, []).append(part)
        return {opening: combined(found) for opening, found in parts.items()}

    def notes(self, opening: str) -> tuple[ProgressNote, ...]:
        """Return what was noted of an opening on these clusters, for a while after its end."""
        return tuple(note for lane in self for note in lane.controller.tally.notes(opening))

    def is_settled(self, opening: str) -> bool:
        """Check whether nothing is held for an opening where a cluster answers."""
        return all(
            lane.controller.tally.is_settled(opening)
            and not any(opening in hold.openings for hold in lane.controller.holds)
            for lane in self
            if lane.unreachable is None
        )

    def known_ids(self) -> dict[str, frozenset[str]]:
        """Return the repositories of each cluster that was listed or found unreachable."""
        return {
            name: lane.controller.known_ids
            for name, lane in self._lanes.items()
            if lane.controller.has_looked
        }


async def ended(lanes: Iterable[Lane], within: timedelta) -> bool:
    """Wait until the last passes of *lanes* have ended; return whether all did *within* that."""
    waits = [asyncio.create_task(lane.join()) for lane in lanes]
    if not waits:
        return True
    _, pending = await asyncio.wait(waits, timeout=within.total_seconds())
    for wait in pending:
        wait.cancel()
    return not pending


def _state(name: str, lane: Lane) -> ClusterState:
    return ClusterState(
        name,
        holds=0,
        overdue_s=0.0,
        last_contact=lane.controller.last_contact,
        certificate_ends=lane.certificate_ends,
        is_up=lane.is_up,
        owed=lane.controller.owed,
    )


def counted(
    state: ClusterState, view: ClusterView, timeline: Timeline, now: datetime
) -> ClusterState:
    """Return *state* with how many repositories are held, wanted and pending at *now*.

    Of thousands that takes a while, which a thread beside the event loop has.
    """
    holds = [record for record in view.records.values() if record.is_hold]
    late = [(now - hold.until).total_seconds() for hold in holds if hold.until]
    found = wanted_now(timeline, view, now)
    return replace(
        state,
        holds=len(holds),
        overdue_s=max([0.0, *late]),
        wanted=found.wanted,
        pending=found.pending,
        by_window=found.windows,
    )
