"""Which plans the simulated service takes, and how it shows them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.service.simulator.kit import Service, started

SCHEDULE = {"job_type": "BACKUP", "frequency": 1, "period": "HOURS"}
TASK = {"name": "t", "task_type": "BACKUP", "schedule": SCHEDULE}


@pytest.fixture
def service() -> Service:
    """Return a service with two repositories."""
    return started("orders", "archive")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "a"}, 200), ({"name": "a" * 50}, 200), ({"name": "a" * 51}, 400),
        ({"name": "my_task!"}, 400), ({"name": ""}, 400), ({"name": None}, 400),
        ({"task_type": "BAD"}, 400), ({"task_type": None}, 400), ({"schedule": None}, 400),
        ({"full_backup": None}, 200), ({"full_backup": True}, 200), ({"full_backup": "Bad"}, 400),
        ({"merge_options": {"offset_start": -1}}, 400), ({"merge_options": {}}, 200),
        ({"schedule": SCHEDULE | {"frequency": 5000}}, 200),
        ({"schedule": SCHEDULE | {"frequency": 5001}}, 400),
        ({"schedule": SCHEDULE | {"frequency": 1.0}}, 400),
        ({"schedule": SCHEDULE | {"frequency": "1"}}, 400),
        ({"schedule": {"job_type": "BACKUP", "period": "HOURS"}}, 400),
        ({"schedule": {"job_type": "BACKUP", "frequency": 1}}, 400),
        ({"schedule": SCHEDULE | {"period": "hour"}}, 400),
        ({"schedule": SCHEDULE | {"period": "SUNDAY"}}, 200),
        ({"schedule": SCHEDULE | {"job_type": "BAD"}}, 400),
        ({"schedule": SCHEDULE | {"job_type": "MERGE"}}, 400),
        ({"schedule": SCHEDULE | {"time": "05:00"}}, 200),
        ({"schedule": SCHEDULE | {"time": "22:00:23"}}, 400),
        ({"schedule": SCHEDULE | {"time": "25:00"}}, 400),
        ({"schedule": SCHEDULE | {"time": "-4:00"}}, 400),
    ],
)  # fmt: skip
def test_tasks_of_a_plan(service: Service, change: dict[str, object], status: int) -> None:
    """A task is accepted as the vendor's tests have it accepted (S11)."""
    reply = service.ask("POST", "/plan/mine", json.dumps({"tasks": [TASK | change]}))

    assert reply.status == status


@pytest.mark.parametrize(
    ("name", "plan", "status"),
    [
        ("a", {}, 200), ("a" * 50, {}, 200), ("a" * 51, {}, 400), ("_mine", {}, 400),
        ("my plan", {}, 400), ("my.plan", {}, 400), ("", {}, 404),
        ("p", {"description": "a" * 140}, 200), ("p", {"description": "a" * 141}, 400),
        ("p", {"services": ["data", "gsi", "cbas", "ft", "eventing", "views"]}, 200),
        ("p", {"services": ["full text search"]}, 400), ("p", {"services": "data"}, 400),
        ("p", {"tasks": [TASK | {"name": f"t{number}"} for number in range(14)]}, 200),
        ("p", {"tasks": [TASK | {"name": f"t{number}"} for number in range(15)]}, 400),
        ("p", {"tasks": [TASK, TASK]}, 400), ("p", {"tasks": [{}]}, 400),
        ("p", {"tasks": [0]}, 400), ("p", {"tasks": None}, 400),
    ],
)  # fmt: skip
def test_plans(service: Service, name: str, plan: dict[str, object], status: int) -> None:
    """A plan is accepted as the vendor's tests have it accepted (S11)."""
    reply = service.ask("POST", f"/plan/{name}", json.dumps({"tasks": [TASK], **plan}))

    assert reply.status == status


def test_a_plan_is_shown_as_it_is_kept(service: Service) -> None:
    """What is empty is left out, `full_backup` never is, and unknown keys are passed over (S11)."""
    merge = {
        "name": "m", "task_type": "MERGE", "merge_options": {"offset_end": 3}, "options": {"a": 1},
        "schedule": {"job_type": "MERGE", "frequency": 2, "period": "DAYS", "time": "", "x": 1},
    }  # fmt: skip
    service.post("/plan/mine", {"description": "", "services": [], "tasks": [merge], "id": 7})
    shown = service.ask("GET", "/plan/mine").body

    assert shown == (
        b'{"name":"mine","services":[],"tasks":[{"name":"m","task_type":"MERGE","schedule":'
        b'{"job_type":"MERGE","frequency":2,"period":"DAYS"},"merge_options":{"offset_start":0,'
        b'"offset_end":3},"full_backup":false}]}'
    )


def test_the_plans_of_the_service(service: Service) -> None:
    """Four plans are there from the beginning; they are neither changed nor deleted (S13)."""
    names = {plan["name"] for plan in service.read("/plan") if plan["default"]}
    body = json.dumps({"tasks": [TASK]})
    statuses = {
        service.ask(method, f"/plan/{name}", body).status
        for name in names
        for method in ("POST", "PUT", "DELETE")
    }

    assert len(names) == 4
    assert "_weekly_full_backups_with_incrementals" in names
    assert statuses == {400}


@pytest.mark.parametrize(
    ("name", "kinds", "full"),
    [
        ("_daily_backups", {"BACKUP": 7, "MERGE": 2}, {"backup_monday"}),
        ("_hourly_backups", {"BACKUP": 1, "MERGE": 3}, set()),
        (
            "_daily_full_backups_with_incrementals",
            {"BACKUP": 2, "PRUNE": 1},
            {"backup_full_daily"},
        ),
        (
            "_weekly_full_backups_with_incrementals",
            {"BACKUP": 2, "PRUNE": 1},
            {"backup_full_weekly"},
        ),
    ],
)
def test_what_the_plans_of_the_service_do(
    service: Service, name: str, kinds: dict[str, int], full: set[str]
) -> None:
    """They back up, merge and prune as the documentation says, in tasks as anybody's (S13)."""
    plan = service.read(f"/plan/{name}")
    service.post("/plan/mine", {"tasks": plan["tasks"]})

    assert Counter(task["task_type"] for task in plan["tasks"]) == kinds
    assert {task["name"] for task in plan["tasks"] if task["full_backup"]} == full
    assert service.read("/plan/mine")["tasks"] == plan["tasks"]
