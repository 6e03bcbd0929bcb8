"""What the tests of the simulator share: a client that is held to the description of the API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from daemon.simulator.connections import Exchange, Reply
from daemon.simulator.server import Simulator

ROOT = "/api/v1"
ACTIVE = "/cluster/self/repository/active"
USERS = {
    "Administrator": ("password", "admin"),
    "backup": ("pw", "backup_admin"),
    "reader": ("pw", "ro_admin"),
    "nobody": ("pw", "none"),
}
SPEC: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text())
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin on a Monday at noon."""
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Read it."""
        return self.now

    def pass_(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Service:
    """A simulated service that is asked without sockets; every answer is held to `openapi.yaml`."""

    simulator: Simulator
    clock: Clock = field(default_factory=Clock)

    def ask(
        self, method: str, path: str, body: str | bytes = b"", user: str | None = "Administrator"
    ) -> Reply:
        """Call the API as a user, None for nobody."""
        sent = body.encode() if isinstance(body, str) else body
        password = USERS[user][0] if user else ""
        exchange = Exchange(
            method, ROOT + path, body=bytearray(sent), user=user or "", password=password
        )
        reply = self.simulator.answer(exchange)
        assert reply is not None
        assert_described(method, path.partition("?")[0], reply)
        return reply

    def read(self, path: str) -> Any:
        """Return what a GET answers."""
        reply = self.ask("GET", path)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def post(self, path: str, body: object = None) -> Any:
        """Return what a POST of JSON answers; None if that is empty."""
        reply = self.ask("POST", path, json.dumps(body) if body is not None else "")
        assert reply.status == 200, reply.body
        return json.loads(reply.body or b"null")

    def run(self, kind: str, repository: str = "orders", **options: object) -> str:
        """Start a task and let it end; return its name."""
        name: str = self.post(f"{ACTIVE}/{repository}/{kind}", options)["task_name"]
        self.clock.pass_(seconds=2)
        return name


def started(*repositories: str) -> Service:
    """Return a service with these repositories on a clock that stands still."""
    clock = Clock()
    return Service(Simulator(repositories, USERS, now=clock), clock)


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Return what `openapi.yaml` describes, by method and path."""
    found = {}
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            found[method.upper(), path] = _resolved(operation)
    return found


def assert_described(method: str, path: str, reply: Reply) -> None:
    """Check that an answer is one of those that `openapi.yaml` has for its call."""
    operation = _operation("GET" if method == "HEAD" else method, path)
    if operation is None:
        assert reply.status in {200, 400, 404, 405}
        return
    common = SPEC["components"]["responses"]
    responses = {"401": common["Unauthorized"], "403": common["Forbidden"]}
    responses |= operation["responses"]
    assert str(reply.status) in responses, (method, path, reply)
    ((kind, content),) = _resolved(responses[str(reply.status)])["content"].items()
    assert reply.kind == kind
    if kind == "application/json" and "schema" in content:
        schema = content["schema"] | {"components": SPEC["components"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(reply.body))
    elif kind == "application/json":
        assert reply.body == b""


def _operation(method: str, path: str) -> dict[str, Any] | None:
    # The path with the most fixed parts is the one that is meant.
    for known in sorted(SPEC["paths"], key=lambda each: (each.count("{"), -len(each))):
        pattern = re.sub(r"\{\w+\}", "[^/]+", known)
        if re.fullmatch(pattern, path) and method.lower() in SPEC["paths"][known]:
            return dict(_resolved(SPEC["paths"][known][method.lower()]))
    return None


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def plain(body: bytes) -> str:
    """Return an answer with each random number in it written as `#`."""
    return _NUMBER.sub("#", body.decode())
