"""The paths of the REST API, and the call of the model behind each.

`/api/v1` on the service's port; the same below `/_p/backup` on the cluster manager's, which also
answers `/pools`, `/pools/default/nodeServices` and `/events`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from daemon.simulator.model import STATES, Json, Model, Refusal

PROXY = "/_p/backup"
NOT_FOUND = "404 page not found\n"


@dataclass(frozen=True)
class Request:
    """What a route is given: the matched parts of the path, the query and the body."""

    parts: tuple[str, ...]
    query: dict[str, list[str]]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body, or refuse in the service's words."""
        if not self.body.strip():
            raise Refusal(400, "invalid request body", "EOF")
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise Refusal(400, "invalid request body", str(exc)) from exc

    def object(self) -> Json:
        """Return the body as an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise Refusal(400, "invalid request body", "json: cannot unmarshal into Go value")
        return body

    def number(self, name: str) -> int | None:
        """Return a count from the query."""
        text = self.query.get(name, [""])[0]
        if not text:
            return None
        if not text.isdecimal():
            raise Refusal(400, f"invalid {name}", text)
        return int(text)


Handler = Callable[[Model, Request], object]


@dataclass(frozen=True)
class Route:
    """One path for some methods; `None` as the answer is an empty body."""

    methods: frozenset[str]
    path: re.Pattern[str]
    handle: Handler
    writes: bool = field(default=False)


def _state(name: str) -> str:
    if name not in STATES:
        raise Refusal(400, "invalid repository state", name)
    return name


def _cluster(model: Model, _: Request) -> object:
    shown = {
        state: {id_: model.show(repository) for id_, repository in list(found.items())}
        for state, found in model.repositories.items()
    }
    return {"name": "self", **shown}


def _list(model: Model, request: Request) -> object:
    found = model.repositories[_state(request.parts[0])]
    return [model.show(repository) for repository in list(found.values())]


def _get(model: Model, request: Request) -> object:
    return model.show(model.find(_state(request.parts[0]), request.parts[1]))


def _info(model: Model, request: Request) -> object:
    found = model.find(_state(request.parts[0]), request.parts[1])
    return {"name": found.repo, "size": 0, "count": 0, "backups": []}


def _history(model: Model, request: Request) -> object:
    runs = model.history(_state(request.parts[0]), request.parts[1])
    first = request.query.get("first", [""])[0]
    if first:
        try:
            since = datetime.fromisoformat(first)
        except ValueError as exc:
            raise Refusal(400, "invalid first", first) from exc
        runs = [run for run in runs if datetime.fromisoformat(run["start"]) >= since]
    names = request.query.get("taskName")
    if names:
        runs = [run for run in runs if run["task_name"] in names]
    offset, limit = request.number("offset") or 0, request.number("limit")
    return runs[offset : offset + limit if limit else None]


def _pause(model: Model, request: Request) -> None:
    model.set_state(request.parts[0], "paused")


def _resume(model: Model, request: Request) -> None:
    model.set_state(request.parts[0], "active")


def _create(model: Model, request: Request) -> None:
    model.create(request.parts[0], request.object())


def _archive(model: Model, request: Request) -> None:
    model.archive(request.parts[0], str(request.object().get("id") or ""))


def _import(model: Model, request: Request) -> None:
    model.import_(request.object())


def _delete(model: Model, request: Request) -> None:
    model.delete(_state(request.parts[0]), request.parts[1])


def _change_plan(model: Model, request: Request) -> None:
    model.change_plan(*request.parts)


def _task(model: Model, request: Request) -> object:
    id_, kind = request.parts
    request.object()
    name = model.start_task("active", id_, kind.upper())
    return [{"task_name": name}] if kind == "prune" else {"task_name": name}


def _restore(model: Model, request: Request) -> object:
    state, id_ = request.parts
    request.object()
    return {"task_name": model.start_task(_state(state), id_, "RESTORE")}


def _plans(model: Model, _: Request) -> object:
    return list(model.plans.values())


def _plan(model: Model, request: Request) -> object:
    if request.parts[0] not in model.plans:
        raise Refusal(404, "requested plan not found")
    return model.plans[request.parts[0]]


def _new_plan(model: Model, request: Request) -> None:
    model.save_plan(request.parts[0], request.json(), is_new=True)


def _put_plan(model: Model, request: Request) -> None:
    model.save_plan(request.parts[0], request.json(), is_new=False)


def _delete_plan(model: Model, request: Request) -> None:
    model.delete_plan(request.parts[0])


def _config(model: Model, _: Request) -> object:
    return model.config


def _configure(model: Model, request: Request) -> None:
    model.configure(request.object())


def _threads(model: Model, _: Request) -> object:
    if not model.threads:
        raise Refusal(404, "nodes threads map not found")
    return model.threads


def _set_threads(model: Model, request: Request) -> None:
    model.threads.update(request.object())


def _other_cluster(_: Model, request: Request) -> object:
    raise Refusal(400, "Remote clusters not supported", f"Invalid cluster: {request.parts[0]}")


def _route(methods: str, path: str, handle: Handler, *, writes: bool = True) -> Route:
    names = frozenset(methods.split())
    return Route(names, re.compile(f"^/api/v1{path}$"), handle, writes and names != {"GET"})


_REPOSITORY = "/cluster/self/repository"
_ACTIVE = f"{_REPOSITORY}/active/([^/]+)"
ROUTES = (
    _route("GET", "/cluster/self", _cluster),
    _route("POST", f"{_REPOSITORY}/import", _import),
    _route("GET", f"{_REPOSITORY}/([^/]+)", _list),
    _route("GET", f"{_REPOSITORY}/([^/]+)/([^/]+)", _get),
    _route("GET", f"{_REPOSITORY}/([^/]+)/([^/]+)/info", _info),
    _route("GET", f"{_REPOSITORY}/([^/]+)/([^/]+)/taskHistory", _history),
    _route("POST", f"{_ACTIVE}/pause", _pause),
    _route("POST", f"{_ACTIVE}/resume", _resume),
    _route("POST", f"{_ACTIVE}/archive", _archive),
    _route("POST", f"{_ACTIVE}/plan/([^/]+)", _change_plan),
    _route("POST", f"{_ACTIVE}/(backup|merge|prune)", _task),
    _route("POST", f"{_REPOSITORY}/([^/]+)/([^/]+)/restore", _restore),
    _route("POST", _ACTIVE, _create),
    _route("DELETE", f"{_REPOSITORY}/([^/]+)/([^/]+)", _delete),
    _route("GET", "/plan", _plans),
    _route("GET", "/plan/([^/]+)", _plan),
    _route("POST", "/plan/([^/]+)", _new_plan),
    _route("PUT", "/plan/([^/]+)", _put_plan),
    _route("DELETE", "/plan/([^/]+)", _delete_plan),
    _route("GET", "/config", _config),
    _route("POST PATCH PUT", "/config", _configure),
    _route("GET", "/nodesThreadsMap", _threads),
    _route("POST PATCH", "/nodesThreadsMap", _set_threads),
    _route("GET POST DELETE", "/cluster/((?!self(?:/|$))[^/]+)(?:/.*)?", _other_cluster),
    _route("GET POST DELETE", "/cluster/(plan)(?:/.*)?", _other_cluster),
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a request and the parts of its path; None if there is none."""
    for route in ROUTES:
        matched = route.path.match(path)
        if matched and method in route.methods:
            return route, matched.groups()
    return None


def query_of(text: str) -> dict[str, list[str]]:
    """Parse a query string."""
    return parse_qs(text, keep_blank_values=True)
