"""How far openings are: how many repositories are wanted, how many paused, what is pending and why.

No clock, no file, no network, no log. Whoever is asked how far an opening is asks here:

1. Wanted is what an opening is for: of the last list, of the records, and what is plainly named.
2. Paused is what was last seen paused, by us or by somebody else; the rest of it is pending.
3. Where no list was taken since the opening began there may be more, which is pending, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from daemon.core.absent import wanted_in_steps
from daemon.core.decide import Reason
from daemon.core.listing import Listing
from daemon.core.record import Phase, Record
from daemon.core.unreachable import Unreachable
from daemon.windows.timeline import Timeline
from daemon.windows.work import Steps, Work, result_of

MISSING = "the cluster has no such repository"
NOT_LOOKED = "not looked at yet"
UNSEEN = "the last list does not show it"
NO_DAEMON = "no daemon runs"

_WORK_OF_A_REPOSITORY = 2
_WORK_OF_AN_OPENING = 5

WHY_LEFT = {
    Reason.YIELDED: "somebody resumed it",
    Reason.DRY_RUN: "a dry run pauses nothing",
    Reason.CLOCK_DIFFERS: "the clock is wrong, so nothing new is paused",
    Reason.NOT_UNDERSTOOD: "its row in the list is not understood",
}
"""What people read of what was left alone, and so is still pending."""

_WHY_IN_PHASE = {
    Phase.PAUSING: "is being paused",
    Phase.RESUMING: "is being resumed first",
}


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What is known of a cluster; `is_attended` if a daemon runs that would speak to it.

    `listing` is None if it was never listed, `unreachable` if it answers or was not asked yet.
    `doubt` says why all of it may have changed since, if that cannot be ruled out.
    """

    cluster: str
    listing: Listing | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    unreachable: Unreachable | None = None
    is_attended: bool = True
    doubt: str = ""

    def frozen(self) -> Self:
        """Return the same with a copy of the records, which others change meanwhile."""
        return replace(self, records=dict(self.records))


@dataclass(frozen=True, slots=True, order=True)
class Pending:
    """A repository that is not paused yet, and why; without one, what the cluster has is unknown.

    `is_final` if waiting will not change it.
    """

    cluster: str
    repository: str | None
    why: str
    is_final: bool = False

    def __str__(self) -> str:
        """Return its name as users write it."""
        return f"{self.cluster}/{self.repository}" if self.repository else self.cluster


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an opening is; `elsewhere` of the paused ones were paused by somebody else.

    `unlisted` names clusters of which no list was taken since it began, `silent` those that do not
    answer, and `empty` those of which it wants nothing.
    """

    wanted: int = 0
    paused: int = 0
    elsewhere: int = 0
    pending: tuple[Pending, ...] = ()
    unlisted: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Check whether all of it is paused, as far as anybody can know."""
        return not (self.pending or self.unlisted)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many repositories of a cluster are `wanted` paused, and how many of them `pending`.

    Each counts once, however many openings want it; `windows` has both of each open window.
    """

    wanted: int = 0
    pending: int = 0
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def views(
    clusters: Iterable[str],
    records: Iterable[Record],
    listings: Mapping[str, Listing],
    unreachable: Iterable[Unreachable],
    *,
    is_attended: bool = True,
) -> list[ClusterView]:
    """Return what is known of each of *clusters*, by what a ledger has of all of them."""
    of_cluster: dict[str, dict[str, Record]] = {}
    for record in records:
        of_cluster.setdefault(record.key.cluster, {})[record.key.id] = record
    silent = {each.cluster: each for each in unreachable}
    return [
        ClusterView(
            name,
            listings.get(name),
            of_cluster.get(name, {}),
            silent.get(name),
            is_attended=is_attended,
        )
        for name in clusters
    ]


def combined(parts: Iterable[Progress]) -> Progress:
    """Return how far an opening is on all its clusters together."""
    found = tuple(parts)
    if len(found) == 1:
        return found[0]
    return Progress(
        wanted=sum(part.wanted for part in found),
        paused=sum(part.paused for part in found),
        elsewhere=sum(part.elsewhere for part in found),
        pending=tuple(each for part in found for each in part.pending),
        unlisted=tuple(name for part in found for name in part.unlisted),
        silent=tuple(name for part in found for name in part.silent),
        empty=tuple(name for part in found for name in part.empty),
    )


def progress(
    timeline: Timeline, views: Iterable[ClusterView], now: datetime
) -> dict[str, Progress]:
    """Return how far each opening is that holds repositories at *now*, by its id."""
    parts: dict[str, list[Progress]] = {}
    for view in views:
        for opening, part in progress_on(timeline, view, now).items():
            parts.setdefault(opening, []).append(part)
    return {opening: combined(found) for opening, found in parts.items()}


def progress_on(timeline: Timeline, view: ClusterView, now: datetime) -> dict[str, Progress]:
    """Return how far each opening is on one cluster, by its id."""
    return result_of(progress_in_steps(timeline, view, now))


def progress_in_steps(
    timeline: Timeline, view: ClusterView, now: datetime
) -> Steps[dict[str, Progress]]:
    """Return what `progress_on` does; others may have their turn now and then."""
    holding = timeline.holding(view.cluster, now)
    if not holding:
        return {}
    looked = view.listing.openings if view.listing else frozenset()
    groups = yield from _groups(timeline, view, now)
    parts: dict[str, list[Progress]] = {}
    work = Work()
    for ids, part in groups.items():
        for id_ in ids:
            parts.setdefault(id_, []).append(part)
        work.add(1 + len(ids))
        if work.is_much():
            yield
    found = {}
    for opening in holding:
        id_ = opening.id
        total = combined(parts[id_]) if id_ in parts else Progress()
        found[id_] = _with_unknown(total, view, is_looked=id_ in looked)
        work.add(_WORK_OF_AN_OPENING)
        if work.is_much():
            yield
    return found


def wanted_now(timeline: Timeline, view: ClusterView, now: datetime) -> Wanted:
    """Return how many repositories of a cluster openings want that have begun."""
    begun: dict[str, set[str]] = {}
    for opening in timeline.holding(view.cluster, now):
        if opening.start <= now:
            begun.setdefault(opening.window, set()).add(opening.id)
    if not begun:
        return Wanted()
    looked = view.listing.openings if view.listing and not view.doubt else frozenset()
    windows = {id_: window for window, ids in begun.items() for id_ in ids}
    all_parts: list[Progress] = []
    parts: dict[str, list[Progress]] = {window: [] for window in begun}
    for ids, part in result_of(_groups(timeline, view, now)).items():
        wanting = {windows[id_] for id_ in ids if id_ in windows}
        for window in wanting:
            parts[window].append(part)
        if wanting:
            all_parts.append(part)
    found = {name: _counted(parts[name], is_looked=ids <= looked) for name, ids in begun.items()}
    wanted, pending = _counted(all_parts, is_looked=windows.keys() <= looked)
    return Wanted(wanted, pending, found)


def _counted(parts: Iterable[Progress], *, is_looked: bool) -> tuple[int, int]:
    """Return how many repositories are wanted in *parts* together, and how many are pending."""
    counts = [(part.wanted, len(part.pending)) for part in parts]
    least = 0 if is_looked else 1
    return max(sum(w for w, _ in counts), least), max(sum(p for _, p in counts), least)


def _groups(
    timeline: Timeline, view: ClusterView, now: datetime
) -> Steps[dict[tuple[str, ...], Progress]]:
    """Return how far repositories are by the openings that want them: many have the same."""
    listing = view.listing or Listing()
    if listing.openings.isdisjoint(timeline.holding_ids(view.cluster, now)):
        # Why something was left alone in an earlier opening says nothing of this one.
        listing = Listing(listing.ids)
    members: dict[tuple[str, ...], list[str]] = {}
    known = listing.ids | {id_ for id_, each in view.records.items() if not each.is_gone}
    wanted = yield from wanted_in_steps(timeline, view.cluster, known, now)
    # Equal openings are the same object, which is hashed once.
    named = {id(desired.ids): desired.ids for desired in wanted.values() if desired.ids}
    same: dict[int, list[str]] = {each: members.setdefault(ids, []) for each, ids in named.items()}
    work = Work()
    for id_, desired in wanted.items():
        if desired.ids:
            same[id(desired.ids)].append(id_)
        work.add()
        if work.is_much():
            yield
    found = {}
    for openings, mine in members.items():
        is_fresh = listing.openings.issuperset(openings)
        found[openings] = yield from _count(sorted(mine), view, listing, work, is_fresh=is_fresh)
    return found


def _count(
    ids: Iterable[str], view: ClusterView, listing: Listing, work: Work, *, is_fresh: bool
) -> Steps[Progress]:
    wanted = paused = elsewhere = 0
    pending = []
    for id_ in ids:
        wanted += 1
        record, reason = view.records.get(id_), listing.left.get(id_)
        if reason is Reason.PAUSED_ELSEWHERE:
            elsewhere += 1
        elif record and _is_seen_paused(record) and reason is not Reason.NOT_UNDERSTOOD:
            paused += 1
        else:
            is_missing = is_fresh and id_ not in listing.ids and not (record and record.is_hold)
            why = MISSING if is_missing else _why(view, record, reason)
            is_final = (is_missing and view.is_attended) or reason is Reason.YIELDED
            pending.append(Pending(view.cluster, id_, why, is_final))
        work.add(_WORK_OF_A_REPOSITORY)
        if work.is_much():
            yield
    return Progress(wanted, paused + elsewhere, elsewhere, tuple(pending))


def _is_seen_paused(record: Record) -> bool:
    return record.phase is Phase.PAUSED and record.missing_since is None


def _why(view: ClusterView, record: Record | None, reason: Reason | None) -> str:
    if not view.is_attended:
        return NO_DAEMON
    if view.unreachable:
        return _why_silent(view.unreachable)
    if reason:
        return WHY_LEFT.get(reason, f"left alone ({reason})")
    if record and record.missing_since:
        return UNSEEN
    if record and record.last_error:
        return f"it failed ({record.last_error}), and is tried again"
    return _WHY_IN_PHASE.get(record.phase, NOT_LOOKED) if record and record.phase else NOT_LOOKED


def _why_silent(unreachable: Unreachable) -> str:
    return f"{unreachable.cluster} does not answer ({unreachable.error})"


def _with_unknown(part: Progress, view: ClusterView, *, is_looked: bool) -> Progress:
    """Add what one cannot know without a list, and why there is none."""
    pending = part.pending
    if not (is_looked or pending):
        pending = (Pending(view.cluster, None, _why(view, None, None)),)
    if view.doubt:
        pending = (*pending, Pending(view.cluster, None, view.doubt))
    name = (view.cluster,)
    return Progress(
        part.wanted,
        part.paused,
        part.elsewhere,
        pending,
        unlisted=() if is_looked else name,
        silent=name if view.unreachable else (),
        empty=name if is_looked and not part.wanted else (),
    )
