"""Who may do what, what things may be called, how much is kept, and what tests may arm."""

from __future__ import annotations

import json
import ssl
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import trustme

from tests.service.simulator.kit import ACTIVE, ROOT, USERS, Described, Service, started

AUTH = ("Administrator", "password")
ARCHIVED = "/cluster/self/repository/archived"
ROLES = {
    "admin": (200, 200),
    "backup_admin": (200, 200),
    "ro_admin": (200, 403),
    "cluster_admin": (403, 403),
    "security_admin": (403, 403),
    "data_backup[*]": (403, 403),
    "none": (403, 403),
}


@pytest.fixture
def service() -> Service:
    """Return a service with two repositories."""
    return started("orders", "archive")


@pytest.mark.parametrize("role", ROLES)
def test_each_role(service: Service, role: str) -> None:
    """Reading takes one of three roles, changing one of two; no other role does anything (S28)."""
    service.simulator.users["nobody"] = ("pw", role)
    found = (
        service.ask("GET", "/plan", user="nobody").status,
        service.ask("POST", f"{ACTIVE}/orders/pause", user="nobody").status,
    )

    assert found == ROLES[role]


@pytest.mark.parametrize(
    ("id_", "status"),
    [
        ("a", 200), ("9", 200), ("a" * 50, 200), ("a_-B", 200), ("a" * 51, 400), ("_a", 400),
        ("-a", 400), ("a.b", 400), ("my repo", 400), ("*", 400), ("ä", 400), ("a\n", 400),
        ("orders", 400),
    ],
)  # fmt: skip
def test_ids(service: Service, id_: str, status: int) -> None:
    """An id has 1 to 50 letters, digits, `_` and `-`, the first no sign, and is new (S29)."""
    body = '{"plan":"_daily_backups","archive":"/archives/x"}'
    reply = service.ask("POST", f"{ACTIVE}/{id_.replace(chr(10), '%0A')}", body)

    assert reply.status == status


def test_ids_are_of_their_state(service: Service) -> None:
    """The same id may be active and archived at once, but not archived twice (S29)."""
    service.post(f"{ACTIVE}/archive/archive", {"id": "orders"})
    twice = service.ask("POST", f"{ACTIVE}/orders/archive", '{"id":"orders"}')

    assert twice.status == 400
    assert service.read(f"{ACTIVE}/orders")["state"] == "active"
    assert service.read(f"{ARCHIVED}/orders")["state"] == "archived"


def test_a_pause_is_of_one_repository(service: Service) -> None:
    """No other one is paused, nor one that is made afterwards (S30)."""
    service.post(f"{ACTIVE}/orders/pause")
    service.post(f"{ACTIVE}/new", {"plan": "_daily_backups", "archive": "/archives/new"})

    states = {row["id"]: row["state"] for row in service.read(ACTIVE)}
    assert states == {"orders": "paused", "archive": "active", "new": "active"}


def test_a_paused_repository_may_be_archived(service: Service) -> None:
    """And its plan may be changed, which resumes nothing (S30)."""
    service.post("/plan/mine", {"tasks": [{
        "name": "t", "task_type": "BACKUP",
        "schedule": {"job_type": "BACKUP", "frequency": 1, "period": "HOURS"},
    }]})  # fmt: skip
    service.post(f"{ACTIVE}/orders/pause")
    service.post(f"{ACTIVE}/orders/plan/mine")
    changed = service.read(f"{ACTIVE}/orders")
    service.post(f"{ACTIVE}/orders/archive", {"id": "old"})

    assert (changed["plan_name"], changed["state"]) == ("mine", "paused")
    assert service.read(f"{ARCHIVED}/old")["state"] == "archived"


def test_all_is_kept_over_a_restart(tmp_path: Path) -> None:
    """Repositories, paused ones too, plans, settings, buckets and backups are kept (S31)."""
    file = tmp_path / "state.json"
    paths = (ACTIVE, f"{ACTIVE}/orders/info", "/plan", "/config", "/nodesThreadsMap")
    first = started("orders", "archive", state_file=file)
    first.run("backup")
    first.post(f"{ACTIVE}/archive/pause")
    first.ask("POST", "/config", '{"history_rotation_size":60}')
    first.post("/nodesThreadsMap", {"nodes_threads_map": {"a": 2}})
    first.manage("POST", "/pools/default/buckets", "name=mine")
    before = [first.ask("GET", path).body for path in paths]

    second = started("other", state_file=file)
    second.clock.now = first.clock.now

    assert [second.ask("GET", path).body for path in paths] == before
    assert second.manage("GET", "/pools/default/buckets/mine").status == 200


def test_the_history_is_rotated(service: Service) -> None:
    """It is bounded by the size that is set, and what was first is gone first (S32)."""
    service.ask("POST", "/config", '{"history_rotation_size":5}')
    names = [service.run("backup") for _ in range(102)]
    kept = [run["task_name"] for run in service.read(f"{ACTIVE}/orders/taskHistory")]

    assert kept == names[:1:-1]


def test_what_nobody_looked_at_for_long(service: Service) -> None:
    """Of the slots of years no more are caught up at once than make sense (S32)."""
    service.clock.pass_(days=10_000)

    assert len(service.read(f"{ACTIVE}/orders/taskHistory")) <= 100


def test_plain_text_for_a_port_with_tls(tmp_path: Path) -> None:
    """The service says in plain text that it speaks TLS, the cluster manager hangs up (S21)."""
    made = trustme.CA().issue_cert("127.0.0.1")
    files = (tmp_path / "server.pem", tmp_path / "key.pem")
    made.cert_chain_pems[0].write_to_path(str(files[0]))
    made.private_key_pem.write_to_path(str(files[1]))
    with Described((), USERS, tls=files) as server:
        plain = [url.replace("https", "http") for url in (server.url, server.management_url)]
        answer = requests.get(f"{plain[0]}{ROOT}/config", auth=AUTH, timeout=60)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{plain[1]}/pools", auth=AUTH, timeout=60)

    assert answer.status_code == 400
    assert answer.text == "Client sent an HTTP request to an HTTPS server.\n"


@pytest.mark.parametrize(("name", "status"), [("backup", 200), ("nobody", 403), ("who", 401)])
def test_a_certificate_names_a_user(tmp_path: Path, name: str, status: int) -> None:
    """The common name of a client's certificate is the user, and comes before Basic (S33)."""
    authority = trustme.CA()
    files = {}
    for who, made in (
        ("server", authority.issue_cert("127.0.0.1")),
        ("client", authority.issue_cert("x@example.org", common_name=name)),
    ):
        files[who] = (tmp_path / f"{who}.pem", tmp_path / f"{who}-key.pem")
        made.cert_chain_pems[0].write_to_path(str(files[who][0]))
        made.private_key_pem.write_to_path(str(files[who][1]))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    clients = (tmp_path / "ca.pem", ssl.CERT_OPTIONAL)
    with Described((), USERS, tls=files["server"], client_tls=clients) as server:
        answer = requests.get(
            f"{server.url}{ROOT}/config",
            auth=AUTH,
            cert=(str(files["client"][0]), str(files["client"][1])),
            verify=str(tmp_path / "ca.pem"),
            timeout=60,
        )

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("fault", "seen", "state"),
    [
        ({"drop": True}, "ConnectionError", "active"),
        ({"apply_then_reset": True}, "ConnectionError", "paused"),
        ({"ignore": True}, 200, "active"),
        ({"status": 503, "body": b"{}"}, 503, "active"),
        ({"status": 500, "headers": {"Retry-After": "1"}}, 500, "active"),
        ({"delay": 0.01}, 200, "paused"),
    ],
)
def test_faults_for_the_next_call(fault: dict[str, object], seen: object, state: str) -> None:
    """A call is dropped, reset, ignored, refused or slow, and the one after it is served (S34)."""
    with Described(("orders",), USERS) as server:
        server.fail_next("POST", "/pause$", **fault)
        url = f"{server.url}{ROOT}{ACTIVE}/orders/pause"
        try:
            found: object = requests.post(url, auth=AUTH, timeout=60).status_code
        except requests.ConnectionError as exc:
            found = type(exc).__name__
        after = server.state("orders")
        again = requests.post(url, auth=AUTH, timeout=60).status_code

    assert (found, after, again) == (seen, state, 200)


def test_what_others_do_meanwhile() -> None:
    """Somebody pauses, resumes, makes and deletes repositories before a call is applied (S34)."""
    with Described(("orders", "archive"), USERS) as server:
        server.on_request("before", "GET", 1, lambda: server.pause("orders"))
        server.on_request("after", "GET", 1, lambda: server.delete("archive"))
        first, second = (
            requests.get(f"{server.url}{ROOT}{ACTIVE}", auth=AUTH, timeout=60).json()
            for _ in range(2)
        )
        server.resume("orders")
        server.create("new")

        assert {row["id"]: row["state"] for row in first} == {
            "orders": "paused",
            "archive": "active",
        }
        assert [row["id"] for row in second] == ["orders"]
        assert server.states() == {"orders": "active", "new": "active"}
        assert [seen.path for seen in server.requests] == [f"{ROOT}{ACTIVE}"] * 2


def test_an_answer_may_take_long() -> None:
    """A latency is waited before each answer, and ends with the server (S34)."""
    with Described((), USERS, latency=timedelta(milliseconds=1)) as server:
        answer = requests.get(f"{server.url}{ROOT}/config", auth=AUTH, timeout=60)

    assert json.loads(answer.content) == {"history_rotation_size": 50}


@pytest.mark.parametrize("digits", ["7" * 5_000, "0" * 5_000 + "2", "7" * 20, "-1", "\u0662"])
def test_a_count_of_any_length(digits: str, service: Service) -> None:
    """However many digits a count of the query has, it is one or is refused (S3)."""
    answer = service.ask("GET", f"{ACTIVE}/orders/taskHistory?limit={quote(digits)}")

    assert answer.status == (200 if digits.startswith("0") else 400)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("default_retention", 0, 200), ("default_retention", 36500, 200),
        ("default_retention", 36501, 400), ("default_retention", 10**18, 400),
        ("worm", 0, 200), ("worm", 3, 200), ("worm", 2, 400), ("worm", 36526, 400),
    ],
)  # fmt: skip
def test_days_of_a_new_repository(service: Service, key: str, value: int, status: int) -> None:
    """Its retention and WORM have the same limits as later, and its backups end well (S20)."""
    body = {"plan": "_daily_backups", "archive": "/archives/a", key: value}
    made = service.ask("POST", f"{ACTIVE}/a", json.dumps(body)).status
    service.clock.pass_(days=2)
    runs = service.ask("GET", f"{ACTIVE}/a/taskHistory")

    assert (made, runs.status) == (status, 200 if status == 200 else 404)


@pytest.mark.parametrize(
    ("target", "user", "password", "status"),
    [
        ("http://127.0.0.1:8091", "Administrator", "password", "done"),
        ("localhost:8091/", "Administrator", "gibberish", "failed"),
        ("127.0.0.1:8091", "gibberish", "password", "failed"),
        ("127.0.0.1:8091", "gibberish", "", "failed"),
        ("10.0.0.1:8091", "gibberish", "password", "done"),
        ("127.0.0.1:9000", "gibberish", "password", "done"),
    ],
)
def test_who_restores(service: Service, target: str, user: str, password: str, status: str) -> None:
    """Who may not log in to this very cluster restores nothing; others are believed (S17)."""
    service.run("backup")
    name = service.run("restore", target=target, user=user, password=password)
    (run,) = service.read(f"{ACTIVE}/orders/taskHistory?taskName={name}")

    assert run["status"] == status
