"""What openings cost: the runs that fall into them and are lost, and the gaps that this leaves.

The service never catches up on a run that fell due while its repository was paused (Couchbase's
documentation, "Pause backups"). Its list has the next run of each task; the plan says how far
apart they are. Pure; instants are UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

from daemon.core.repository import ObservedRepository, RepositoryKey, ScheduledRun
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening

BACKUP = "BACKUP"
_ONCE = timedelta(0)
_MARGIN = timedelta(days=7)
"""How far to look for the ends of gaps, beyond the days asked for and a backup's own period."""

FARTHEST = timedelta(days=100)
"""What is planned farther apart is not followed: a plan may say ten thousand weeks."""

Periods = Mapping[str, Mapping[str, timedelta]]
"""How far apart the runs of each task are, by plan."""


@dataclass(frozen=True, slots=True, order=True)
class LostRun:
    """A run that falls into openings of *windows*."""

    at: datetime
    repository: RepositoryKey
    task: str
    task_type: str
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LostRuns:
    """All lost runs of a task at the same times: each of *times* for each of *repositories*.

    Both are sorted, and neither is empty. Ten thousand repositories share a plan, whose runs may be
    a minute apart: nobody could hold the runs one by one.
    """

    task: str
    task_type: str
    windows: tuple[str, ...]
    times: tuple[datetime, ...]
    repositories: tuple[RepositoryKey, ...]

    @property
    def count(self) -> int:
        """How many runs they are."""
        return len(self.times) * len(self.repositories)

    @property
    def ends(self) -> tuple[datetime, datetime]:
        """The first and the last time."""
        return self.times[0], self.times[-1]

    def __iter__(self) -> Iterator[LostRun]:
        """Yield them one by one, by time and repository."""
        for at in self.times:
            for key in self.repositories:
                yield LostRun(at, key, self.task, self.task_type, self.windows)


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest time without a backup, from one that runs to the next that does.

    `is_open`: it is at least this long; one of its ends is too far away to be looked for.
    """

    repository: RepositoryKey
    start: datetime
    end: datetime
    usual: timedelta
    is_open: bool = False

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Impact:
    """What openings cost a cluster; the runs of what is paused now are `unknown`."""

    lost: tuple[LostRuns, ...]
    gaps: tuple[Gap, ...]
    unknown: tuple[RepositoryKey, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a cluster reports about its repositories and plans.

    `certificate_ends` is when the first of its nodes' certificates does (UTC), if one was verified.
    `not_understood` are rows of its list, of which some may have no id.
    """

    cluster: str
    repositories: Sequence[ObservedRepository]
    periods: Periods
    certificate_ends: datetime | None = None
    not_understood: Sequence[ObservedRepository] = ()


@dataclass(frozen=True, slots=True)
class _Pause:
    """A time in which a repository is paused without a break."""

    start: datetime
    end: datetime
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Loss:
    """The runs of a repository that are lost, each with its pause, and its gaps."""

    runs: tuple[tuple[ScheduledRun, _Pause], ...]
    gaps: tuple[Gap, ...]


def impact(inventory: Inventory, timeline: Timeline, start: datetime, end: datetime) -> Impact:
    """Return what the openings from *start* to *end* cost the repositories of a cluster."""
    gaps: list[Gap] = []
    unknown: list[RepositoryKey] = []
    # Thousands of repositories share a plan, whose runs may be a minute apart.
    known: dict[Hashable, _Loss] = {}
    alike: dict[Hashable, list[RepositoryKey]] = {}
    openings = cache(timeline.openings)
    for repository in inventory.repositories:
        key = RepositoryKey(inventory.cluster, repository.id)
        every = inventory.periods.get(repository.plan, {})
        reach = _reach(repository.scheduled, every)
        pauses = _pauses(key, timeline, openings(start - reach, end + reach))
        if not any(pause.start < end and pause.end > start for pause in pauses):
            continue
        if not repository.scheduled:
            unknown.append(key)
            continue
        same = (repository.plan, repository.scheduled, pauses)
        if same not in known:
            around = (start - reach, end + reach)
            runs = sorted(
                run for each in repository.scheduled for run in _runs(each, every, around)
            )
            known[same] = _loss(key, runs, pauses, (start, end), around[1])
        alike.setdefault(same, []).append(key)
        gaps += [replace(gap, repository=key) for gap in known[same].gaps]
    lost = _lost((known[same], keys) for same, keys in alike.items())
    return Impact(lost, tuple(gaps), tuple(unknown))


def _reach(scheduled: Sequence[ScheduledRun], every: Mapping[str, timedelta]) -> timedelta:
    """Return how far around the days asked for a backup that ends a gap is planned."""
    tasks = (each.task for each in scheduled if each.task_type == BACKUP)
    # The task that runs most often ends it, whatever the others do.
    shortest = min(filter(None, map(every.get, tasks)), default=_ONCE)
    return _MARGIN + min(shortest, FARTHEST)


def _loss(
    key: RepositoryKey,
    runs: Sequence[ScheduledRun],
    pauses: Sequence[_Pause],
    asked: tuple[datetime, datetime],
    horizon: datetime,
) -> _Loss:
    missed = {run: pause for run in runs if (pause := _around(run.next_run, pauses))}
    inside = {run: pause for run, pause in missed.items() if asked[0] <= run.next_run < asked[1]}
    gaps: tuple[Gap, ...] = ()
    if any(run.task_type == BACKUP for run in inside):
        backups = [run for run in runs if run.task_type == BACKUP]
        gaps = tuple(_gaps(key, backups, missed, asked, horizon))
    return _Loss(tuple(inside.items()), gaps)


def _lost(losses: Iterable[tuple[_Loss, list[RepositoryKey]]]) -> tuple[LostRuns, ...]:
    """Return the lost runs of all repositories together, those that begin first first."""
    found: dict[tuple[str, str, tuple[str, ...], tuple[datetime, ...]], list[RepositoryKey]] = {}
    for loss, keys in losses:
        times: dict[tuple[str, str, tuple[str, ...]], list[datetime]] = {}
        for run, pause in loss.runs:
            times.setdefault((run.task, run.task_type, pause.windows), []).append(run.next_run)
        for what, when in times.items():
            found.setdefault((*what, tuple(when)), []).extend(keys)
    return tuple(
        sorted(
            (LostRuns(*what, tuple(sorted(keys))) for what, keys in found.items()),
            key=lambda runs: (runs.times, runs.task, runs.repositories),
        )
    )


def _pauses(
    key: RepositoryKey, timeline: Timeline, openings: Sequence[Opening]
) -> tuple[_Pause, ...]:
    """Return the times in which the repository is paused without a break, as the daemon holds it.

    Pauses that overlap, touch, or are less than `merge_gap` apart are one.
    """
    names = {
        window.name
        for window in timeline.windows.values()
        if any(patterns.matches(key.id) for patterns in window.patterns_for(key.cluster))
    }
    mine = [opening for opening in openings if opening.window in names]
    least = max(timeline.merge_gap, timedelta.resolution)
    pauses: list[_Pause] = []
    for opening in sorted(mine, key=lambda opening: opening.pause_from):
        if pauses and opening.pause_from - pauses[-1].end < least:
            last = pauses.pop()
            windows = tuple(sorted({*last.windows, opening.window}))
            pauses.append(_Pause(last.start, max(last.end, opening.end), windows))
        else:
            pauses.append(_Pause(opening.pause_from, opening.end, (opening.window,)))
    return tuple(pauses)


def _runs(
    first: ScheduledRun, every: Mapping[str, timedelta], around: tuple[datetime, datetime]
) -> Iterator[ScheduledRun]:
    """Yield the runs of one task within *around*; only the next if its period is not known."""
    start, end = around
    step, at = every.get(first.task), first.next_run
    if not step or step > FARTHEST:
        yield first
        return
    at -= (at - start) // step * step
    while at < end:
        yield ScheduledRun(at, first.task, first.task_type)
        at += step


def _around(at: datetime, pauses: Sequence[_Pause]) -> _Pause | None:
    # They are sorted, and none touches another.
    index = bisect_right(pauses, at, key=lambda pause: pause.start)
    return pauses[index - 1] if index and at < pauses[index - 1].end else None


def _gaps(
    key: RepositoryKey,
    backups: Sequence[ScheduledRun],
    missed: Collection[ScheduledRun],
    asked: tuple[datetime, datetime],
    horizon: datetime,
) -> Iterator[Gap]:
    """Yield the longest gap that meets the time *asked* for, if longer than the plan's own."""
    made = [run.next_run for run in backups if run not in missed]
    first = [backups[0].next_run] if backups[0] in missed else []
    last = [horizon] if backups[-1] in missed else []
    planned = [run.next_run for run in backups]
    usual = max((later - at for at, later in pairwise(planned)), default=None)
    pairs = pairwise([*first, *made, *last])
    between = [pair for pair in pairs if pair[0] < asked[1] and pair[1] > asked[0]]
    if usual is None or not between:
        return
    start, end = max(between, key=lambda pair: pair[1] - pair[0])
    if end - start > usual:
        yield Gap(key, start, end, usual, is_open=[start] == first or [end] == last)
