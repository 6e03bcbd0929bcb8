"""What the Backup Service's answers mean: pure readings of status, headers and body.

The shapes are those of Couchbase Server 7.0 to 8.0. The service writes errors as
`{"status", "msg", "extras"}`, its login layer as plain text (401) or as `{"message",
"permissions"}` (403), and the proxy of ns_server as plain text. The wording varies between
versions, so nothing is decided by it, with the one exception of `is_elsewhere`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from daemon.core.repository import ObservedRepository, RepositoryState, ScheduledRun
from daemon.service.statuses import MESSAGE_LIMIT, read_json

_PERIODS = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
} | dict.fromkeys(
    ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
    timedelta(weeks=1),
)
_STATES = frozenset(state.value for state in RepositoryState)
_MOST_PERIODS = 10_000
# Wider than the service's own rule, so that a looser one of tomorrow does not blind the daemon to a
# whole cluster; still nothing that would break a path, a line of the log or a terminal.
_ID = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.:@~+-]{0,199}")


def is_elsewhere(status: int, body: bytes) -> bool:
    """Check whether ns_server's proxy says that this node does not run the Backup Service."""
    return status == 404 and b"not running on this node" in body[:MESSAGE_LIMIT]  # noqa: PLR2004


def repositories(body: bytes) -> tuple[ObservedRepository, ...]:
    """Read a list of repositories; keys that are not needed are not looked at.

    Raises: ValueError, which says what is wrong with the list.
    """
    document = read_json(body)
    if not isinstance(document, list):
        raise ValueError("the answer is not a list of repositories")  # noqa: TRY004 - data, no bug
    found = tuple(_repository(item) for item in document)
    if len({repository.id for repository in found}) != len(found):
        raise ValueError("the list has a repository more than once")
    return found


def periods(body: bytes) -> dict[str, dict[str, timedelta]]:
    """Read from a list of plans how far apart the runs of each task are.

    What is not understood is passed over: a newer service may know other schedules. Raises:
    ValueError, if it is no list.
    """
    document = read_json(body)
    if not isinstance(document, list):
        raise ValueError("the answer is not a list of plans")  # noqa: TRY004 - data, no bug
    return {
        plan["name"]: dict(_task_periods(plan.get("tasks")))
        for plan in document
        if isinstance(plan, dict) and isinstance(plan.get("name"), str)
    }


def _task_periods(tasks: object) -> Iterator[tuple[str, timedelta]]:
    for task in tasks if isinstance(tasks, list) else ():
        match task:
            case {"name": str(name), "schedule": {"period": str(period), "frequency": int(count)}}:
                step = _PERIODS.get(period)
                if step and 0 < count <= _MOST_PERIODS:
                    yield name, step * count
            case _:
                continue


def _repository(item: object) -> ObservedRepository:
    match item:
        case {"id": str(name), "state": str(state), **rest} if _ID.fullmatch(name):
            if state not in _STATES:
                raise ValueError(f"repository {name} is in the unknown state {state}")
            return ObservedRepository(
                name,
                RepositoryState(state),
                _text(rest.get("repo")),
                _text(rest.get("plan_name")),
                scheduled=tuple(sorted(_scheduled(rest.get("scheduled")))),
                running=tuple(sorted(_names(rest))),
            )
        case _:
            raise ValueError("the list has an entry without a proper id and state")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _scheduled(tasks: object) -> Iterator[ScheduledRun]:
    for task, entry in tasks.items() if isinstance(tasks, dict) else ():
        match entry:
            case {"next_run": str(next_run), "task_type": str(task_type)}:
                instant = _instant(next_run)
                if instant is not None:
                    yield ScheduledRun(instant, task, task_type)
            case _:
                continue


def _names(repository: Mapping[object, object]) -> set[str]:
    """Name the tasks in progress, those of the plan and those started by hand."""
    sections = (repository.get(key) for key in ("running_tasks", "running_one_off"))
    return {str(name) for section in sections if isinstance(section, dict) for name in section}


def _instant(text: str) -> datetime | None:
    """Read RFC 3339 with any number of decimals (the seventh and later are dropped) as UTC."""
    try:
        instant = datetime.fromisoformat(text.upper())
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):  # the zero time of Go lies before the year 1 in UTC
        return None
