"""What the Backup Service's answers mean: pure readings of status, headers and body.

The shapes are those of Couchbase Server 7.0 to 8.0. The service writes errors as
`{"status", "msg", "extras"}`, its login layer as plain text (401) or as `{"message",
"permissions"}` (403), and the proxy of ns_server as plain text. The wording varies between
versions, so nothing is decided by it, with the exceptions of `is_elsewhere` and
`is_about_identity`; people are told of what it probably comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from daemon import documents
from daemon.core.attempt import MESSAGE_LIMIT, CallError
from daemon.core.repository import (
    NULL_LIST,
    ObservedRepository,
    RepositoryState,
    ScheduledRun,
    is_id,
)
from daemon.documents import Body
from daemon.service.statuses import printable
from daemon.wording import shown

MOST_REPOSITORIES = 20_000
"""How many repositories a list may have."""

_PERIODS = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
} | dict.fromkeys(
    ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
    timedelta(weeks=1),
)
_STATES = {state.value: state for state in RepositoryState}
_KINDS = {
    "repo": str,
    "plan_name": str,
    "scheduled": dict,
    "running_tasks": dict,
    "running_one_off": dict,
}
ADVICE = {
    CallError.REFUSED: "Is the service running, and is the port right?",
    CallError.DNS: "Check the host in url or discover.",
    CallError.TLS: "Check ca_file, client_cert and client_key under tls, and the host's name.",
    CallError.REDIRECT: "Use the URL that answers directly.",
    CallError.UNAUTHORIZED: "Check username and password_file or password_env.",
    CallError.FORBIDDEN: "The user needs the role Backup Full Admin (backup_admin).",
    CallError.UNEXPECTED: "Is this the root of a Backup Service?",
}
"""What to do about a failure of which no more is known."""

_IDENTITY_ADVICE = (
    "The service could not ask the cluster who we are; with a client certificate, check that the"
    " cluster knows the user that client_cert names."
)
_CERTIFICATE_ADVICE = (
    "Check username and password_file or password_env; with a client certificate, that the cluster"
    " knows the user that client_cert names, and that it is not revoked."
)
_ABOUT_IDENTITY = (b"could not authenticate user", b"could not authorize user")
_BLANKS = b" \t\r\n"
_LONGEST_NULL = 64
_LONGEST_TEXT = 256
_MOST_TASKS = 200
_LONGEST_INSTANT = 64
_YEARS = range(2000, 2200)
_MOST_PERIODS = 10_000


def is_elsewhere(status: int, body: Body) -> bool:
    """Check whether ns_server's proxy says that this node does not run the Backup Service."""
    return status == 404 and b"not running on this node" in body[:MESSAGE_LIMIT]  # noqa: PLR2004


def is_about_identity(status: int, body: Body) -> bool:
    """Check whether a 500 says that the service could not find out who we are.

    So it answers any trouble between it and ns_server, and until August 2026 a client certificate
    with a user that is unknown (`couchbase/tools-common`, `cbbs/rest/util/auth.go`; MB-73277).
    """
    said = bytes(body[:MESSAGE_LIMIT]).lower()
    return status == 500 and any(text in said for text in _ABOUT_IDENTITY)  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: a *root*, perhaps of a cluster manager, perhaps with a client certificate.

    `has_answered` says whether the head of an answer came.
    """

    root: str
    of_manager: bool
    has_certificate: bool
    has_answered: bool

    @property
    def is_plain(self) -> bool:
        """Whether it was asked without TLS."""
        return self.root.startswith("http://")


def _port_of(root: str) -> int | None:
    try:
        return urlsplit(root).port
    except ValueError:
        return None


def advice(error: CallError, asked: Asked, *, is_about_identity: bool) -> str | None:
    """Return what to do about who we are taken for; None where the general advice does."""
    if is_about_identity:
        return _IDENTITY_ADVICE
    if error is CallError.UNAUTHORIZED and asked.has_certificate:
        return _CERTIFICATE_ADVICE
    return None


_CAUSES: tuple[tuple[CallError, str, Callable[[Asked], bool], str], ...] = (
    (
        CallError.NOT_FOUND,
        "object not found",
        lambda asked: not asked.of_manager,
        "so the cluster manager answers: write its port, 8091 or 18091, under discover",
    ),
    (
        CallError.NOT_FOUND,
        "404 page not found",
        lambda asked: asked.of_manager,
        "so the Backup Service answers: write its port, 8097 or 18097, under url",
    ),
    (
        CallError.NOT_FOUND,
        "404 page not found",
        lambda asked: not asked.of_manager,
        "it has no such path: url is the root of the Backup Service, https://host:18097",
    ),
    (
        CallError.TLS,
        "does not speak tls",
        lambda _: True,
        "write http://, or the port that speaks https",
    ),
    (
        CallError.BAD_REQUEST,
        "https server",
        lambda asked: asked.is_plain,
        "the port speaks https: write https://",
    ),
    *(
        (
            error,
            "",
            lambda asked: asked.is_plain and not asked.has_answered,
            "does the port speak https, as 18097 and 18091 do?",
        )
        for error in (CallError.RESET, CallError.PROTOCOL)
    ),
    (
        CallError.REFUSED,
        "",
        lambda asked: _port_of(asked.root) is None,
        "the address has no port; Couchbase's are 18097 (url) and 18091 (discover)",
    ),
    (
        CallError.SERVER_ERROR,
        "could not auth",
        lambda asked: asked.has_certificate,
        "perhaps no user of the cluster has the name that the client certificate gives",
    ),
)
"""The kind of a failure, what it says in lower case, when that is so, and what it comes from."""


def cause(error: CallError, said: str, asked: Asked) -> str | None:
    """Return what a failure that *said* something comes from, if that is known: a wrong port."""
    text = said.lower()
    return next(
        (w for kind, part, holds, w in _CAUSES if kind is error and part in text and holds(asked)),
        None,
    )


def rows(body: Body) -> Iterator[ObservedRepository]:
    """Yield a repository for each row of a list; keys that are not needed are not looked at.

    A row that is not understood is one without a state, and `null` is `NULL_LIST`.
    Raises: ValueError, which says what is wrong with the list as a whole.
    """
    if len(body) <= _LONGEST_NULL and body.strip(_BLANKS) == b"null":
        yield NULL_LIST
        return
    for place, item in enumerate(documents.items(body), start=1):
        if place > MOST_REPOSITORIES:
            raise documents.BoundError(f"the list has more than {MOST_REPOSITORIES:,} repositories")
        yield _repository(item, place)


def merged(found: Iterable[ObservedRepository]) -> tuple[ObservedRepository, ...]:
    """Return one for each id: of one that is there twice nobody knows which row holds."""
    by_id: dict[str, ObservedRepository] = {}
    for each in found:
        first = by_id.setdefault(each.id, each)
        if first is not each:
            uuid = each.uuid if each.uuid == first.uuid else ""
            problem = "more than one row has this id" if each.id else "some rows have no id"
            by_id[each.id] = ObservedRepository(each.id, None, uuid, problem=problem)
    return tuple(by_id.values())


def periods(body: Body) -> dict[str, dict[str, timedelta]]:
    """Read from a list of plans how far apart the runs of each task are.

    What is not understood is passed over: a newer service may know other schedules. Raises:
    ValueError, if it is no list.
    """
    document = documents.read_json(body)
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


def _repository(item: object, place: int) -> ObservedRepository:
    if not isinstance(item, dict):
        return ObservedRepository("", None, problem=f"row {place} of the list is not a repository")
    id_ = item.get("id")
    if not isinstance(id_, str):
        return _unclear("", item, f"row {place} of the list has no id")
    if not is_id(id_):
        # Without the quotes: as it may be shown, and never like an id that is one.
        return _unclear(_short(id_)[1:-1], item, "that is not a repository id")
    if problem := _problem(item):
        return _unclear(id_, item, problem)
    return ObservedRepository(
        id_,
        _STATES[item["state"]],
        documents.text(item.get("repo") or ""),
        documents.text(item.get("plan_name") or ""),
        scheduled=tuple(sorted(_scheduled(item.get("scheduled") or {}))),
        running=tuple(sorted(_running(item))),
    )


def _unclear(id_: str, item: dict[str, object], problem: str) -> ObservedRepository:
    number = item.get("repo")
    uuid = documents.text(number) if isinstance(number, str) and _is_plain(number) else ""
    return ObservedRepository(id_, None, uuid, problem=problem)


def _problem(item: dict[str, object]) -> str:
    """Return why a row is not understood; empty if it is. A field may be absent or null."""
    state = item.get("state")
    if not isinstance(state, str):
        return "it has no state"
    if state not in _STATES:
        return f"its state {_short(state)} is unknown"
    for key, kind in _KINDS.items():
        value = item.get(key)
        if value is None:
            continue
        if not isinstance(value, kind):
            return f"its {key} has the wrong type"
        if isinstance(value, str) and not _is_plain(value):
            return f"its {key} is not a plain text of at most {_LONGEST_TEXT} bytes"
        if isinstance(value, dict) and len(value) > _MOST_TASKS:
            return f"its {key} are more than {_MOST_TASKS}"
    return ""


def _short(value: str) -> str:
    """Return a text in quotes, as it may be shown; of a long one no more than that is read."""
    return shown(documents.text(value[:_LONGEST_TEXT]))


def _is_plain(value: str) -> bool:
    if len(value) > _LONGEST_TEXT:
        return False
    return value.isprintable() if value.isascii() else documents.text(value).isprintable()


def _label(name: str) -> str:
    """Return the name of a task or its type, as it may be shown."""
    if name.isascii() and name.isprintable() and len(name) <= MESSAGE_LIMIT:
        return name
    return printable(documents.text(name[:_LONGEST_TEXT]))


def _scheduled(tasks: dict[str, object]) -> Iterator[ScheduledRun]:
    for task, entry in tasks.items():
        match entry:
            case {"next_run": str(next_run), "task_type": str(task_type)}:
                instant = _instant(next_run)
                if instant is not None:
                    yield ScheduledRun(instant, _label(task), _label(task_type))
            case _:
                continue


def _running(repository: dict[str, object]) -> set[str]:
    """Name the tasks in progress, those of the plan and those started by hand."""
    sections = (repository.get(key) for key in ("running_tasks", "running_one_off"))
    return {_label(name) for section in sections if isinstance(section, dict) for name in section}


def _instant(text: str) -> datetime | None:
    """Read RFC 3339 with any number of decimals (the seventh and later are dropped) as UTC.

    None for an instant that nobody plans for, such as the zero time of Go.
    """
    if len(text) > _LONGEST_INSTANT:
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
        instant = instant.astimezone(UTC) if instant.tzinfo else instant
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo and instant.year in _YEARS else None
