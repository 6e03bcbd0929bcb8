"""What the simulated service does over several calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.simulator.go_json import MAX_BODY
from tests.service.simulator.kit import ACTIVE, Service, started

SCHEDULE = {"job_type": "BACKUP", "frequency": 1, "period": "HOURS"}
TASK = {"name": "t", "task_type": "BACKUP", "schedule": SCHEDULE}


@pytest.fixture
def service() -> Service:
    """Return a service with two repositories."""
    return started("orders", "archive")


def backups(service: Service, repository: str = "orders", query: str = "") -> list[str]:
    """Return the types of a repository's backups."""
    info = service.read(f"{ACTIVE}/{repository}/info{query}")
    return [each["type"] for each in info["backups"]]


def test_tasks_leave_backups(service: Service) -> None:
    """The first backup is FULL, then they are INCR, a merge is one `MERGE - FULL` (S16)."""
    service.run("backup")
    service.run("backup")
    service.run("backup", full_backup=True)
    before = service.read(f"{ACTIVE}/orders/info")
    merge = service.run("merge")
    after = service.read(f"{ACTIVE}/orders/info")
    (run,) = service.read(f"{ACTIVE}/orders/taskHistory?taskName={merge}")

    assert [each["type"] for each in before["backups"]] == ["FULL", "INCR", "FULL"]
    assert before["size"] == sum(each["size"] for each in before["backups"])
    assert [each["type"] for each in after["backups"]] == ["MERGE - FULL"]
    assert after["backups"][0]["range"] == [each["date"] for each in before["backups"]]
    assert run["backup"] == after["backups"][0]["date"]
    assert run["node_runs"][0]["progress"] == 100


def test_planned_tasks_leave_backups(service: Service) -> None:
    """What a plan starts is in info and history as well, each slot that passed (S16)."""
    service.post("/plan/hourly", {"tasks": [TASK]})
    service.post(f"{ACTIVE}/new", {"plan": "hourly", "archive": "/archives/new"})
    service.clock.pass_(hours=3, seconds=2)

    runs = service.read(f"{ACTIVE}/new/taskHistory")

    assert [run["start"] for run in runs] == [f"2026-11-23T{hour}:00:00Z" for hour in (15, 14, 13)]
    assert {run["status"] for run in runs} == {"done"}
    assert backups(service, "new") == ["FULL", "INCR", "INCR"]


def test_a_plan_may_start_now(service: Service) -> None:
    """A task that is to start now runs as soon as a repository uses its plan (S16)."""
    task = TASK | {"schedule": SCHEDULE | {"start_now": True}, "full_backup": True}
    service.post("/plan/now", {"tasks": [task]})
    service.post(f"{ACTIVE}/new", {"plan": "now", "archive": "/archives/new"})
    during = service.read(f"{ACTIVE}/new")
    service.clock.pass_(seconds=2)

    assert list(during["running_tasks"]) == ["t"]
    assert backups(service, "new") == ["FULL"]


def test_a_merge_of_nothing(service: Service) -> None:
    """A merge from a backup that is not there fails, one of a single backup is skipped (S17)."""
    service.run("backup")
    bad = service.run("merge", start="yesterday", end="today")
    single = service.run("merge")
    runs = {run["task_name"]: run for run in service.read(f"{ACTIVE}/orders/taskHistory")}

    assert (runs[bad]["status"], runs[bad]["error_code"]) == ("failed", 1)
    assert "yesterday" in runs[bad]["error"]
    assert (runs[single]["status"], runs[single]["error_code"]) == ("skipped", 0)
    assert backups(service) == ["FULL"]


def test_days_are_merged(service: Service) -> None:
    """Offsets choose the days that are merged, from today backwards (S16)."""
    for _ in range(4):
        service.run("backup", "archive")
        service.clock.pass_(days=1)
    service.run("merge", "archive", offset_start=1, offset_end=2)
    info = service.read(f"{ACTIVE}/archive/info")

    # The plan's own backups of the evenings are among them.
    assert [each["type"] for each in info["backups"] if "range" in each] == ["MERGE - INCR"]


def test_a_restore(service: Service) -> None:
    """A restore runs for a target, and is refused for a backup that is not there (S17)."""
    service.run("backup")
    name = service.run(
        "restore", target="127.0.0.1:8091", user="Administrator", password="password"
    )
    (run,) = service.read(f"{ACTIVE}/orders/taskHistory?taskName={name}")
    refused = service.ask("POST", f"{ACTIVE}/orders/restore", '{"target":"x","end":"never"}')

    assert (run["status"], run["target_cluster"]) == ("done", "127.0.0.1:8091")
    assert refused.status == 400


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("?limit=0&offset=0", 4),
        ("?limit=1", 1),
        ("?limit=2&offset=3", 1),
        ("?offset=9", 0),
    ],
)
def test_pages(service: Service, query: str, count: int) -> None:
    """Both lists come in pages; a limit of nothing is none (S15)."""
    for _ in range(4):
        service.run("backup")

    assert len(backups(service, query=query)) == count
    assert len(service.read(f"{ACTIVE}/orders/taskHistory{query}")) == count


@pytest.mark.parametrize("value", ["-1", "1.1", "a", "٣", "9" * 5000, str(2**63)])
@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("list_", ["info", "taskHistory"])
def test_no_pages(service: Service, list_: str, name: str, value: str) -> None:
    """What is no count is refused (S15)."""
    assert service.ask("GET", f"{ACTIVE}/orders/{list_}?{name}={value}").status == 400


@pytest.mark.parametrize("body", ["", "{}", "{{", "null"])
def test_pause_and_resume_may_be_repeated(service: Service, body: str) -> None:
    """Both answer an empty 200 however often and with whatever body (S2, S6, S7)."""
    before = service.read(f"{ACTIVE}/orders")
    paused = [service.ask("POST", f"{ACTIVE}/orders/pause", body) for _ in range(2)]
    during = service.read(f"{ACTIVE}/orders")
    resumed = [service.ask("POST", f"{ACTIVE}/orders/resume", body) for _ in range(2)]
    after = service.read(f"{ACTIVE}/orders")

    assert {(reply.status, reply.body, reply.kind) for reply in paused + resumed} == {
        (200, b"", "application/json")
    }
    assert (during["state"], "scheduled" in during) == ("paused", False)
    assert after["scheduled"] == before["scheduled"]


def test_tasks_go_on_through_a_pause(service: Service) -> None:
    """A task that runs is not stopped, and another may be started by hand (S8)."""
    first = service.post(f"{ACTIVE}/orders/backup", {})["task_name"]
    service.post(f"{ACTIVE}/orders/pause")
    second = service.post(f"{ACTIVE}/orders/backup", {})["task_name"]
    during = service.read(f"{ACTIVE}/orders")
    service.clock.pass_(seconds=2)

    assert set(during["running_one_off"]) == {first, second}
    assert backups(service) == ["FULL", "INCR"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"plan": "", "archive": "/a"}, 400),
        ({"plan": "none", "archive": ""}, 400),
        ({"plan": "none", "archive": "/a", "bucket_name": "none"}, 400),
        ({"plan": "none", "archive": "a"}, 400),
        ({"plan": "none", "archive": "/a"}, 404),
        ({"plan": "none", "archive": "s3://bucket"}, 400),
    ],
)
def test_a_request_is_checked_first(service: Service, body: object, status: int) -> None:
    """What is wrong with a request itself comes before a plan that is not there (S10, S18)."""
    assert service.ask("POST", f"{ACTIVE}/new", json.dumps(body)).status == status


def test_unusable_archives(service: Service, tmp_path: Path) -> None:
    """A file, a folder of something else or one that nobody may write is a 500 (S18)."""
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir(0o500)
    (tmp_path / "locked").chmod(0o400)
    archives = ("/etc/shadow", str(tmp_path), f"{tmp_path}/file", f"{tmp_path}/locked")

    statuses = [
        service.ask("POST", f"{ACTIVE}/n", json.dumps({"plan": "_daily_backups", "archive": each}))
        for each in archives
    ]

    assert [reply.status for reply in statuses] == [500] * 4


def test_an_archive_that_is_lost(service: Service, tmp_path: Path) -> None:
    """Two repositories share an archive; without its folder info is a 500 (S18)."""
    archive = tmp_path / "archive"
    for name in ("one", "two"):
        service.post(f"{ACTIVE}/{name}", {"plan": "_daily_backups", "archive": str(archive)})
    one = service.read(f"{ACTIVE}/one")
    (archive / one["repo"]).rmdir()

    lost = service.ask("GET", f"{ACTIVE}/one/info")

    assert lost.status == 500
    assert json.loads(lost.body)["msg"] == "Could not get repository info"
    assert backups(service, "two") == []


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o660])
def test_an_archive_that_cannot_be_imported(service: Service, tmp_path: Path, mode: int) -> None:
    """What the service cannot write or enter is not imported; what it can, is (S18)."""
    (tmp_path / "archive" / "repo").mkdir(parents=True)
    found = {"id": "found", "archive": str(tmp_path / "archive"), "repo": "repo"}
    (tmp_path / "archive").chmod(mode)
    refused = service.ask("POST", "/cluster/self/repository/import", json.dumps(found))
    (tmp_path / "archive").chmod(0o755)
    taken = service.ask("POST", "/cluster/self/repository/import", json.dumps(found))

    assert (refused.status, taken.status) == (500, 200)


@pytest.mark.parametrize(("value", "is_there"), [("", True), ("0", True), ("True", False)])
def test_data_is_removed_on_request(
    service: Service, tmp_path: Path, value: str, *, is_there: bool
) -> None:
    """A repository's folder outlives it, unless its data are to be removed as well (S18)."""
    body = {"plan": "_daily_backups", "archive": str(tmp_path / "archive")}
    service.post(f"{ACTIVE}/new", body)
    folder = tmp_path / "archive" / service.read(f"{ACTIVE}/new")["repo"]
    service.post(f"{ACTIVE}/new/archive", {"id": "new"})
    reply = service.ask(
        "DELETE", f"/cluster/self/repository/archived/new?remove_repository={value}"
    )

    assert (reply.status, folder.is_dir()) == (200, is_there)


def test_what_cannot_be_deleted(service: Service) -> None:
    """An active repository is not, nor a plan in use, nor a backup of no repository (S9)."""
    service.post("/plan/mine", {"tasks": [TASK]})
    service.post(f"{ACTIVE}/new", {"plan": "mine", "archive": "/archives/new"})
    answers = [
        service.ask("DELETE", path).body
        for path in (f"{ACTIVE}/orders", "/plan/mine", f"{ACTIVE}/none/backups/any")
    ]

    assert answers == [
        b'{"status":400,"msg":"cannot delete active repositories"}',
        b'{"status":400,"msg":"cannot update plan as it is in use by repository: new"}',
        b'{"status":404,"msg":"the repository does not exist"}',
    ]


def test_a_cloud_archive(service: Service) -> None:
    """An object store's archive shows what is known of it, and cannot be merged (S18)."""
    body = {
        "plan": "_daily_backups", "archive": "s3://bucket/archive", "cloud_staging_dir": "/staging",
        "cloud_credentials_id": "id", "cloud_credentials_key": "key", "cloud_region": "us-east-1",
        "cloud_force_path_style": True,
    }  # fmt: skip
    service.post(f"{ACTIVE}/cloud", body)
    shown = service.read(f"{ACTIVE}/cloud")["cloud_info"]
    incomplete = [{key: body[key] for key in body if key != gone} for gone in list(body)[2:6]]

    assert (shown["provider"], shown["staging_dir"]) == ("AWS", "/staging")
    assert service.ask("POST", f"{ACTIVE}/cloud/merge", "{}").status == 500
    for each in incomplete:
        assert service.ask("POST", f"{ACTIVE}/other", json.dumps(each)).status == 400


def test_settings(service: Service) -> None:
    """A period alone is a PATCH; what is refused changes nothing (S12)."""
    bad = ["{}", '{"history_rotation_size":"alpha"}', '{"history_rotation_size":-1}', "[]", ""]
    refused = [service.ask(method, "/config", body) for body in bad for method in ("POST", "PATCH")]
    alone = '{"history_rotation_period":3}'
    refused.append(service.ask("POST", "/config", alone))
    before = service.ask("GET", "/config").body
    service.ask("PATCH", "/config", alone)
    after = service.ask("GET", "/config").body

    assert {reply.status for reply in refused} == {400}
    assert before == b'{"history_rotation_size":50}'
    assert after == b'{"history_rotation_period":3,"history_rotation_size":50}'


def test_threads(service: Service) -> None:
    """There is none at first; a PATCH adds, a POST replaces (S14)."""
    none = service.ask("GET", "/nodesThreadsMap")
    service.ask("PATCH", "/nodesThreadsMap", '{"nodes_threads_map":{"b":1}}')
    service.ask("PATCH", "/nodesThreadsMap", '{"nodes_threads_map":{"a":2}}')
    both = service.ask("GET", "/nodesThreadsMap")
    service.ask("POST", "/nodesThreadsMap", '{"nodes_threads_map":{"c":0}}')
    one = service.ask("GET", "/nodesThreadsMap")

    assert none.status == 404
    assert none.body == (
        b'{"status":404,"msg":"Could not find the Nodes Threads Map","extras":"element not found"}'
    )
    assert (both.body, one.body) == (b'{"a":2,"b":1}', b'{"c":0}')


def test_numbers_as_go_has_them(service: Service) -> None:
    """`null` among the threads is a zero, and a count goes up to 64 bits (S3, S14)."""
    service.ask("POST", "/nodesThreadsMap", '{"nodes_threads_map":{"a":null}}')
    largest, larger = (
        service.ask("POST", "/config", f'{{"history_rotation_size":{number}}}').body
        for number in (2**64 - 1, 2**64)
    )

    assert service.read("/nodesThreadsMap") == {"a": 0}
    assert largest == b'{"status":400,"msg":"Rotation size has to be between 5 and 200"}'
    assert b"cannot unmarshal number 18446744073709551616" in larger


def test_a_bucket_that_is_gone(service: Service) -> None:
    """Its repository says so, and no backup of it can be sent (S19)."""
    body = {"plan": "_daily_backups", "archive": "/archives/new", "bucket_name": "default"}
    service.post(f"{ACTIVE}/new", body)
    before = service.read(f"{ACTIVE}/new")["health"]
    del service.simulator._model.buckets["default"]
    gone = service.read(f"{ACTIVE}/new")["health"]
    refused = service.ask("POST", f"{ACTIVE}/new/backup", "{}")
    service.simulator._model.add_bucket("default")
    another = service.read(f"{ACTIVE}/new")["health"]

    assert before == {"healthy": True}
    assert gone["health_issue"] == "cannot verify bucket exists: element not found"
    assert (refused.status, json.loads(refused.body)["msg"]) == (500, "Could not send task")
    assert "bucket UUIDs don't match" in another["health_issue"]


def test_retention(service: Service) -> None:
    """A backup whose time is over is pruned, unless a later one builds on it (S20)."""
    service.post(f"{ACTIVE}/orders/pause")
    service.run("backup")
    service.run("backup")
    first, second = (each["date"] for each in service.read(f"{ACTIVE}/orders/info")["backups"])
    service.post(f"{ACTIVE}/orders/retentionSettings/{first}", {"period": 1})
    service.clock.pass_(days=2)
    needed = service.read(f"{ACTIVE}/orders/expiredBackups")
    service.post(f"{ACTIVE}/orders/retentionSettings", {"period": 1, "retroactive": True})
    over = service.read(f"{ACTIVE}/orders/expiredBackups")
    service.post(f"{ACTIVE}/orders/prune")
    service.clock.pass_(seconds=2)

    assert needed[0] == {
        "expired_backups": [],
        "expired_backups_with_non_expired_dependents": [first],
    }
    assert over[0]["expired_backups"] == [first, second]
    assert backups(service) == []


def test_worm_asks_for_a_paused_repository(service: Service) -> None:
    """WORM is changed while the repository is paused, and at no other time (S20)."""
    active = service.ask("POST", f"{ACTIVE}/orders/worm", '{"disable":false,"period":5}')
    service.post(f"{ACTIVE}/orders/pause")
    paused = service.ask("POST", f"{ACTIVE}/orders/worm", '{"disable":false,"period":5}')

    assert (active.status, paused.status) == (400, 200)


def test_a_body_is_read_up_to_a_limit(service: Service) -> None:
    """Its first value counts; what does not fit into 10 MiB ends too early (S5)."""
    first = service.ask("POST", f"{ACTIVE}/orders/backup", '{"full_backup":true} and more {')
    large = b'{"full_backup":true,"x":"' + b"x" * MAX_BODY + b'"}'
    cut = service.ask("POST", f"{ACTIVE}/orders/backup", large)

    assert first.status == 200
    assert json.loads(cut.body)["extras"] == "unexpected EOF"


@pytest.mark.parametrize("state", ["archived", "imported"])
def test_what_is_not_active_is_not_paused(service: Service, state: str) -> None:
    """Pause has a route for active repositories alone (S9)."""
    service.post(f"{ACTIVE}/archive/archive", {"id": "old"})
    under = service.ask("POST", f"/cluster/self/repository/{state}/old/pause")
    active = service.ask("POST", f"{ACTIVE}/old/pause")

    assert (under.status, under.body) == (404, b"404 page not found\n")
    assert (active.status, json.loads(active.body)["msg"]) == (
        404,
        "could not find repository with id: old",
    )


def test_deleted_data_comes_back_with_an_import(service: Service) -> None:
    """A repository that was deleted without its data can be imported with its backups (S16)."""
    service.run("backup")
    shown = service.read(f"{ACTIVE}/orders")
    service.post(f"{ACTIVE}/orders/archive", {"id": "old"})
    service.ask("DELETE", "/cluster/self/repository/archived/old")
    found = {"id": "back", "archive": shown["archive"], "repo": shown["repo"]}
    service.post("/cluster/self/repository/import", found)

    assert service.read("/cluster/self/repository/imported/back/info")["count"] == 1
