"""What time does to the simulated service, while somebody looks, nobody does, or it is down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.durations import parse_duration
from daemon.simulator.faults import odd_server
from tests.service.simulator.kit import ACTIVE, USERS, Clock, Described, Service, started


def task(name: str, kind: str, period: str) -> dict[str, Any]:
    """Return a task that runs once in a period."""
    schedule = {"job_type": kind, "frequency": 1, "period": period}
    return {"name": name, "task_type": kind, "schedule": schedule}


KEPT = (
    '{"repositories":{"active":[{"id":"a","plan":"_daily_backups","archive":"/a",'
    '"created":"2026-11-23T12:00:00Z","updated":"2026-11-23T12:00:00Z","runs":[]}]}}'
)
HOURLY = [task("hourly", "BACKUP", "HOURS")]
EACH_MINUTE = [task("each-minute", "BACKUP", "MINUTES")]


@pytest.fixture
def service() -> Service:
    """Return a service with a repository that is backed up each hour."""
    return hourly(started())


def hourly(service: Service) -> Service:
    """Make a repository that is backed up each hour."""
    service.post("/plan/mine", {"tasks": HOURLY})
    service.post(f"{ACTIVE}/new", {"plan": "mine", "archive": "/archives/new"})
    return service


def history(service: Service, query: str = "") -> list[dict[str, Any]]:
    """Return the runs of the repository."""
    found: list[dict[str, Any]] = service.read(f"{ACTIVE}/new/taskHistory{query}")
    return found


def hours(service: Service) -> list[str]:
    """Return when the runs of the repository began, the newest first."""
    return [run["start"][11:16] for run in history(service)]


def test_the_history_has_what_has_ended(service: Service) -> None:
    """What runs is shown by the repository alone, what has ended by the history alone (S16)."""
    name = service.post(f"{ACTIVE}/new/backup", {})["task_name"]
    during = service.read(f"{ACTIVE}/new")["running_one_off"], history(service)
    service.clock.pass_(seconds=2)
    after = service.read(f"{ACTIVE}/new").get("running_one_off"), history(service)

    assert (list(during[0]), during[1]) == ([name], [])
    assert (after[0], [run["task_name"] for run in after[1]]) == (None, [name])


def test_the_latest_slots_are_caught_up(service: Service) -> None:
    """Where nobody looked for long, the newest runs of each task are there (S32, S35)."""
    tasks = [*EACH_MINUTE, task("merges", "MERGE", "HOURS")]
    service.ask("PUT", "/plan/mine", json.dumps({"tasks": tasks}))
    service.clock.pass_(hours=10, seconds=30)
    runs = history(service)

    assert len(runs) == 100
    assert {run["start"][11:16] for run in runs[:2]} == {"22:00"}
    assert {run["type"] for run in runs} == {"BACKUP", "MERGE"}


def test_a_plan_that_changes_while_it_is_used(service: Service) -> None:
    """What was due before the change was due by the plan as it was then (S35)."""
    service.clock.pass_(hours=2, minutes=30)
    service.ask("PUT", "/plan/mine", json.dumps({"tasks": EACH_MINUTE}))
    service.clock.pass_(minutes=1, seconds=30)

    assert hours(service) == ["14:31", "14:00", "13:00"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?taskName=", 2),
        ("?first=&limit=&offset=", 2),
        ("?taskName=hourly", 2),
        ("?taskName=none&taskName=hourly", 0),
        ("?first=2026-11-23T14:00:00Z", 1),
        ("?first=2026-11-23T15:00:00.000000001%2B01:00", 1),
    ],
)
def test_parts_of_the_history(service: Service, query: str, count: int) -> None:
    """A parameter without a value asks for nothing, and of two the first counts (S15)."""
    service.clock.pass_(hours=2, seconds=2)

    assert len(history(service, query)) == count


@pytest.mark.parametrize(
    "first",
    ["noon", "2026-11-23", "2026-11-23T12:00:00", "2026-W48-1T12:00:00Z", "20261123T120000Z",
     "2026-11-23T12:00:00+01:00", "2026-11-31T12:00:00Z"],
)  # fmt: skip
def test_no_instant(service: Service, first: str) -> None:
    """What is no instant of RFC 3339 is refused, be there runs or none (S15)."""
    without = service.ask("GET", f"{ACTIVE}/new/taskHistory?first={first}").status
    service.clock.pass_(hours=2)
    with_some = service.ask("GET", f"{ACTIVE}/new/taskHistory?first={first}").status

    assert (without, with_some) == (400, 400)


def test_a_planned_merge_in_the_cloud(service: Service) -> None:
    """An object store's backups are not merged: the task of the plan is skipped (S18)."""
    service.ask("PUT", "/plan/mine", json.dumps({"tasks": [task("m", "MERGE", "HOURS")]}))
    cloud = {
        "plan": "mine", "archive": "s3://bucket/archive", "cloud_staging_dir": "/staging",
        "cloud_credential_name": "stored",
    }  # fmt: skip
    service.post(f"{ACTIVE}/cloud", cloud)
    for _ in range(2):
        service.run("backup", "cloud")
    service.clock.pass_(hours=1)
    info = service.read(f"{ACTIVE}/cloud/info")
    (merge,) = service.read(f"{ACTIVE}/cloud/taskHistory?taskName=m")

    assert [each["type"] for each in info["backups"]] == ["FULL", "INCR"]
    assert merge["status"] == "skipped"


@pytest.mark.parametrize("is_stopped", [True, False])
def test_slots_without_a_service(tmp_path: Path, *, is_stopped: bool) -> None:
    """What was due before it ended has run, what was due while it was down is lost (S31, S35)."""
    file = tmp_path / "state.json"
    first = hourly(started(state_file=file))
    first.clock.pass_(minutes=90)
    if is_stopped:
        first.simulator.stop()
    else:
        # As after SIGKILL: what somebody has seen is kept.
        assert hours(first) == ["13:00"]
    clock = Clock()
    clock.pass_(hours=5, minutes=30)
    second = Service(Described((), USERS, now=clock, state_file=file), clock)
    next_run = second.read(f"{ACTIVE}/new")["scheduled"]["hourly"]["next_run"]
    clock.pass_(hours=1)

    assert next_run == "2026-11-23T18:00:00Z"
    assert hours(second) == ["18:00", "13:00"]


def test_work_over_a_restart(tmp_path: Path) -> None:
    """A task that runs and a pause that is not seen yet end as they would have (S31, S36)."""
    file = tmp_path / "state.json"
    options = {"state_file": file, "effect_delay": parse_duration("1s")}
    first = hourly(started(**options))
    name = first.post(f"{ACTIVE}/new/backup", {})["task_name"]
    first.post(f"{ACTIVE}/new/pause")
    second = Service(Described((), USERS, now=first.clock, **options), first.clock)
    during = second.read(f"{ACTIVE}/new")
    second.clock.pass_(seconds=2)
    after = second.read(f"{ACTIVE}/new")

    assert (during["state"], list(during["running_one_off"])) == ("active", [name])
    assert (after["state"], after.get("running_one_off")) == ("paused", None)
    assert [run["status"] for run in history(second)] == ["done"]


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "{}", "[]", '{"repositories":[]}', '{"repositories":{"lost":[{}]}}',
        KEPT.replace("[]", "[1]"), KEPT.replace("2026", "year"), KEPT.replace('"/a"', '"/a","x":1'),
        KEPT.replace("}]}", '}]},"config":{}', 1),
    ],
)  # fmt: skip
def test_a_file_that_is_no_state(tmp_path: Path, text: str) -> None:
    """What is no state of a simulator is refused by the name of the file (S31)."""
    file = tmp_path / "state.json"
    file.write_text(text)

    with pytest.raises(ValueError, match=rf"{file} is no state of a simulator"):
        started("orders", state_file=file)


def test_a_dead_leader_starts_nothing(tmp_path: Path) -> None:
    """Planned tasks do not run, and no folder is made for what nobody makes (S25)."""
    service = started("orders", odd=odd_server(["dead-leader"], parse_duration))
    service.clock.pass_(days=3)
    archive = tmp_path / "archive"
    body = {"plan": "_daily_backups", "archive": str(archive)}
    service.post(f"{ACTIVE}/new", body)

    assert service.read(f"{ACTIVE}/orders/taskHistory") == []
    assert not archive.exists()


@pytest.mark.parametrize("path", ["/cluster/self", ACTIVE, f"{ACTIVE}/orders"])
def test_an_odd_repository_is_odd_everywhere(path: str) -> None:
    """Each call that shows a repository shows it as the odd server does (S6)."""
    faults = ["unknown-state=orders", "missing-field=archive"]
    service = started("orders", odd=odd_server(faults, parse_duration))
    answer = service.read(path)
    shown = answer["active"]["orders"] if "active" in answer else answer
    row = shown[0] if isinstance(shown, list) else shown

    assert (row["state"], "archive" in row) == ("quiescing", False)


def test_an_archive_that_is_lost_meanwhile(service: Service, tmp_path: Path) -> None:
    """A task that cannot use its archive fails with code 2, and leaves no backup (S16, S18)."""
    archive, away = tmp_path / "archive", tmp_path / "away"
    service.post(f"{ACTIVE}/kept", {"plan": "mine", "archive": str(archive)})
    names = [service.run("backup", "kept")]
    service.read(f"{ACTIVE}/kept")
    archive.chmod(0o444)
    names.append(service.post(f"{ACTIVE}/kept/backup", {})["task_name"])
    archive.chmod(0o755)
    service.clock.pass_(seconds=2)
    names.append(service.post(f"{ACTIVE}/kept/backup", {})["task_name"])
    archive.rename(away)
    service.clock.pass_(seconds=2)
    service.read(f"{ACTIVE}/kept")
    away.rename(archive)
    names.append(service.run("backup", "kept"))
    runs = service.read(f"{ACTIVE}/kept/taskHistory")
    info = service.read(f"{ACTIVE}/kept/info")

    assert [run["task_name"] for run in runs] == names[::-1]
    assert [(run["status"], run["error_code"]) for run in runs] == [
        ("done", 0), ("failed", 2), ("failed", 2), ("done", 0)
    ]  # fmt: skip
    assert "permission denied" in runs[2]["error"]
    assert "no such file" in runs[1]["node_runs"][0]["error"]
    assert [each["type"] for each in info["backups"]] == ["FULL", "INCR"]


def test_two_files_of_nearly_one_name(tmp_path: Path) -> None:
    """What one simulator is writing is not what another one has begun to write (S31)."""
    (tmp_path / "state.json.draft").mkdir()
    kept = started("orders", state_file=tmp_path / "state.db")

    with pytest.raises(IsADirectoryError):
        started("orders", state_file=tmp_path / "state.json")
    assert kept.post(f"{ACTIVE}/orders/pause") is None
