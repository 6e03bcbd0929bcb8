"""The system events that the cluster manager lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.service.simulator.kit import ACTIVE, Service, started

SCHEDULE = {"job_type": "BACKUP", "frequency": 1, "period": "HOURS"}
TASK = {"name": "t", "task_type": "BACKUP", "schedule": SCHEDULE}


@pytest.fixture
def service() -> Service:
    """Return a service with a repository."""
    return started("orders")


def events(service: Service, query: str = "") -> list[dict[str, Any]]:
    """Return the events that a query asks for."""
    reply = service.manage("GET", f"/events{query}")
    found: list[dict[str, Any]] = json.loads(reply.body)["events"]
    return found


def test_tasks_are_events(service: Service) -> None:
    """A task is an event when it starts, and another when it is done or has failed (S27)."""
    service.run("backup")
    service.run("merge", start="never")
    service.run("restore", target="x")
    service.post(f"{ACTIVE}/orders/prune")
    service.clock.pass_(seconds=2)
    service.read(f"{ACTIVE}/orders")
    found = [(each["event_id"], each["severity"]) for each in events(service)]

    assert found == [
        (6148, "info"), (6149, "info"), (6154, "info"), (6156, "error"), (6151, "info"),
        (6152, "info"), (6168, "info"), (6169, "info"),
    ]  # fmt: skip


def test_changes_are_events(service: Service) -> None:
    """What is done to repositories, plans and settings is an event, with its name (S27)."""
    plan = json.dumps({"tasks": [TASK]})
    service.ask("POST", "/config", '{"history_rotation_size":60}')
    for method in ("POST", "PUT", "DELETE"):
        service.ask(method, "/plan/mine", plan)
    service.post(f"{ACTIVE}/new", {"plan": "_daily_backups", "archive": "/archives/new"})
    service.post(f"{ACTIVE}/new/pause")
    service.post(f"{ACTIVE}/new/pause")
    service.post(f"{ACTIVE}/new/resume")
    service.post(f"{ACTIVE}/new/archive", {"id": "old"})
    service.ask("DELETE", "/cluster/self/repository/archived/old")
    service.post("/cluster/self/repository/import", {"id": "i", "archive": "/a", "repo": "r"})
    found = [(each["event_id"], each["extra_attributes"]["name"]) for each in events(service)]

    assert found == [
        (6144, "self"), (6145, "mine"), (6146, "mine"), (6147, "mine"), (6157, "new"),
        (6161, "new"), (6161, "new"), (6162, "new"), (6159, "new"), (6158, "old"), (6160, "i"),
    ]  # fmt: skip


def test_events_since_an_instant(service: Service) -> None:
    """Those at the instant and after it are listed, and no more than were asked for (S27)."""
    for _ in range(4):
        service.post(f"{ACTIVE}/orders/pause")
        service.clock.pass_(seconds=1)
    since = "?sinceTime=2026-11-23T12:00:02Z"
    found = [each["timestamp"] for each in events(service, since)]

    assert found == ["2026-11-23T12:00:02Z", "2026-11-23T12:00:03Z"]
    assert len(events(service, f"{since}&limit=1")) == 1
    assert len(events(service, "?limit=-1")) == 4


@pytest.mark.parametrize(
    ("query", "newest"), [("?limit=2", 2), ("?limit=0", 0), ("", 250), ("?limit=-1", 302)]
)
def test_the_newest_events(service: Service, query: str, newest: int) -> None:
    """Without an instant the newest are listed, 250 of them unless others are asked for (S27)."""
    for _ in range(300):
        service.post(f"{ACTIVE}/orders/pause")
        service.clock.pass_(seconds=1)
    service.post(f"{ACTIVE}/orders/resume")
    service.post(f"{ACTIVE}/orders/backup", {})
    found = [each["event_id"] for each in events(service, query)]

    assert found == ([6161] * 300 + [6162, 6148])[302 - newest :]


def test_a_task_that_nobody_looked_at(service: Service) -> None:
    """Its end is listed in its place, whatever has been asked of others since (S27)."""
    service.post(f"{ACTIVE}/orders/backup", {})
    service.clock.pass_(seconds=2)
    service.post("/plan/mine", {"tasks": [TASK]})
    found = [each["event_id"] for each in events(service)]
    failed = events(service, "?severity=error")

    assert (found, failed) == ([6148, 6149, 6145], [])


@pytest.mark.parametrize("query", ["?limit=many", "?event_id=x", "?sinceTime=2026-11-23"])
def test_a_query_that_makes_no_sense(service: Service, query: str) -> None:
    """It is refused (S27)."""
    assert service.manage("GET", f"/events{query}").status == 400
