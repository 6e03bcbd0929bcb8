"""Times of the week in which none of a cluster's planned runs falls. Pure; instants are aware.

The list of repositories has the next run of each task, and the plan says how far apart they are.
Each run marks the minute of the local week at which it starts. A window is looked for where no mark
is, nor shortly before or after it, nor where clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import accumulate, islice
from zoneinfo import ZoneInfo

from daemon.cli.reports.impact import Inventory
from daemon.core.repository import ObservedRepository
from daemon.windows.clock_changes import changes_between

LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (240, 180, 120, 60, 30, 15))
"""How long a window may be, the most welcome first."""

ENOUGH = LENGTHS[3]
"""The shortest that is long enough for some work."""

MOST_RUNS = 1_000_000
"""How many runs are looked at; a server may name any number of tasks."""

_HORIZON = timedelta(days=100)
"""How far to follow a task: beyond a clock change, and plans for every so many days."""

_YEAR = timedelta(days=366)
_AROUND = 3 * 60
"""Minutes before and after a clock change in which no window is suggested: it would be moved."""

_MINUTE = timedelta(minutes=1)
_DAY = 24 * 60
_WEEK = 7 * _DAY
_STEP = 15
_BEFORE, _AFTER = 10, 5
"""Minutes around a window without a run: a scheduler that is late, or clocks that differ."""

_DRAINS = 3 * 60
"""Minutes after a run by which it is probably over; more before a window are no better."""

_BEST_HOUR = 2
_BEST_DAYS = (6, 5, 4, 0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time of each week, local: its weekday (Monday is 0), start and length; the runs in it."""

    weekday: int
    start: time
    length: timedelta
    runs: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    """Runs `step` minutes apart (0: only one), of which one is at `phase` minutes of the epoch."""

    phase: int
    step: int


def quietest(
    inventory: Inventory, repositories: Iterable[ObservedRepository], zone: ZoneInfo, now: datetime
) -> Slot:
    """Return the best time for a window of these repositories.

    It is the longest time without a run; where every quarter of an hour has one, the hour with the
    fewest.
    """
    marks = _marks(inventory, repositories, zone, now)
    # Three weeks side by side, so that nothing goes round a corner.
    before = list(accumulate(marks * 3, initial=0))
    changes = list(accumulate(_changes(zone, now) * 3, initial=0))
    for length in LENGTHS:
        size = length // _MINUTE
        free = [
            start
            for start in range(0, _WEEK, _STEP)
            if not _runs(before, start - _BEFORE, start + size + _AFTER)
            and not _runs(changes, start, start + size)
        ]
        if free:
            return _slot(min(free, key=lambda start: _demerit(start, before)), length)
    size = ENOUGH // _MINUTE
    start = min(
        range(0, _WEEK, _STEP), key=lambda s: (_runs(before, s, s + size), _demerit(s, before))
    )
    return _slot(start, ENOUGH, _runs(before, start, start + size))


def _marks(
    inventory: Inventory, repositories: Iterable[ObservedRepository], zone: ZoneInfo, now: datetime
) -> list[int]:
    """Count the tasks that start in each minute of the week, those alike once."""
    marks = [0] * _WEEK
    tasks = {task for each in repositories for task in _tasks(inventory, each)}
    left = MOST_RUNS
    for task in sorted(tasks, key=lambda each: (-each.step, each.phase)):
        runs = list(islice(_instants(task, now), left))
        left -= len(runs)
        for minute in {_minute_of_week(at, zone) for at in runs}:
            marks[minute] += 1
    return marks


def _changes(zone: ZoneInfo, now: datetime) -> list[int]:
    """Mark the minutes of the week in which clocks change within a year, and those around them."""
    marks = [0] * _WEEK
    for low in (change.low for change in changes_between(zone, now, now + _YEAR)):
        first = low.weekday() * _DAY + low.hour * 60 + low.minute
        for minute in range(first - _AROUND, first + _AROUND):
            marks[minute % _WEEK] = 1
    return marks


def _tasks(inventory: Inventory, repository: ObservedRepository) -> Iterator[_Task]:
    every = inventory.periods.get(repository.plan, {})
    for run in repository.scheduled:
        step = every.get(run.task, timedelta(0)) // _MINUTE
        at = int(run.next_run.timestamp()) // 60
        yield _Task(at % step if step else at, step)


def _instants(task: _Task, now: datetime) -> Iterator[int]:
    """Yield the runs of a task from now on, in minutes of the epoch: at least one."""
    first = int(now.timestamp()) // 60
    if not task.step:
        yield task.phase
        return
    at = first + (task.phase - first) % task.step
    yield at
    yield from range(at + task.step, first + _HORIZON // _MINUTE, task.step)


def _minute_of_week(at: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(at * 60, zone)
    return local.weekday() * _DAY + local.hour * 60 + local.minute


def _runs(before: list[int], start: int, end: int) -> int:
    """Return how many runs there are between two minutes, of which *start* is in the week."""
    return before[_WEEK + end] - before[_WEEK + start]


def _demerit(start: int, before: list[int]) -> tuple[int, int, int]:
    """Return how bad it is to start then: soon after a run, on a weekday, by day."""
    at = _WEEK + start
    drained = next((m for m in range(_DRAINS) if before[at - m] - before[at - m - 1]), _DRAINS)
    day, minute = divmod(start, _DAY)
    apart = abs(minute - _BEST_HOUR * 60)
    return -drained, _BEST_DAYS.index(day), min(apart, _DAY - apart)


def _slot(start: int, length: timedelta, runs: int = 0) -> Slot:
    day, minute = divmod(start, _DAY)
    return Slot(day, time(minute // 60, minute % 60), length, runs)
