"""What the tests of the simulator share: a client that is held to the description of the API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from daemon.simulator.connections import Exchange, Reply
from daemon.simulator.routes import PROXY
from daemon.simulator.server import Simulator
from tests.service.simulator.description import Description

ROOT = "/api/v1"
ACTIVE = "/cluster/self/repository/active"
USERS = {
    "Administrator": ("password", "admin"),
    "backup": ("pw", "backup_admin"),
    "reader": ("pw", "ro_admin"),
    "nobody": ("pw", "none"),
}
SERVICE = Description(Path(__file__).with_name("openapi.yaml"), ROOT)
MANAGER = Description(Path(__file__).with_name("cluster-manager.yaml"))
_LONGEST = 256 * 1024
"""The longest answer that is looked into: thousands of repositories take longer than a test may."""

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


class Described(Simulator):
    """A simulator each of whose requests and answers is held to the description.

    What an odd server shows of repositories is left out: it is odd.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Prepare as a simulator is."""
        super().__init__(*args, **options)
        self.problems: list[str] = []
        odd = options.get("odd")
        self._is_odd = odd is not None and (
            odd.is_empty or odd.missing_field is not None or odd.unknown_state is not None
        )

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of the service and of the cluster manager; without sockets the usual ones."""
        return super().ports if self._servers else (8097, 8091)

    def _serve(self, exchange: Exchange, path: str, query: str) -> Reply:
        reply = super()._serve(exchange, path, query)
        described, short = SERVICE, path
        if exchange.is_management:
            described, short = (
                (SERVICE if path.startswith(PROXY) else MANAGER),
                (path.removeprefix(PROXY)),
            )
        short = short.removeprefix(ROOT)
        is_led_away = reply.kind == "text/plain" and path.startswith(PROXY)
        if len(reply.body) <= _LONGEST and not self._is_odd and not is_led_away:
            body = bytes(exchange.body)
            self.problems += described.problems(exchange.method, short, query, body, reply)
        return reply

    def check(self) -> None:
        """Check that nothing was other than described since the last time."""
        found, self.problems = self.problems, []
        assert not found, "\n".join(found)

    def stop(self) -> None:
        """Close every socket, and check that nothing was other than described."""
        super().stop()
        self.check()


@dataclass
class Service:
    """A simulated service that is asked without sockets, and held to its description."""

    simulator: Described
    clock: Clock = field(default_factory=Clock)

    def ask(
        self, method: str, path: str, body: str | bytes = b"", user: str | None = "Administrator"
    ) -> Reply:
        """Call the API as a user, None for nobody."""
        sent = body.encode() if isinstance(body, str) else body
        password = USERS[user][0] if user else ""
        target = path if path.startswith("/internal/") else ROOT + path
        exchange = Exchange(
            method, target, body=bytearray(sent), user=user or "", password=password
        )
        reply = self.simulator.answer(exchange)
        assert reply is not None
        self.simulator.check()
        return reply

    def manage(
        self, method: str, path: str, body: str = "", user: str | None = "Administrator"
    ) -> Reply:
        """Call the cluster manager as a user, None for nobody."""
        password = USERS[user][0] if user else ""
        exchange = Exchange(
            method, path, body=bytearray(body.encode()), user=user or "", password=password
        )
        exchange.is_management = True
        reply = self.simulator.answer(exchange)
        assert reply is not None
        self.simulator.check()
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


def started(*repositories: str, **options: Any) -> Service:
    """Return a service with these repositories on a clock that stands still."""
    clock = Clock()
    return Service(Described(repositories, USERS, now=clock, **options), clock)


def plain(body: bytes) -> str:
    """Return an answer with each random number in it written as `#`."""
    return _NUMBER.sub("#", body.decode())
