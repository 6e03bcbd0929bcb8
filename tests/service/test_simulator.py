"""The simulator held to what is known of the service, by a client that is not ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from daemon.errors import HostError
from daemon.simulator.server import Simulator
from tests.service.simulator.kit import Described

USERS = {
    "Administrator": ("password", "admin"),
    "backup": ("pw", "backup_admin"),
    "reader": ("pw", "ro_admin"),
    "nobody": ("pw", "none"),
}
ACTIVE = "/api/v1/cluster/self/repository/active"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin on a Monday at noon."""
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Read it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    """Run a simulator with two repositories on the clock of the test."""
    with Described(("orders", "archive"), USERS, now=clock) as simulator:
        yield simulator


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """Return a session of an administrator, as anybody would write it."""
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("Administrator", "password")
        yield session


def test_a_paused_repository_stays_active_without_a_schedule(
    simulator: Simulator, http: requests.Session
) -> None:
    """Pause answers 200 and nothing; the repository stays listed, paused, unscheduled (S6)."""
    before = http.get(f"{simulator.url}{ACTIVE}/orders").json()
    paused = http.post(f"{simulator.url}{ACTIVE}/orders/pause")
    listed = {
        repository["id"]: repository for repository in http.get(f"{simulator.url}{ACTIVE}").json()
    }
    http.post(f"{simulator.url}{ACTIVE}/orders/resume", json={})
    after = http.get(f"{simulator.url}{ACTIVE}/orders").json()

    assert (paused.status_code, paused.content) == (200, b"")
    assert listed["orders"]["state"] == "paused"
    assert "scheduled" not in listed["orders"]
    assert after["scheduled"] == before["scheduled"]


def test_missed_slots_are_skipped(
    simulator: Simulator, http: requests.Session, clock: Clock
) -> None:
    """A slot that passes during a pause is lost: it does not run, the next one is planned (S35)."""
    schedule = {"job_type": "BACKUP", "frequency": 1, "period": "HOURS"}
    task = {"name": "hourly", "task_type": "BACKUP", "schedule": schedule}
    http.post(f"{simulator.url}/api/v1/plan/hourly", json={"tasks": [task]})
    body = {"plan": "hourly", "archive": "/nowhere/at/all"}
    http.post(f"{simulator.url}{ACTIVE}/new", json=body)
    first = http.get(f"{simulator.url}{ACTIVE}/new").json()["scheduled"]["hourly"]["next_run"]
    http.post(f"{simulator.url}{ACTIVE}/new/pause")
    clock.now += timedelta(minutes=90)
    http.post(f"{simulator.url}{ACTIVE}/new/resume")
    then = http.get(f"{simulator.url}{ACTIVE}/new").json()["scheduled"]["hourly"]["next_run"]
    runs = http.get(f"{simulator.url}{ACTIVE}/new/taskHistory").json()

    assert datetime.fromisoformat(then) - datetime.fromisoformat(first) == timedelta(hours=1)
    assert runs == []


def test_a_planned_run_happens(simulator: Simulator, http: requests.Session, clock: Clock) -> None:
    """A slot that passes while the repository is active is in its history as done."""
    clock.now += timedelta(days=2)
    runs = http.get(f"{simulator.url}{ACTIVE}/orders/taskHistory").json()

    assert [(run["task_name"], run["status"]) for run in runs] == [("backup_tuesday", "done")]


def test_a_one_off_backup_runs_while_paused(
    simulator: Simulator, http: requests.Session, clock: Clock
) -> None:
    """A one-off backup is accepted while paused, runs, and ends in the history."""
    http.post(f"{simulator.url}{ACTIVE}/orders/pause")
    name = http.post(f"{simulator.url}{ACTIVE}/orders/backup", json={}).json()["task_name"]
    during = http.get(f"{simulator.url}{ACTIVE}/orders").json()
    clock.now += timedelta(seconds=5)
    after = http.get(f"{simulator.url}{ACTIVE}/orders").json()

    assert name.startswith("BACKUP-")
    assert list(during["running_one_off"]) == [name]
    assert "running_one_off" not in after


@pytest.mark.parametrize(
    ("call", "body", "refusal"),
    [
        (("POST", f"{ACTIVE}/x/pause"), None, (404, "could not find repository with id: x")),
        (("POST", f"{ACTIVE}/x/archive"), b'{"id":"y"}', (404, "active repository with id:x")),
        (("POST", f"{ACTIVE}/x/backup"), b"{}", (404, "repository `x` does not exist")),
        (("GET", f"{ACTIVE}/x"), None, (404, "no repositories found")),
        (("GET", "/api/v1/plan/x"), None, (404, "requested plan not found")),
        (("GET", "/api/v1/cluster/other"), None, (400, "Remote clusters not supported")),
        (("GET", "/api/v1/cluster/self/repository/junk"), None, (400, "invalid repository state")),
        (("POST", f"{ACTIVE}/orders/backup"), None, (400, '"extras":"EOF"')),
        (("POST", f"{ACTIVE}/orders/backup"), b"{{", (400, "invalid request body")),
        (("POST", "/api/v1/config"), b'{"history_rotation_size": 4}', (400, "between 5 and 200")),
        (("POST", f"{ACTIVE}/*bad"), b'{"plan":"x","archive":"/a"}', (400, "must follow")),
        (("DELETE", f"{ACTIVE}/orders"), None, (400, "cannot delete active")),
        (("POST", "/api/v1/plan/empty"), b'{"tasks": []}', (400, "between 1 and 14 tasks")),
        (("GET", "/api/v1/nowhere"), None, (404, "404 page not found")),
        (("GET", f"{ACTIVE}/orders/taskHistory?limit=-1"), None, (400, "invalid limit")),
    ],
)  # fmt: skip
def test_errors_have_the_words_of_the_service(
    simulator: Simulator,
    http: requests.Session,
    call: tuple[str, str],
    body: bytes | None,
    refusal: tuple[int, str],
) -> None:
    """Every refusal has the status and the words that are known of the service."""
    method, path = call
    status, text = refusal

    answer = http.request(method, simulator.url + path, data=body)

    assert answer.status_code == status
    assert text in answer.text


@pytest.mark.parametrize(
    ("user", "reads", "writes"),
    [("Administrator", 200, 200), ("backup", 200, 200), ("reader", 200, 403), ("nobody", 403, 403)],
)
def test_roles(simulator: Simulator, user: str, reads: int, writes: int) -> None:
    """Administrators of backups may write, read-only ones read, others nothing (S28)."""
    auth = (user, USERS[user][0])
    read = requests.get(simulator.url + ACTIVE, auth=auth, timeout=5)
    wrote = requests.post(f"{simulator.url}{ACTIVE}/orders/pause", auth=auth, timeout=5)

    assert (read.status_code, wrote.status_code) == (reads, writes)


def test_a_stranger_gets_plain_text(simulator: Simulator) -> None:
    """A wrong password is 401 in plain text with a challenge."""
    answer = requests.get(simulator.url + ACTIVE, auth=("backup", "wrong"), timeout=5)

    assert answer.status_code == 401
    assert answer.text == "Authentication Failure.\n"
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Couchbase"'


def test_an_archived_repository_is_gone_from_the_active_ones(
    simulator: Simulator, http: requests.Session
) -> None:
    """An archived repository is listed as archived and can be deleted there."""
    http.post(f"{simulator.url}{ACTIVE}/archive/archive", json={"id": "old"})
    base = f"{simulator.url}/api/v1/cluster/self/repository/archived"
    archived = [repository["id"] for repository in http.get(base).json()]
    deleted = http.delete(f"{base}/old").status_code

    assert archived == ["old"]
    assert http.get(f"{simulator.url}{ACTIVE}/archive").status_code == 404
    assert deleted == 200


def test_a_new_repository_gets_its_folder(
    simulator: Simulator, http: requests.Session, tmp_path: Path
) -> None:
    """A new repository's folder is created where the archive's parent exists."""
    body = {"plan": "_hourly_backups", "archive": str(tmp_path / "archive")}
    http.post(f"{simulator.url}{ACTIVE}/new", json=body)
    made = http.get(f"{simulator.url}{ACTIVE}/new").json()

    assert (tmp_path / "archive" / made["repo"]).is_dir()


def test_the_cluster_manager_knows_its_services(
    simulator: Simulator, http: requests.Session
) -> None:
    """`nodeServices` has no hostname on a single node; `/_p/backup` leads on (S37)."""
    node = http.get(f"{simulator.management_url}/pools/default/nodeServices").json()["nodesExt"][0]
    proxied = http.get(f"{simulator.management_url}/_p/backup{ACTIVE}").json()

    assert "hostname" not in node
    assert simulator.url.endswith(f":{node['services']['backupAPI']}")
    assert len(proxied) == 2


@pytest.mark.parametrize("ports", [None, {"mgmt": 1091}, {"mgmt": 1091, "backupAPI": 1097}])
def test_an_alternate_address(http: requests.Session, ports: dict[str, int] | None) -> None:
    """A node may have another address outside, with ports of its own or without (S37)."""
    external = {"hostname": "1.2.3.4"} | ({"ports": ports} if ports else {})
    with Described((), USERS, external=external) as simulator:
        root = f"{simulator.management_url}/pools/default/nodeServices"
        (node,) = http.get(root).json()["nodesExt"]

    assert node["alternateAddresses"] == {"external": external}


def test_ipv6() -> None:
    """It listens on IPv6 as well, and says so in its URL (S37)."""
    with Described((), USERS) as simulator:
        simulator.stop()
        simulator.start("::1")
        answer = requests.get(f"{simulator.url}/api/v1/plan", auth=("backup", "pw"), timeout=60)

    assert answer.url.startswith("http://[::1]:")
    assert answer.status_code == 200


def test_an_effect_may_come_later(clock: Clock) -> None:
    """With an effect delay a pause shows only after it (S36)."""
    with Described(("orders",), USERS, effect_delay=timedelta(seconds=1), now=clock) as simulator:
        auth = ("backup", "pw")
        requests.post(f"{simulator.url}{ACTIVE}/orders/pause", auth=auth, timeout=5)
        at_once = simulator.state("orders")
        clock.now += timedelta(seconds=1)
        later = simulator.state("orders")

    assert (at_once, later) == ("active", "paused")


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    """With a state file the repositories are as they were after a restart (S31)."""
    file = tmp_path / "state.json"
    with Described(("orders",), state_file=file) as first:
        first.pause("orders")
    with Described(("other",), state_file=file) as second:
        states = second.states()

    assert states == {"orders": "paused"}


def test_a_port_in_use_is_said_in_one_line() -> None:
    """A port that somebody has is an error with the port and a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(HostError, match=rf"127.0.0.1:{port} .*--port"):
            Described().start(port=port)
