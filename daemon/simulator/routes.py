"""The paths of the REST API, and the call of the model behind each.

`/api/v1` on the service's port; the same below `/_p/backup` on the cluster manager's. As in the
service's own router, a path is found before anybody is asked who they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from daemon.simulator.api import repositories, settings
from daemon.simulator.api.request import Request
from daemon.simulator.model import Model

PROXY = "/_p/backup"

Handler = Callable[[Model, Request], object]


@dataclass(frozen=True)
class Route:
    """One path for some methods; `None` as the answer is an empty body."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    handle: Handler


def _route(methods: str, path: str, handle: Handler, root: str = "/api/v1") -> Route:
    names = tuple(methods.split())
    return Route(names, re.compile(rf"{root}{path}", re.DOTALL), handle)


_REPOSITORY = "/cluster/self/repository"
_ACTIVE = f"{_REPOSITORY}/active/([^/]+)"
_ANY = f"{_REPOSITORY}/([^/]+)/([^/]+)"
ROUTES = (
    _route("GET", "/cluster/self", repositories.everything),
    _route("POST", f"{_REPOSITORY}/import", repositories.import_),
    _route("GET", f"{_REPOSITORY}/([^/]+)", repositories.listed),
    _route("POST", _ACTIVE, repositories.create),
    _route("GET", _ANY, repositories.one),
    _route("DELETE", _ANY, repositories.delete),
    _route("GET", f"{_ANY}/info", repositories.info),
    _route("GET", f"{_ANY}/taskHistory", repositories.history),
    _route("GET", f"{_ANY}/expiredBackups", repositories.expired),
    _route("POST", f"{_ANY}/restore", repositories.restore),
    _route("POST", f"{_ANY}/examine", repositories.examine),
    _route("POST", f"{_ACTIVE}/pause", repositories.pause),
    _route("POST", f"{_ACTIVE}/resume", repositories.resume),
    _route("POST", f"{_ACTIVE}/archive", repositories.archive),
    _route("POST", f"{_ACTIVE}/plan/([^/]+)", repositories.change_plan),
    _route("POST", f"{_ACTIVE}/backup", repositories.backup),
    _route("POST", f"{_ACTIVE}/merge", repositories.merge),
    _route("POST", f"{_ACTIVE}/prune", repositories.prune),
    _route("DELETE", f"{_ACTIVE}/backups/([^/]+)", repositories.delete_backup),
    _route("POST", f"{_ACTIVE}/retentionSettings", repositories.retain),
    _route("POST", f"{_ACTIVE}/retentionSettings/([^/]+)", repositories.retain),
    _route("POST", f"{_ACTIVE}/worm", repositories.worm),
    _route("POST", f"{_ACTIVE}/cloudConfig", repositories.cloud_config),
    _route("GET", "/plan", settings.plans),
    _route("GET", "/plan/([^/]+)", settings.plan),
    _route("POST PUT", "/plan/([^/]+)", settings.save_plan),
    _route("DELETE", "/plan/([^/]+)", settings.delete_plan),
    _route("GET", "/config", settings.config),
    _route("POST PATCH PUT", "/config", settings.configure),
    _route("GET", "/nodesThreadsMap", settings.threads),
    _route("POST PATCH", "/nodesThreadsMap", settings.set_threads),
    _route(
        "GET POST PUT PATCH DELETE",
        "/cluster/((?!self(?:/|$))[^/]+)(?:/.*)?",
        settings.other_cluster,
    ),
    _route("GET", "/leader", settings.leader, "/internal/v1"),
    _route("POST", "/orphanDetection", settings.find_orphans, "/internal/v1"),
    _route(
        "DELETE",
        f"{_REPOSITORY}/(active|archived|imported)/([^/]+)/task/(?:one-off|scheduled)/([^/]+)",
        settings.stop_task,
        "/internal/v1",
    ),
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
