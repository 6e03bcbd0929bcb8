"""Plans: what the service accepts as one, and when its tasks run next.

Schedules are anchored: the slots of a task lie on a grid that pausing does not move, so that a slot
that passes while the repository is paused is skipped and the next one stays where it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,49}$")
MAX_TASKS = 14
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_STEPS = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
}
_KINDS = ("BACKUP", "MERGE", "PRUNE")
_SERVICES = ("data", "gsi", "cbas", "ft", "eventing", "views")
_MOST_FREQUENT = 5000
"""The vendor's tests have 5,000 accepted and 5,001 refused; the documentation says 200."""
_LONGEST_DESCRIPTION = 140
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d", re.ASCII)

Plan = dict[str, Any]
Task = dict[str, Any]


def _task(name: str, kind: str, every: tuple[int, str], at: str, *, full: bool = False) -> Task:
    frequency, period = every
    schedule = {"job_type": kind, "frequency": frequency, "period": period, "time": at}
    return {"name": name, "task_type": kind, "schedule": schedule, "full_backup": full}


def _merge(name: str, every: tuple[int, str], at: str, days: int) -> Task:
    """Return a task that merges the backups of today and so many days before."""
    made = _task(name, "MERGE", every, at)
    full = made.pop("full_backup")
    return {**made, "merge_options": {"offset_start": 0, "offset_end": days}, "full_backup": full}


def _built_in(name: str, description: str, *tasks: Task) -> Plan:
    named = {"name": name, "description": description, "services": None, "default": True}
    return {**named, "tasks": list(tasks)}


BUILT_IN: dict[str, Plan] = {
    plan["name"]: plan
    for plan in (
        _built_in(
            "_daily_backups",
            "Backup every day, in full on Mondays, and merge every week and every 28 days",
            *(
                _task(f"backup_{day.lower()}", "BACKUP", (1, day), "22:00", full=day == "MONDAY")
                for day in WEEKDAYS
            ),
            _merge("merge_week", (1, "SUNDAY"), "23:20", 7),
            _merge("merge_month", (28, "DAYS"), "23:40", 28),
        ),
        _built_in(
            "_daily_full_backups_with_incrementals",
            "Full backup every day, an incremental backup every hour and a prune every day",
            _task("backup_full_daily", "BACKUP", (1, "DAYS"), "22:00", full=True),
            _task("backup_hourly", "BACKUP", (1, "HOURS"), "00:30"),
            _task("prune_daily", "PRUNE", (1, "DAYS"), "23:40"),
        ),
        _built_in(
            "_hourly_backups",
            "Backup every hour and merge every day, every week and every 28 days",
            _task("backup_hourly", "BACKUP", (1, "HOURS"), "00:00"),
            _merge("merge_every_day", (1, "DAYS"), "23:20", 0),
            _merge("merge_week", (1, "SUNDAY"), "23:30", 7),
            _merge("merge_month", (28, "DAYS"), "23:40", 28),
        ),
        _built_in(
            "_weekly_full_backups_with_incrementals",
            "Full backup every week, an incremental backup every 6 hours and a prune every day",
            _task("backup_full_weekly", "BACKUP", (1, "SUNDAY"), "22:00", full=True),
            _task("backup_every_6_hours", "BACKUP", (6, "HOURS"), "00:30"),
            _task("prune_daily", "PRUNE", (1, "DAYS"), "23:40"),
        ),
    )
}


def made(name: str, body: dict[str, Any]) -> Plan:
    """Return a plan as it is kept and shown: what is empty is left out.

    Raises:
        ValueError: the service refuses it, in words of its kind.

    """
    if not NAME.fullmatch(name):
        raise ValueError(f"plan name must follow the rules {NAME.pattern}")
    description = body.get("description", "")
    if len(description) > _LONGEST_DESCRIPTION:
        raise ValueError(f"plan description cannot exceed {_LONGEST_DESCRIPTION} characters")
    for service in body.get("services", ()):
        if service not in _SERVICES:
            raise ValueError(f"unknown service '{service}'")
    tasks = body.get("tasks", ())
    if not 1 <= len(tasks) <= MAX_TASKS:
        raise ValueError(f"a plan must have between 1 and {MAX_TASKS} tasks")
    kept = [_checked(task) for task in tasks]
    if len({task["name"] for task in kept}) != len(kept):
        raise ValueError("task names must be unique within a plan")
    described = {"description": description} if description else {}
    return {"name": name, **described, "services": body.get("services"), "tasks": kept}


def options(task: Task) -> dict[str, Any]:
    """Return what a run is told by the task that it is of."""
    return {"full_backup": task.get("full_backup", False), **task.get("merge_options", {})}


def _checked(task: Task) -> Task:
    name, kind = task.get("name", ""), task.get("task_type", "")
    if not NAME.fullmatch(name):
        raise ValueError(f"task name must follow the rules {NAME.pattern}")
    if kind not in _KINDS:
        raise ValueError(f"task '{name}' has unknown type '{kind}'")
    if "schedule" not in task:
        raise ValueError(f"task '{name}' requires a schedule")
    schedule = task["schedule"]
    for fault in _faults(schedule, kind):
        raise ValueError(f"task '{name}' has an invalid schedule: {fault}")
    times = {key: schedule[key] for key in ("time", "start_now") if schedule.get(key)}
    options = {"merge_options": _options(task)} if task.get("merge_options") is not None else {}
    return {
        "name": name,
        "task_type": kind,
        "schedule": {key: schedule[key] for key in ("job_type", "frequency", "period")} | times,
        **options,
        "full_backup": task.get("full_backup", False),
    }


def _options(task: Task) -> dict[str, int]:
    return {key: task["merge_options"].get(key, 0) for key in ("offset_start", "offset_end")}


def _faults(schedule: dict[str, Any], kind: str) -> Iterator[str]:
    job = schedule.get("job_type", "")
    if job not in _KINDS:
        yield f"unknown job type '{job}'"
    elif job != kind:
        yield f"the job type '{job}' is not the type of the task"
    if schedule.get("period") not in {*_STEPS, *WEEKDAYS}:
        yield f"unknown period '{schedule.get('period', '')}'"
    if not 1 <= schedule.get("frequency", 0) <= _MOST_FREQUENT:
        yield f"frequency has to be between 1 and {_MOST_FREQUENT}"
    at = schedule.get("time", "")
    if at and not _TIME.fullmatch(at):
        yield f"invalid time '{at}', it has to be HH:MM"


def next_run(task: Task, anchor: datetime, after: datetime) -> datetime:
    """Return the first slot after *after*, on the grid that began at *anchor*."""
    first, step = _grid(task["schedule"], anchor)
    return first + step * _passed(first, step, after)


def slots(
    task: Task, anchor: datetime, span: tuple[datetime, datetime], most: int
) -> list[datetime]:
    """Return the slots after the begin of a span and until its end, the latest of many."""
    first, step = _grid(task["schedule"], anchor)
    before, all_ = (_passed(first, step, end) for end in span)
    return [first + step * number for number in range(max(before, all_ - most), all_)]


def _passed(first: datetime, step: timedelta, until: datetime) -> int:
    return max(0, (until - first) // step + 1)


def _grid(schedule: dict[str, Any], anchor: datetime) -> tuple[datetime, timedelta]:
    """Return the first slot and the step from one to the next.

    The vendor's tests count so (couchbase/testrunner, `test_complex_schedule`): so many units pass
    before the first run, and a weekday is never today's; only then the time of day is set.
    """
    period, frequency = schedule["period"], schedule["frequency"]
    unit = _STEPS.get(period, timedelta(weeks=1))
    if period in WEEKDAYS:
        days = (WEEKDAYS.index(period) - anchor.weekday()) % 7 or 7
        first = anchor + timedelta(days=days) + unit * (frequency - 1)
    else:
        first = anchor + unit * frequency
    return _at_time(first, period, schedule.get("time", "")), unit * frequency


def _at_time(slot: datetime, period: str, at: str) -> datetime:
    if not at or period == "MINUTES":
        return slot
    hour, _, minute = at.partition(":")
    if period == "HOURS":
        # Of the time of day the minute alone counts.
        later = timedelta(minutes=(int(minute) - slot.minute) % 60)
        return (slot + later).replace(second=0, microsecond=0)
    return slot.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
