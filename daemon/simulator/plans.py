"""Plans: what the service accepts as one, and when its tasks run next.

Schedules are anchored: the slots of a task lie on a grid that pausing does not move, so that a slot
that passes while the repository is paused is skipped and the next one stays where it was.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

PLAN_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_-]{1,49}$")
MAX_TASKS = 14
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_STEPS = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
}
_LARGEST = 200

Plan = dict[str, Any]
Task = dict[str, Any]


def _task(name: str, kind: str, period: str, frequency: int, at: str | None = None) -> Task:
    schedule: dict[str, Any] = {"job_type": kind, "frequency": frequency, "period": period}
    if at:
        schedule["time"] = at
    return {"name": name, "task_type": kind, "schedule": schedule, "full_backup": False}


BUILT_IN: dict[str, Plan] = {
    "_hourly_backups": {
        "name": "_hourly_backups",
        "description": "Backup every hour and merge every day",
        "services": None,
        "default": True,
        "tasks": [
            _task("backup_hourly", "BACKUP", "HOURS", 1, "00:00"),
            _task("merge_every_day", "MERGE", "DAYS", 1, "23:40"),
        ],
    },
    "_daily_backups": {
        "name": "_daily_backups",
        "description": "Backup every day and merge every week",
        "services": None,
        "default": True,
        "tasks": [
            *(_task(f"backup_{day.lower()}", "BACKUP", day, 1, "22:00") for day in WEEKDAYS),
            _task("merge_week", "MERGE", "SUNDAY", 1, "23:20"),
        ],
    },
}


def fault(plan: object) -> str | None:
    """Return what is wrong with a plan, in the service's words; None if it is accepted."""
    if not isinstance(plan, dict):
        return "invalid request body"
    if not PLAN_NAME.match(str(plan.get("name", ""))):
        return f"plan name must follow the rules {PLAN_NAME.pattern}"
    tasks = plan.get("tasks")
    if not isinstance(tasks, list) or not 1 <= len(tasks) <= MAX_TASKS:
        return f"a plan must have between 1 and {MAX_TASKS} tasks"
    names = [task.get("name") if isinstance(task, dict) else None for task in tasks]
    if len(set(names)) != len(names):
        return "task names must be unique"
    return next((text for text in map(_task_fault, tasks) if text), None)


def _task_fault(task: object) -> str | None:
    if not isinstance(task, dict) or not PLAN_NAME.match(str(task.get("name", ""))):
        return f"task name must follow the rules {PLAN_NAME.pattern}"
    if task.get("task_type") not in {"BACKUP", "MERGE", "PRUNE"}:
        return f"unknown task type for task {task['name']}"
    schedule = task.get("schedule")
    wrong = _schedule_fault(schedule) if isinstance(schedule, dict) else "missing schedule"
    return f"task {task['name']}: {wrong}" if wrong else None


def _schedule_fault(schedule: dict[str, Any]) -> str | None:
    if schedule.get("period") not in {*_STEPS, *WEEKDAYS}:
        return "invalid period"
    frequency = schedule.get("frequency")
    if not isinstance(frequency, int) or not 1 <= frequency <= _LARGEST:
        return f"frequency has to be between 1 and {_LARGEST}"
    at = schedule.get("time")
    if at and not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", str(at)):
        return "invalid time"
    return None


def next_run(task: Task, anchor: datetime, after: datetime) -> datetime:
    """Return the first slot after *after*, on the grid that began at *anchor*."""
    first, step = _grid(task["schedule"], anchor)
    if first > after:
        return first
    return first + step * ((after - first) // step + 1)


def _grid(schedule: dict[str, Any], anchor: datetime) -> tuple[datetime, timedelta]:
    period, frequency = schedule["period"], schedule["frequency"]
    step = (_STEPS.get(period) or timedelta(weeks=1)) * frequency
    if not schedule.get("time"):
        return anchor + step, step
    hour, _, minute = schedule["time"].partition(":")
    first = anchor.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    if period in WEEKDAYS:
        first += timedelta(days=(WEEKDAYS.index(period) - first.weekday()) % 7)
    base = _STEPS.get(period) or timedelta(weeks=1)
    while first <= anchor:
        first += base
    while first - base > anchor:
        first -= base
    return first, step
