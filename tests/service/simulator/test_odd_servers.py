"""Servers that are odd from the beginning, as `simulate --fault` makes them, and our client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

import daemon
from daemon.core.attempt import Attempt, CallError
from daemon.core.repository import ObservedRepository
from daemon.durations import parse_duration
from daemon.service.client import BackupService, ServiceError
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts
from daemon.simulator.faults import ODD_SERVERS, odd_server
from daemon.simulator.server import Simulator
from tests.service.simulator.kit import ACTIVE, ROOT, USERS, Described

AUTH = ("Administrator", "password")


@contextmanager
def running(*faults: str) -> Iterator[Simulator]:
    """Run an odd server."""
    with Described(("orders", "archive"), USERS, odd=odd_server(faults, parse_duration)) as server:
        yield server


def listed(server: Simulator) -> list[dict[str, Any]]:
    """Return the list of repositories as any client gets it."""
    answer = requests.get(f"{server.url}{ROOT}{ACTIVE}", auth=AUTH, timeout=60)
    found: list[dict[str, Any]] = answer.json()
    return found


def called(
    server: Simulator, action: str = "list", total: timedelta = timedelta(seconds=60)
) -> tuple[object, list[Attempt]]:
    """Call a server by our client, three attempts and no waits; return what came of it."""
    attempts: list[Attempt] = []

    async def go_on(_: timedelta) -> bool:
        return True

    async def work() -> object:
        settings = ClusterSettings(
            "prod",
            urls=(server.url,),
            username="Administrator",
            password_env="PASSWORD",
            timeout=Timeouts(total, total, total),
            retry=RetryPolicy(3, timedelta(seconds=1), timedelta(seconds=30)),
        )
        client = BackupService(
            settings,
            environ={"PASSWORD": "password"},
            on_attempt=attempts.append,
            now=lambda: datetime.now(UTC),
        )
        try:
            if action == "list":
                return await client.repositories(keep_trying=go_on)
            return await client.pause("orders", ("night",), go_on)
        except ServiceError as exc:
            return exc
        finally:
            client.close()

    return asyncio.run(work()), attempts


def test_trouble_with_the_cluster_manager() -> None:
    """Each call is a 500 about who we are, which our client tries again as any 5xx (S23)."""
    with running("authentication=1h") as server:
        raw = requests.get(f"{server.url}{ROOT}/config", timeout=60)
        result, attempts = called(server)

    assert (raw.status_code, raw.headers["Content-Type"]) == (500, "application/json")
    assert raw.content.startswith(b'{"status":500,"msg":"Could not authenticate user","extras":')
    assert isinstance(result, ServiceError)
    assert result.retryable
    assert "client certificate" in str(result)
    assert [attempt.error for attempt in attempts] == [CallError.SERVER_ERROR] * 3


def test_trouble_that_is_over() -> None:
    """It ends by itself (S23)."""
    with running("authentication=0s") as server:
        assert len(listed(server)) == 2


def test_a_stall() -> None:
    """A call that nobody answers ends by our own time-out (S26)."""
    with running("stall") as server:
        result, attempts = called(server, total=timedelta(seconds=0.2))

    assert isinstance(result, ServiceError)
    assert [attempt.error for attempt in attempts] == [CallError.TIMEOUT] * 3
    assert result.retryable


def test_an_empty_answer() -> None:
    """An empty 200 is no empty list: to our client it is unexpected (S24)."""
    with running("empty") as server:
        raw = requests.get(f"{server.url}{ROOT}{ACTIVE}", timeout=60)
        result, _ = called(server)

    assert (raw.status_code, raw.content) == (200, b"")
    assert isinstance(result, ServiceError)
    assert result.error is CallError.UNEXPECTED


def test_a_dead_leader() -> None:
    """A pause and a backup are answered well, and nothing comes of them (S25)."""
    with running("dead-leader") as server:
        result, attempts = called(server, "pause")
        root = f"{server.url}{ROOT}"
        started = requests.post(f"{root}{ACTIVE}/orders/backup", json={}, auth=AUTH, timeout=60)
        wrong = requests.post(f"{root}{ACTIVE}/none/pause", json={}, auth=AUTH, timeout=60)
        after = listed(server)

    assert result is False
    assert len(attempts) == 1
    assert started.json()["task_name"].startswith("BACKUP-")
    assert wrong.status_code == 404
    assert {(row["state"], "running_one_off" in row) for row in after} == {("active", False)}


@pytest.mark.parametrize(
    ("fault", "problems"),
    [
        ("unknown-state", ['its state "quiescing" is unknown'] * 2),
        ("unknown-state=archive", ["", 'its state "quiescing" is unknown']),
        ("missing-field", ["it has no state"] * 2),
        ("missing-field=id", ["some rows have no id"]),
        ("missing-field=scheduled", ["", ""]),
    ],
)
def test_rows_that_are_odd(fault: str, problems: list[str]) -> None:
    """A list with odd rows is a list: our client names what it does not understand (S6)."""
    with running(fault) as server:
        rows = listed(server)
        result, _ = called(server)

    assert len(rows) == 2
    assert isinstance(result, tuple)
    found = [row.problem for row in result if isinstance(row, ObservedRepository)]
    assert found == problems


def test_a_node_that_leaves() -> None:
    """The service is gone, the cluster manager stays and names it no more (S22)."""
    with running("node-leaves=0s") as server:
        root = server.management_url
        services = requests.get(f"{root}/pools/default/nodeServices", auth=AUTH, timeout=60)
        proxied = requests.get(f"{root}/_p/backup{ROOT}/config", auth=AUTH, timeout=60)
        result, _ = called(server)
        while not isinstance(result, ServiceError):
            result, _ = called(server)

    assert "backupAPI" not in services.json()["nodesExt"][0]["services"]
    assert (proxied.status_code, proxied.text) == (404, "Service backup not running on this node")
    assert result.error in {CallError.REFUSED, CallError.RESET}


def test_versions_that_are_mixed() -> None:
    """The cluster manager finds no service to lead to, which at its own port is there (S22)."""
    with running("mixed-versions") as server:
        proxied = requests.get(
            f"{server.management_url}/_p/backup{ROOT}/config", auth=AUTH, timeout=60
        )
        result, _ = called(server)

    assert (proxied.status_code, proxied.text) == (
        503,
        "Service backup not running on this node, and compatible service is not found.",
    )
    assert isinstance(result, tuple)


def test_a_stall_behind_the_cluster_manager() -> None:
    """It waits as long as the client says, a minute else, and then for nothing (S26)."""
    with running("stall") as server:
        answer = requests.get(
            f"{server.management_url}/_p/backup{ROOT}/config",
            auth=AUTH,
            headers={"ns-server-proxy-timeout": "1"},
            timeout=60,
        )

    assert (answer.status_code, answer.text) == (504, "Gateway Timeout")


def test_several_faults() -> None:
    """Faults go together, with their values and without."""
    odd = odd_server(["stall=2s", "missing-field", "dead-leader"], parse_duration)

    assert (odd.stall, odd.missing_field) == (timedelta(seconds=2), "state")
    assert (odd.is_dead, odd.is_empty, odd.authentication) == (True, False, None)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (["stal"], "there are: authentication, dead-leader"),
        (["stall=soon"], "soon"),
        (["stall="], "a value after ="),
        (["empty=1"], "no value"),
        (["empty", "empty"], "twice"),
    ],
)
def test_faults_that_there_are_not(faults: list[str], said: str) -> None:
    """What makes no sense is said with a way out."""
    with pytest.raises(ValueError, match=said):
        odd_server(faults, parse_duration)


def test_each_fault_has_a_test() -> None:
    """Each name of `--fault` is in a test of this file."""
    text = Path(__file__).read_text()

    assert [name for name in ODD_SERVERS if f'"{name}' not in text] == []


def test_each_fault_is_in_the_manual() -> None:
    """The manual's table has each name of `--fault` with its value, sorted as in the help."""
    page = Path(daemon.__file__).with_name("manual") / "commands.md"
    rows = re.findall(r"^\| `([a-z-]+)(\[=[A-Z]+\])?` \|", page.read_text(), re.MULTILINE)
    listed = [(name, value) for name, value in rows if name in ODD_SERVERS]

    assert listed == [
        (name, f"[={value}]" if value else "") for name, (value, _) in ODD_SERVERS.items()
    ]
