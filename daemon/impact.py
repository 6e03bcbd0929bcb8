"""What openings cost: the runs that fall into them and are lost, and the gaps that this leaves.

The service never catches up on a run that fell due while its repository was paused (Couchbase's
documentation, "Pause backups"). Its list tells the next run of each task; the plan tells how far
apart they are. Pure; instants are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from daemon.repository import ObservedRepository, RepositoryKey, ScheduledRun
from daemon.timeline import Timeline

BACKUP = "BACKUP"

Periods = Mapping[str, Mapping[str, timedelta]]
"""Of each plan, how far apart the runs of each task are."""


@dataclass(frozen=True, slots=True, order=True)
class LostRun:
    """A run that falls into openings of *windows*."""

    at: datetime
    repository: RepositoryKey
    task: str
    task_type: str
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest time without a backup, from one that runs to the next that does."""

    repository: RepositoryKey
    start: datetime
    end: datetime
    usual: timedelta

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Impact:
    """What openings cost a cluster; what is paused now has no runs to tell of (`unknown`)."""

    lost: tuple[LostRun, ...]
    gaps: tuple[Gap, ...]
    unknown: tuple[RepositoryKey, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a cluster says of its repositories and plans."""

    cluster: str
    repositories: Sequence[ObservedRepository]
    periods: Periods


@dataclass(frozen=True, slots=True)
class _Pause:
    """A time in which a repository is paused, without a break."""

    start: datetime
    end: datetime
    windows: tuple[str, ...]


def impact(inventory: Inventory, timeline: Timeline, start: datetime, end: datetime) -> Impact:
    """Tell what the openings from *start* to *end* cost the repositories of a cluster."""
    lost: list[LostRun] = []
    gaps: list[Gap] = []
    unknown: list[RepositoryKey] = []
    for repository in inventory.repositories:
        key = RepositoryKey(inventory.cluster, repository.id)
        pauses = _pauses(key, timeline, start, end)
        if pauses and not repository.scheduled:
            unknown.append(key)
        elif pauses:
            every = inventory.periods.get(repository.plan, {})
            runs = sorted(run for each in repository.scheduled for run in _runs(each, every, end))
            missed = {run: pause for run in runs if (pause := _around(run.next_run, pauses))}
            lost += [_lost(key, run, pause) for run, pause in missed.items()]
            gaps += _gaps(key, runs, missed)
    return Impact(tuple(sorted(lost)), tuple(gaps), tuple(unknown))


def _lost(key: RepositoryKey, run: ScheduledRun, pause: _Pause) -> LostRun:
    return LostRun(run.next_run, key, run.task, run.task_type, pause.windows)


def _pauses(
    key: RepositoryKey, timeline: Timeline, now: datetime, until: datetime
) -> tuple[_Pause, ...]:
    """Give the times in which the repository is paused; what touches or overlaps is one."""
    names = {
        window.name
        for window in timeline.windows.values()
        if any(patterns.matches(key.id) for patterns in window.patterns_for(key.cluster))
    }
    openings = [o for o in timeline.openings(now, until) if o.window in names]
    pauses: list[_Pause] = []
    for opening in sorted(openings, key=lambda opening: opening.pause_from):
        if pauses and opening.pause_from - pauses[-1].end <= timeline.merge_gap:
            last = pauses.pop()
            windows = tuple(sorted({*last.windows, opening.window}))
            pauses.append(_Pause(last.start, max(last.end, opening.end), windows))
        else:
            pauses.append(_Pause(opening.pause_from, opening.end, (opening.window,)))
    return tuple(pauses)


def _runs(
    first: ScheduledRun, every: Mapping[str, timedelta], until: datetime
) -> Iterator[ScheduledRun]:
    """Give the runs of one task before *until*; the first alone where nobody knows how often."""
    step, at = every.get(first.task), first.next_run
    while at < until:
        yield ScheduledRun(at, first.task, first.task_type)
        if not step:
            return
        at += step


def _around(at: datetime, pauses: Sequence[_Pause]) -> _Pause | None:
    return next((pause for pause in pauses if pause.start <= at < pause.end), None)


def _gaps(
    key: RepositoryKey, runs: Sequence[ScheduledRun], missed: Mapping[ScheduledRun, _Pause]
) -> Iterator[Gap]:
    """Give the longest gap, if a backup is missed in it."""
    planned = [run.next_run for run in runs if run.task_type == BACKUP]
    made = [run.next_run for run in runs if run.task_type == BACKUP and run not in missed]
    if len(made) == len(planned):
        return
    between = list(pairwise(made))
    if between:
        start, end = max(between, key=lambda pair: pair[1] - pair[0])
        usual = max(later - at for at, later in pairwise(planned))
        if end - start > usual:
            yield Gap(key, start, end, usual)
