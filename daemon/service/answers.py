"""What the Backup Service's answers mean: pure readings of status, headers and body.

The shapes are those of Couchbase Server 7.0 to 8.0. The service writes errors as
`{"status", "msg", "extras"}`, its login layer as plain text (401) or as `{"message",
"permissions"}` (403), and the proxy of ns_server as plain text. The wording varies between
versions, so nothing is decided by it, with the one exception of `is_elsewhere`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from daemon.core.repository import CallError, ObservedRepository, RepositoryState, ScheduledRun

MESSAGE_LIMIT = 200
"""Characters of a server's own words that are kept."""

_ERRORS = {
    401: CallError.UNAUTHORIZED,
    403: CallError.FORBIDDEN,
    404: CallError.NOT_FOUND,
    408: CallError.TIMEOUT,
    425: CallError.THROTTLED,
    429: CallError.THROTTLED,
}
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PERIODS = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
} | dict.fromkeys(
    ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
    timedelta(weeks=1),
)
_MOST_PERIODS = 10_000
_SECONDS = re.compile(r"[0-9]{1,9}")
# Wider than the service's own rule, so that a looser one of tomorrow does not blind the daemon to a
# whole cluster; still nothing that would break a path, a line of the log or a terminal.
_ID = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.:@~+-]{0,199}")


def error_of(status: int) -> CallError | None:
    """Name what an answer with *status* says went wrong; None for 200, the one success."""
    match status:
        case 200:
            return None
        case _ if status in _ERRORS:
            return _ERRORS[status]
        case _ if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own classes of status codes
            return CallError.REDIRECT
        case _ if 400 <= status < 500:  # noqa: PLR2004
            return CallError.BAD_REQUEST
        case _ if 500 <= status < 600:  # noqa: PLR2004
            return CallError.SERVER_ERROR
        case _:
            return CallError.UNEXPECTED


def is_passing(status: int) -> bool:
    """Check whether the same request may succeed a little later."""
    return status in _PASSING


def is_definite(status: int) -> bool:
    """Check whether *status* says for sure if the request was carried out.

    A gateway's 5xx or 408 may stand for a request that is still on its way to the service.
    """
    match error_of(status):
        case CallError.TIMEOUT | CallError.SERVER_ERROR | CallError.UNEXPECTED:
            return False
        case _:
            return True


def is_elsewhere(status: int, body: bytes) -> bool:
    """Check whether ns_server's proxy says that this node does not run the Backup Service."""
    return status == 404 and b"not running on this node" in body[:MESSAGE_LIMIT]  # noqa: PLR2004


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header, seconds or a date; None if it is absent, past or nonsense."""
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        delay = timedelta(seconds=int(text))
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        delay = date.replace(tzinfo=date.tzinfo or UTC) - now
    return delay if delay > timedelta(0) else None


def message_of(body: bytes, location: str | None = None) -> str:
    """Return what the server says, in one piece and untrimmed; for a redirect, where it points."""
    if location is not None:
        return f"redirects to {_host_of(location)}, which is not followed"
    text = body.decode(errors="backslashreplace").strip()
    try:
        document = read_json(body)
    except ValueError:
        return text
    return " ".join(_said(document)) if isinstance(document, dict) else text


def printable(text: str) -> str:
    """Put *text* on one line of at most 200 characters, with control characters escaped."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text[:MESSAGE_LIMIT]
    )
    return shown if len(shown) <= MESSAGE_LIMIT else f"{shown[: MESSAGE_LIMIT - 1]}…"


def read_json(body: bytes) -> object:
    """Read a JSON document in UTF-8. Raises: ValueError."""
    try:
        document: object = json.loads(body.decode())
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    except ValueError as exc:
        raise ValueError("the answer is not JSON") from exc
    return document


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
            if state not in set(RepositoryState):
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


def _said(error: dict[str, object]) -> Iterator[str]:
    for key in ("msg", "message", "extras"):
        value = error.get(key)
        if isinstance(value, str) and value:
            yield f"({value})" if key == "extras" else value
    permissions = error.get("permissions")
    if isinstance(permissions, list):
        yield f"({', '.join(str(permission) for permission in permissions[:10])})"


def _host_of(location: str) -> str:
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a place that is no URL"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "another path"
