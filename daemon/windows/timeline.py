"""Combine all windows on one timeline: what is open when, and for which repositories.

No file, no clock, no log. All comparisons are between instants in UTC: two aware datetimes that
share a zone compare by wall clock, which is wrong in a repeated hour. The timeline caches, but its
answers depend on the arguments only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Generic, TypeVar

from daemon.windows.horizon import Horizon
from daemon.windows.window import CatchUp, OnDrift, Opening, PatternIndex, Patterns, Window
from daemon.windows.work import Steps, Work, result_of

T = TypeVar("T")

LOOK_AHEAD = timedelta(days=400)
"""How far ahead the timeline looks for the next change."""

AHEAD = timedelta(hours=6)
"""For how long after `look_ahead` nothing has to be computed; it is asked for far more often."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = timedelta(days=8)
"""Openings are computed for whole blocks of time, so that callers can share them."""

_MOST_REMEMBERED = 100_000
_WORK_OF_AN_ANSWER = 20
_IDS_A_LOOK = 20

_Look = Callable[[str, datetime, datetime], Sequence[Opening]]
_Near = dict[str, list[Opening]]
_Target = tuple[str, Patterns]
"""A window's name, and patterns for the repositories that it is for."""


@dataclass(frozen=True, slots=True)
class Desired:
    """A repository is to be paused now: by which openings, and until when.

    `until` is the end of the time for which it stays paused, including gaps shorter than
    `merge_gap`. Openings are followed for at least eight days, so that of a window that is always
    open it is not the true end.

    `bridged` means that no opening holds it now, but one ended and the next begins within
    `merge_gap`: what is held stays held, and nothing new is paused. `windows` are then those of
    the next opening.
    """

    openings: tuple[Opening, ...]
    enforce: bool
    catch_up: CatchUp
    until: datetime
    windows: tuple[str, ...]
    bridged: bool = False
    ids: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the ids of the openings, which thousands of repositories may share."""
        object.__setattr__(self, "ids", tuple(opening.id for opening in self.openings))


class _Lasting(Generic[T]):
    """The last two answers that stay good between two edges.

    Two, since the next one may be found ahead of need. They are replaced as a whole and need no
    lock.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[datetime, datetime, T], ...] = ()

    def at(self, now: datetime, find: Callable[[], tuple[datetime, datetime, T]]) -> T:
        """Return the answer for *now*; if it is not known, *find* it and how long it is good."""
        for since, until, answer in self._known:
            if since <= now < until:
                return answer
        found = find()
        self._known = (found, *self._known[:1])
        return found[2]


@dataclass(frozen=True, slots=True)
class _Holding:
    openings: tuple[Opening, ...]
    ids: frozenset[str]


class _ClusterWindows:
    """The windows of clusters that have the same ones, or all windows.

    Its cache is replaced as a whole and needs no lock.
    """

    def __init__(self, windows: Iterable[Window], look: _Look, targets: Sequence[_Target]) -> None:
        self._windows, self._look = tuple(windows), look
        self._horizon: Horizon | None = None
        self._near: tuple[Horizon, datetime, datetime, _Near] | None = None
        self._index = PatternIndex((patterns, name) for name, patterns in targets)
        self._found: dict[str, tuple[str, ...]] = {}
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.is_wanted: _Lasting[bool] = _Lasting()
        self.holding: _Lasting[_Holding] = _Lasting()
        distinct = dict.fromkeys(patterns for _, patterns in targets)
        self.plain_ids = frozenset(id_ for patterns in distinct for id_ in patterns.plain)

    def horizon(self, start: datetime, end: datetime) -> Horizon:
        """Return the openings from *start* to *end*, or somewhat more."""
        horizon = self._horizon
        if horizon is None or not horizon.covers(start, end):
            horizon = self._horizon = self._see(_block(start), _block(end) + _BLOCK)
        return horizon

    def _see(self, start: datetime, end: datetime) -> Horizon:
        found = {w.name: self._look(w.name, start, end + w.pause_before) for w in self._windows}
        return Horizon(start, end, found)

    def near(self, now: datetime, gap: timedelta, horizon: Horizon, work: Work) -> Steps[_Near]:
        """Return the openings of *horizon* no more than a *gap* away from *now*, by window."""
        known = self._near
        if known is None or known[0] is not horizon or not known[1] <= now < known[2]:
            found: _Near = {}
            for opening in horizon.near(now - gap, now + gap):
                found.setdefault(opening.window, []).append(opening)
                work.add()
                if work.is_much():
                    yield
            before, after = horizon.between_edges(now - gap), horizon.between_edges(now + gap)
            since = max(before[0] + gap, after[0] - gap)
            until = min(before[1] + gap, after[1] - gap)
            known = self._near = (horizon, since, until, found)
        return known[3]

    def windows_for(self, repository: str, work: Work) -> tuple[str, ...]:
        """Return the windows that are for a repository, sorted; same ones are the same object."""
        known = self._found.get(repository)
        if known is None:
            found = self._index.find(repository, work)
            # Thousands of repositories may have the same thousand windows: keep one copy in memory.
            ordered = tuple(sorted(found))
            known = self._shared.setdefault(ordered, ordered)
            if len(self._found) >= _MOST_REMEMBERED:
                self._found = {}
            self._found[repository] = known
        return known


def _remembering(windows: Mapping[str, Window]) -> _Look:
    """Return what looks for openings and remembers them, of each window for two blocks of time."""

    # By name: to hash a window would be to hash all its clusters.
    @lru_cache(maxsize=2 * len(windows))
    def look(window: str, start: datetime, end: datetime) -> Sequence[Opening]:
        return windows[window].openings(start, end)

    return look


def _targets_by_cluster(windows: Iterable[Window]) -> dict[str, list[_Target]]:
    """Return the windows that are for each cluster, each with its patterns.

    Clusters for which a window has the same patterns have the same target, not just an equal one.
    """
    found: dict[str, list[_Target]] = {}
    for window in windows:
        targets: dict[Patterns, _Target] = {}
        for cluster, patterns in window.targets:
            target = targets.setdefault(patterns, (window.name, patterns))
            found.setdefault(cluster, []).append(target)
    return found


def _by_start(opening: Opening) -> tuple[datetime, str]:
    return opening.start, opening.window


def _block(at: datetime) -> datetime:
    return _EPOCH + (at - _EPOCH) // _BLOCK * _BLOCK


class Timeline:
    """All windows together; immutable and thread-safe."""

    def __init__(self, windows: Iterable[Window], merge_gap: timedelta = timedelta(0)) -> None:
        """Combine *windows*; gaps shorter than *merge_gap* are bridged."""
        self.windows = {window.name: window for window in windows}
        self.merge_gap = merge_gap
        look = _remembering(self.windows)
        self._all = _ClusterWindows(self.windows.values(), look, ())
        self._covering: _Lasting[tuple[Opening, ...]] = _Lasting()
        self._clusters: dict[str, _ClusterWindows] = {}
        # Thousands of clusters may have the same thousand windows: they share what is computed.
        shared: dict[tuple[int, ...], _ClusterWindows] = {}
        for cluster, targets in _targets_by_cluster(self.windows.values()).items():
            same = tuple(map(id, targets))
            if same not in shared:
                windows = (self.windows[name] for name in dict.fromkeys(n for n, _ in targets))
                shared[same] = _ClusterWindows(windows, look, targets)
            self._clusters[cluster] = shared[same]

    def look_ahead(self, now: datetime) -> None:
        """Compute what questions of the hours after *now* need, so that they find it.

        Where much opens or ends at once, the answers from then on take long themselves; so those
        until the next edge, and from there to the one after it, are found as well. For a thread
        that has the time: others may ask meanwhile, since caches are replaced whole.
        """
        later = now + AHEAD
        start, end = now - self.merge_gap, max(later + self.merge_gap, self._horizon(later))
        edge = self._all.horizon(start, end).edge_after(now)
        for at in (now, edge):
            if at:
                self.covering(at)
        for name, each in {
            id(found): (name, found) for name, found in self._clusters.items()
        }.values():
            horizon = each.horizon(start, end)
            for limit in {self._horizon(now): None, self._horizon(later): None}:
                horizon.join(self.merge_gap, limit)
            for at in (now, horizon.edge_after(now)):
                if at:
                    self.is_wanted(name, at)
                    self.holding(name, at)

    def openings(self, start: datetime, end: datetime) -> list[Opening]:
        """Return all openings that meet `[start, end)`, sorted by start, then window."""
        found = [o for window in self.windows.values() for o in window.openings(start, end)]
        return sorted(found, key=_by_start)

    def covering(self, now: datetime) -> tuple[Opening, ...]:
        """Return the openings that are open at *now*, sorted by start, then window."""

        def find() -> tuple[datetime, datetime, tuple[Opening, ...]]:
            horizon = self._around(self._all, now)
            found = (o for o in horizon.near(now, now) if o.start <= now)
            return *horizon.between_edges(now), tuple(sorted(found, key=_by_start))

        return self._covering.at(now, find)

    def next_change(self, now: datetime, cluster: str | None = None) -> datetime | None:
        """Return the first instant after *now* at which something pauses, opens or closes.

        None if nothing does within 400 days. With *cluster*, only its windows count.
        """
        cluster_windows = self._all if cluster is None else self._clusters.get(cluster)
        if cluster_windows is None:
            return None
        change, reach = self._around(cluster_windows, now).edge_after(now), _BLOCK
        while change is None and reach < LOOK_AHEAD:
            reach = min(reach * 4, LOOK_AHEAD)
            change = cluster_windows.horizon(now, now + reach).edge_after(now)
        return change if change and change <= now + LOOK_AHEAD else None

    def clusters_of(self, window: str) -> frozenset[str]:
        """Return the clusters that a window is for."""
        found = self.windows.get(window)
        return frozenset(name for name, _ in found.targets) if found else frozenset()

    def plain_ids(self, cluster: str) -> frozenset[str]:
        """Return the repositories of *cluster* that windows name without a glob."""
        cluster_windows = self._clusters.get(cluster)
        return cluster_windows.plain_ids if cluster_windows else frozenset()

    def is_wanted(self, cluster: str, now: datetime) -> bool:
        """Check whether a window holds repositories of *cluster* at *now*, or may bridge a gap."""
        cluster_windows = self._clusters.get(cluster)
        if cluster_windows is None:
            return False

        def find() -> tuple[datetime, datetime, bool]:
            horizon = self._around(cluster_windows, now)
            near = horizon.near(now - self.merge_gap, now + self.merge_gap)
            is_wanted = bool(_held(near, now) or self._bridging(near, now))
            return *horizon.between_edges(now), is_wanted

        return cluster_windows.is_wanted.at(now, find)

    def holding(self, cluster: str, now: datetime) -> tuple[Opening, ...]:
        """Return the openings that hold repositories of *cluster* at *now*, sorted by start."""
        return self._holding(cluster, now).openings

    def holding_ids(self, cluster: str, now: datetime) -> frozenset[str]:
        """Return the ids of the openings that hold repositories of *cluster* at *now*."""
        return self._holding(cluster, now).ids

    def _holding(self, cluster: str, now: datetime) -> _Holding:
        cluster_windows = self._clusters.get(cluster)
        if cluster_windows is None:
            return _Holding((), frozenset())

        def find() -> tuple[datetime, datetime, _Holding]:
            horizon = self._around(cluster_windows, now)
            held = _held(horizon.near(now, now), now)
            ids = frozenset(opening.id for opening in held)
            return *horizon.between_edges(now), _Holding(held, ids)

        return cluster_windows.holding.at(now, find)

    def desired(self, cluster: str, ids: Iterable[str], now: datetime) -> dict[str, Desired]:
        """Return which of the repositories *ids* of *cluster* are to be paused at *now*."""
        return result_of(self.desired_in_steps(cluster, ids, now))

    def desired_in_steps(
        self, cluster: str, ids: Iterable[str], now: datetime
    ) -> Steps[dict[str, Desired]]:
        """Return what `desired` does; others may have their turn now and then."""
        wanted: dict[str, Desired] = {}
        cluster_windows = self._clusters.get(cluster)
        if cluster_windows is None:
            return wanted
        horizon, work = self._around(cluster_windows, now), Work()
        near = yield from cluster_windows.near(now, self.merge_gap, horizon, work)
        # Many repositories have the same windows, as one object, and thus the same answer.
        answers: dict[int, Desired | None] = {}
        for number, id_ in enumerate(ids if near else ()):
            names = cluster_windows.windows_for(id_, work)
            if id(names) not in answers:
                work.add(len(names))
                is_near = not near.keys().isdisjoint(names)
                found = self._desired(names, horizon, now, near, work) if is_near else None
                answers[id(names)] = (yield from found) if found else None
            if answer := answers[id(names)]:
                wanted[id_] = answer
            if number % _IDS_A_LOOK == 0:
                work.add(_IDS_A_LOOK)
                if work.is_much():
                    yield
        return wanted

    def _around(self, cluster_windows: _ClusterWindows, now: datetime) -> Horizon:
        gap = self.merge_gap
        return cluster_windows.horizon(now - gap, max(now + gap, self._horizon(now)))

    def _horizon(self, now: datetime) -> datetime:
        """Return how far `until` follows openings: fixed for a block, so records stay the same."""
        return _block(now) + 2 * _BLOCK

    def _desired(
        self, names: tuple[str, ...], horizon: Horizon, now: datetime, near: _Near, work: Work
    ) -> Steps[Desired | None]:
        mine = [opening for name in names if name in near for opening in near[name]]
        work.add(_WORK_OF_AN_ANSWER + len(names) + len(mine))
        held = _held(mine, now)
        holding = held or self._bridging(mine, now)
        if not holding:
            return None
        windows = tuple(sorted({opening.window for opening in holding}))
        rules = [self.windows[name] for name in windows]
        end, limit = max(opening.end for opening in holding), self._horizon(now)
        return Desired(
            openings=held,
            enforce=any(window.on_drift is OnDrift.ENFORCE for window in rules),
            catch_up=max((window.catch_up for window in rules), key=list(CatchUp).index),
            until=(yield from horizon.end_of_run(names, end, self.merge_gap, limit, work)),
            windows=windows,
            bridged=not held,
        )

    def _bridging(self, mine: Sequence[Opening], now: datetime) -> tuple[Opening, ...]:
        """Return the openings that come next, if the gap before them is short enough."""
        ended = max((o.end for o in mine if o.end <= now), default=None)
        begins = min((o.pause_from for o in mine if o.pause_from > now), default=None)
        if ended and begins and begins - ended < self.merge_gap:
            return tuple(o for o in mine if o.pause_from == begins)
        return ()


def _held(mine: Iterable[Opening], now: datetime) -> tuple[Opening, ...]:
    return tuple(sorted((o for o in mine if o.pause_from <= now < o.end), key=_by_start))


_FIRST_LOOK = timedelta(days=1)


def ahead(window: Window, now: datetime) -> Iterator[Opening]:
    """Yield the openings from *now* on, one that is open included, for 400 days.

    They are computed as they are asked for: the next opening of a window that opens every minute
    is quick to find, those of a whole year are not.
    """
    start, length, end = now, _FIRST_LOOK, now + LOOK_AHEAD
    while start < end:
        stop = min(start + length, end)
        for opening in window.openings(start, stop):
            # One that began before a later step was yielded by the step before.
            if start == now or opening.start >= start:
                yield opening
        start, length = stop, length * 4
