"""The paths of the REST API, and the call of the model behind each.

`/api/v1` on the service's port; the same below `/_p/backup` on the cluster manager's. As in the
service's own router, a path is found before anybody is asked who they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from daemon.simulator import archives, bodies, tasks
from daemon.simulator.go_json import GoJSONError
from daemon.simulator.model import HISTORY, STATES, Model, Repository
from daemon.simulator.refusals import Json, Refusal

PROXY = "/_p/backup"

_LARGEST = 2**63
_RETENTION = range(36_501)
_WORM = range(3, 36_526)


@dataclass(frozen=True)
class Request:
    """What a route is given: the matched parts of the path, the query and the body."""

    method: str
    parts: tuple[str, ...]
    query: dict[str, list[str]]
    body: bytes

    def read(self, struct: bodies.Struct) -> Json:
        """Return the body's fields, or refuse in the service's words."""
        try:
            return bodies.read(self.body, struct)
        except GoJSONError as exc:
            raise Refusal(400, "invalid request body", str(exc)) from exc

    def text(self, name: str) -> str:
        """Return a parameter of the query."""
        return self.query.get(name, [""])[0]

    def number(self, name: str) -> int:
        """Return a count from the query; 0 without one."""
        text = self.text(name)
        if not text:
            return 0
        if not (text.isascii() and text.isdecimal()) or int(text[:20]) >= _LARGEST:
            raise Refusal(400, f"invalid {name}", f"'{text}' is not a positive integer")
        return int(text)

    def page(self, items: list[Json]) -> list[Json]:
        """Return the part of a list that `offset` and `limit` ask for; a limit of 0 is none."""
        limit, offset = self.number("limit"), self.number("offset")
        return items[offset : offset + limit if limit else None]


Handler = Callable[[Model, Request], object]


@dataclass(frozen=True)
class Route:
    """One path for some methods; `None` as the answer is an empty body."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    handle: Handler


def _state(name: str) -> str:
    if name not in STATES:
        raise Refusal(400, "invalid repository state", f"'{name}' is none of {', '.join(STATES)}")
    return name


# Repositories


def _cluster(model: Model, _: Request) -> object:
    shown = {
        state: {id_: model.show(model.repositories[state][id_]) for id_ in sorted(found)}
        for state, found in model.repositories.items()
    }
    return {"name": "self", **{state: shown[state] for state in ("imported", "archived", "active")}}


def _list(model: Model, request: Request) -> object:
    found = model.repositories[_state(request.parts[0])]
    return [model.show(repository) for repository in list(found.values())]


def _found(model: Model, request: Request) -> Repository:
    return model.find(_state(request.parts[0]), request.parts[1])


def _get(model: Model, request: Request) -> object:
    return model.show(_found(model, request))


def _info(model: Model, request: Request) -> object:
    found = _found(model, request)
    if found.has_folder and archives.is_lost(found.archive, found.repo):
        why = f"Error opening archive {found.archive}: no such file or directory"
        raise Refusal(500, "Could not get repository info", why)
    backups = model.backups.get(found.repo, [])
    size = sum(each["size"] for each in backups)
    page = [tasks.shown_backup(each) for each in request.page(backups)]
    return {"name": found.repo, "size": size, "count": len(backups), "backups": page}


def _history(model: Model, request: Request) -> object:
    runs = _found(model, request).runs
    first = request.text("first")
    if first:
        try:
            since = datetime.fromisoformat(first)
            runs = [run for run in runs if tasks.instant(run["start"]) >= since]
        except (ValueError, TypeError) as exc:
            raise Refusal(400, "invalid first", f"'{first}' is not an RFC 3339 instant") from exc
    if names := request.query.get("taskName"):
        runs = [run for run in runs if run["task_name"] in names]
    return [tasks.shown_run(run) for run in request.page(runs)]


def _pause(model: Model, request: Request) -> None:
    model.set_state(request.parts[0], "paused")


def _resume(model: Model, request: Request) -> None:
    model.set_state(request.parts[0], "active")


def _create(model: Model, request: Request) -> None:
    model.create(request.parts[0], request.read(bodies.REPOSITORY))


def _archive(model: Model, request: Request) -> None:
    model.archive(request.parts[0], request.read(bodies.ARCHIVE).get("id", ""))


def _import(model: Model, request: Request) -> None:
    model.import_(request.read(bodies.IMPORT))


def _delete(model: Model, request: Request) -> None:
    with_data = request.text("remove_repository").lower() in {"1", "t", "true"}
    model.delete(_state(request.parts[0]), request.parts[1], with_data=with_data)


def _change_plan(model: Model, request: Request) -> None:
    model.change_plan(*request.parts)


# Tasks and backups


def _backup(model: Model, request: Request) -> object:
    options = request.read(bodies.BACKUP)
    return {"task_name": model.start_task("active", request.parts[0], "BACKUP", options)}


def _merge(model: Model, request: Request) -> object:
    options = request.read(bodies.MERGE)
    return {"task_name": model.start_task("active", request.parts[0], "MERGE", options)}


def _prune(model: Model, request: Request) -> object:
    # With or without a body: the documentation has one, and says that there is none.
    return [{"task_name": model.start_task("active", request.parts[0], "PRUNE", {})}]


def _restore(model: Model, request: Request) -> object:
    state, id_ = request.parts
    options = request.read(bodies.RESTORE)
    found = model.find(_state(state), id_, f"repository `{id_}` does not exist")
    if not options.get("target"):
        raise Refusal(400, "a restore requires a target cluster")
    if options.get("replace_ttl", "none") not in {"none", "all", "expired"}:
        raise Refusal(400, "replace_ttl has to be none, all or expired")
    names = {each["date"] for each in model.backups.get(found.repo, [])}
    for key in ("start", "end"):
        if options.get(key) and options[key] not in names:
            raise Refusal(400, f"invalid {key} point", f"no backup '{options[key]}'")
    return {"task_name": model.start_task(state, id_, "RESTORE", options)}


def _examine(model: Model, request: Request) -> object:
    _found(model, request)
    asked = request.read(bodies.EXAMINE)
    for key in ("key", "data_path"):
        if not asked.get(key):
            raise Refusal(400, f"{key} is required")
    return []


def _backup_of(model: Model, id_: str, name: str, refusal: Refusal) -> Json:
    found = model.find_active(id_)
    for each in model.backups.get(found.repo, []):
        if each["date"] == name:
            return each
    raise refusal


def _delete_backup(model: Model, request: Request) -> None:
    id_, name = request.parts
    if request.body.strip():
        request.read(bodies.REMOVE)
    refusal = Refusal(500, "Could not delete backup", f"backup '{name}' not found")
    gone = _backup_of(model, id_, name, refusal)
    model.backups[model.find_active(id_).repo].remove(gone)
    model.save()


def _retain(model: Model, request: Request) -> None:
    found = model.find_active(request.parts[0])
    asked = request.read(bodies.RETENTION)
    if asked.get("period") not in _RETENTION:
        raise Refusal(400, "retention period has to be between 0 and 36500")
    chosen = model.backups.get(found.repo, [])
    if len(request.parts) > 1:
        name = request.parts[1]
        chosen = [_backup_of(model, found.id, name, Refusal(404, f"backup `{name}` not found"))]
    else:
        found.retention = asked["period"]
        chosen = chosen if asked.get("retroactive") else []
    for each in chosen:
        tasks.retain(each, asked["period"])
    model.touch(found)


def _expired(model: Model, request: Request) -> object:
    backups = model.backups.get(_found(model, request).repo, [])
    now = model.now()
    return [
        {
            "expired_backups": tasks.expired(backups, now),
            "expired_backups_with_non_expired_dependents": tasks.expired_but_needed(backups, now),
        }
    ]


def _worm(model: Model, request: Request) -> None:
    found = model.find_active(request.parts[0])
    asked = request.read(bodies.WORM)
    if not asked.get("disable") and asked.get("period") not in _WORM:
        raise Refusal(400, "WORM period has to be between 3 and 36525")
    if found.state != "paused":
        raise Refusal(400, "only paused repositories can have their WORM configuration modified")
    model.touch(found)


def _cloud_config(model: Model, request: Request) -> None:
    found = model.find_active(request.parts[0])
    if not request.read(bodies.CLOUD_CONFIG):
        raise Refusal(400, "at least one cloud setting is required")
    model.touch(found)


# Plans and settings


def _plans(model: Model, _: Request) -> object:
    return list(model.plans.values())


def _plan(model: Model, request: Request) -> object:
    if request.parts[0] not in model.plans:
        raise Refusal(404, "requested plan not found")
    return model.plans[request.parts[0]]


def _save_plan(model: Model, request: Request) -> None:
    plan = request.read(bodies.PLAN)
    model.save_plan(request.parts[0], plan, is_new=request.method == "POST")


def _delete_plan(model: Model, request: Request) -> None:
    model.delete_plan(request.parts[0])


def _config(model: Model, _: Request) -> object:
    return dict(sorted(model.config.items()))


def _configure(model: Model, request: Request) -> None:
    asked = request.read(bodies.CONFIG)
    # Only a PATCH of something else leaves the size as it is.
    is_partial = request.method == "PATCH" and "history_rotation_period" in asked
    size = asked.get("history_rotation_size", model.config["history_rotation_size"] * is_partial)
    if size not in HISTORY:
        raise Refusal(400, "Rotation size has to be between 5 and 200")
    if asked.get("history_rotation_period") == 0:
        raise Refusal(400, "Rotation period has to be at least 1")
    model.config |= asked | {"history_rotation_size": size}
    model.save()


def _threads(model: Model, _: Request) -> object:
    if model.threads is None:
        raise Refusal(404, "Could not find the Nodes Threads Map", "element not found")
    return dict(sorted(model.threads.items()))


def _set_threads(model: Model, request: Request) -> None:
    asked = request.read(bodies.THREADS).get("nodes_threads_map")
    if asked is None:
        raise Refusal(400, "nodes_threads_map is required")
    for node, count in asked.items():
        if count < 0:
            raise Refusal(400, f"threads of node '{node}' have to be at least 0")
    old = model.threads or {}
    model.threads = old | asked if request.method == "PATCH" else asked
    model.save()


def _other_cluster(_: Model, request: Request) -> object:
    raise Refusal(400, "Remote clusters not supported", f"Invalid cluster: {request.parts[0]}")


# Between the service's own nodes; of no use to anybody else, but the vendor's tests clean up so


def _leader(_: Model, __: Request) -> object:
    return {"host": "127.0.0.1:8097"}


def _stop_task(model: Model, request: Request) -> None:
    model.stop_task(*request.parts)


def _route(methods: str, path: str, handle: Handler, root: str = "/api/v1") -> Route:
    names = tuple(methods.split())
    return Route(names, re.compile(rf"{root}{path}", re.DOTALL), handle)


_REPOSITORY = "/cluster/self/repository"
_ACTIVE = f"{_REPOSITORY}/active/([^/]+)"
_ANY = f"{_REPOSITORY}/([^/]+)/([^/]+)"
ROUTES = (
    _route("GET", "/cluster/self", _cluster),
    _route("POST", f"{_REPOSITORY}/import", _import),
    _route("GET", f"{_REPOSITORY}/([^/]+)", _list),
    _route("POST", _ACTIVE, _create),
    _route("GET", _ANY, _get),
    _route("DELETE", _ANY, _delete),
    _route("GET", f"{_ANY}/info", _info),
    _route("GET", f"{_ANY}/taskHistory", _history),
    _route("GET", f"{_ANY}/expiredBackups", _expired),
    _route("POST", f"{_ANY}/restore", _restore),
    _route("POST", f"{_ANY}/examine", _examine),
    _route("POST", f"{_ACTIVE}/pause", _pause),
    _route("POST", f"{_ACTIVE}/resume", _resume),
    _route("POST", f"{_ACTIVE}/archive", _archive),
    _route("POST", f"{_ACTIVE}/plan/([^/]+)", _change_plan),
    _route("POST", f"{_ACTIVE}/backup", _backup),
    _route("POST", f"{_ACTIVE}/merge", _merge),
    _route("POST", f"{_ACTIVE}/prune", _prune),
    _route("DELETE", f"{_ACTIVE}/backups/([^/]+)", _delete_backup),
    _route("POST", f"{_ACTIVE}/retentionSettings", _retain),
    _route("POST", f"{_ACTIVE}/retentionSettings/([^/]+)", _retain),
    _route("POST", f"{_ACTIVE}/worm", _worm),
    _route("POST", f"{_ACTIVE}/cloudConfig", _cloud_config),
    _route("GET", "/plan", _plans),
    _route("GET", "/plan/([^/]+)", _plan),
    _route("POST PUT", "/plan/([^/]+)", _save_plan),
    _route("DELETE", "/plan/([^/]+)", _delete_plan),
    _route("GET", "/config", _config),
    _route("POST PATCH PUT", "/config", _configure),
    _route("GET", "/nodesThreadsMap", _threads),
    _route("POST PATCH", "/nodesThreadsMap", _set_threads),
    _route("GET POST PUT PATCH DELETE", "/cluster/((?!self(?:/|$))[^/]+)(?:/.*)?", _other_cluster),
    _route("GET", "/leader", _leader, "/internal/v1"),
    _route("DELETE", f"{_ACTIVE}/task/(?:one-off|scheduled)/([^/]+)", _stop_task, "/internal/v1"),
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a request and the parts of its path; HEAD goes wherever GET does."""
    wanted = "GET" if method == "HEAD" else method
    for route in ROUTES:
        if wanted in route.methods and (matched := route.path.fullmatch(path)):
            return route, matched.groups()
    return None


def methods(path: str) -> list[str]:
    """Return the methods that a path has, sorted; none if there is no such path."""
    found = {name for route in ROUTES if route.path.fullmatch(path) for name in route.methods}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
