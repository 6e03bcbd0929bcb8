"""HTTP/1.1 between the simulator and any client, as it is on the wire."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator

import pytest
import requests

from daemon.simulator.server import Simulator
from tests.service.simulator.kit import ACTIVE, ROOT, USERS, Described

CREDENTIALS = base64.b64encode(b"Administrator:password").decode()
HEAD = f"Host: here\r\nAuthorization: Basic {CREDENTIALS}\r\n"
LAST = f"{HEAD}Connection: close\r\n"
BACKUP = f"POST {ROOT}{ACTIVE}/orders/backup HTTP/1.1\r\n"
CONFIG = f"GET {ROOT}/config HTTP/1.1\r\n"
SETTINGS = '{"history_rotation_size":50}'


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Run a simulator on sockets."""
    with Described(("orders",), USERS) as simulator:
        yield simulator


def talk(simulator: Simulator, *parts: str | bytes) -> str:
    """Send a conversation, in parts, and return all that comes back until the end."""
    with socket.create_connection(("127.0.0.1", simulator.ports[0]), 60) as connection:
        for part in parts:
            connection.sendall(part.encode() if isinstance(part, str) else part)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_chunks(simulator: Simulator) -> None:
    """A body may come in chunks, and the next request follows on the same connection (S21)."""
    chunked = f"{BACKUP}{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1;x=y\r\n}}\r\n0\r\n\r\n"

    answers = talk(simulator, chunked, f"{CONFIG}{LAST}\r\n")

    assert answers.count("HTTP/1.1 200 OK") == 2
    assert '{"task_name":"BACKUP-' in answers
    assert answers.endswith(SETTINGS)


def test_pipelining(simulator: Simulator) -> None:
    """Requests that come at once are answered one by one, in their order (S21)."""
    paths = ("/plan/none", "/config", "/nowhere", "/config")
    asked = "".join(f"GET {ROOT}{path} HTTP/1.1\r\n{HEAD}\r\n" for path in paths)

    answers = talk(simulator, asked + f"{CONFIG}{LAST}\r\n")

    assert re.findall(r"HTTP/1.1 (\d+) ", answers) == ["404", "200", "404", "200", "200"]


def test_a_byte_at_a_time(simulator: Simulator) -> None:
    """A request may drip (S21)."""
    asked = f"{CONFIG}{LAST}\r\n".encode()

    assert talk(simulator, *(asked[at : at + 1] for at in range(len(asked)))).endswith(SETTINGS)


def test_expect(simulator: Simulator) -> None:
    """Who asks whether to go on is told so, before the body and once (S21)."""
    head = f"{BACKUP}{LAST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", simulator.ports[0]), 60) as connection:
        connection.sendall(head.encode())
        first = connection.recv(65536)
        connection.sendall(b"{}")
        rest = b"".join(iter(lambda: connection.recv(65536), b""))

    other = talk(simulator, head.replace("100-continue", "a miracle"))

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.startswith(b"HTTP/1.1 200 OK")
    assert other.startswith("HTTP/1.1 417 ")


def test_head(simulator: Simulator) -> None:
    """HEAD has the headers of a GET, and no body (S21)."""
    answer = talk(simulator, CONFIG.replace("GET", "HEAD", 1) + f"{LAST}\r\n")

    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert f"Content-Length: {len(SETTINGS)}" in head
    assert body == ""


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("OPTIONS", "/config", 200, "GET, HEAD, PATCH, POST, PUT, OPTIONS"),
        ("DELETE", "/config", 405, "GET, HEAD, PATCH, POST, PUT, OPTIONS"),
        ("GET", f"{ACTIVE}/orders/pause", 405, "POST, OPTIONS"),
        ("POST", "/plan", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", f"{ACTIVE}/orders", 405, "DELETE, GET, HEAD, POST, OPTIONS"),
        ("OPTIONS", "/nowhere", 404, None),
    ],
)
def test_methods(
    simulator: Simulator, method: str, path: str, status: int, allowed: str | None
) -> None:
    """A path that has no such method says which it has (S21)."""
    answer = requests.request(method, simulator.url + ROOT + path, timeout=60)

    assert answer.status_code == status
    assert answer.headers.get("Allow") == allowed


def test_an_older_client(simulator: Simulator) -> None:
    """HTTP/1.0 is spoken, and the connection kept if that is asked for (S21)."""
    old = CONFIG.replace("1.1", "1.0") + HEAD
    kept = f"{old}Connection: keep-alive\r\n\r\n"

    answers = talk(simulator, kept, f"{old}\r\n")

    assert answers.count(SETTINGS) == 2
    assert answers.count("Connection: keep-alive") == 1


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ("HELLO\r\n\r\n", "400 Bad Request"),
        (f"{BACKUP}{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request"),
        (f"{BACKUP}{HEAD}Content-Length: x\r\n\r\n", "400 Bad Request"),
        (f"{CONFIG}\r\n", "400 Bad Request"),
        (f"{CONFIG}{HEAD}X: {'x' * 2_000_000}\r\n\r\n", "431 Request Header Fields Too Large"),
    ],
)
def test_what_is_no_request(simulator: Simulator, asked: str, refusal: str) -> None:
    """What is no HTTP is refused in plain text, and the connection closed (S21)."""
    answer = talk(simulator, asked)

    assert answer.startswith(f"HTTP/1.1 {refusal}")
    assert "Connection: close" in answer


def test_an_upgrade_is_not_taken_up(simulator: Simulator) -> None:
    """A client that would like HTTP/2 is answered in HTTP/1.1, and may go on (S21)."""
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"

    answers = talk(simulator, f"{CONFIG}{HEAD}{upgrade}\r\n", f"{CONFIG}{LAST}\r\n")

    assert answers.count(SETTINGS) == 2


def test_nothing_tells_what_it_is_written_in(simulator: Simulator) -> None:
    """The service has no `Server` header, as Go's server has none; ns_server names itself (S21)."""
    auth = ("Administrator", "password")
    service = requests.get(f"{simulator.url}{ROOT}/config", auth=auth, timeout=60)
    management = requests.get(f"{simulator.management_url}/pools", auth=auth, timeout=60)

    assert "Server" not in service.headers
    assert management.headers["Server"] == "Couchbase Server"


def test_the_cluster_manager(simulator: Simulator) -> None:
    """It lists, makes and drops buckets, and refuses what it does not know (S22)."""
    root = f"{simulator.management_url}/pools/default"
    with requests.Session() as session:
        session.auth = ("Administrator", "password")
        names = {bucket["name"] for bucket in session.get(f"{root}/buckets").json()}
        made = session.post(f"{root}/buckets", data={"name": "mine", "ramQuota": 100})
        twice = session.post(f"{root}/buckets", data={"name": "mine"})
        shown = session.get(f"{root}/buckets/mine").json()
        statuses = [
            session.request(method, f"{root}/buckets/mine").status_code
            for method in ("PUT", "DELETE", "GET", "DELETE")
        ]
        wrong = session.post(f"{root}/nodeServices")
        unknown = session.get(f"{simulator.management_url}/nowhere")
        nobody = requests.get(f"{root}/buckets", timeout=60)

    assert "default" in names
    assert (made.status_code, twice.status_code) == (202, 400)
    assert shown["basicStats"]["itemCount"] == 0
    assert statuses == [405, 200, 404, 404]
    assert (wrong.status_code, unknown.status_code) == (405, 404)
    assert (nobody.status_code, nobody.content) == (401, b"")


def test_between_nodes(simulator: Simulator) -> None:
    """The vendor's tests ask for the leader, and end tasks that run, through ns_server (S22)."""
    root = f"{simulator.management_url}/_p/backup"
    with requests.Session() as session:
        session.auth = ("Administrator", "password")
        leader = session.get(f"{root}/internal/v1/leader").json()
        started = session.post(f"{root}{ROOT}{ACTIVE}/orders/backup", json={}).json()["task_name"]
        path = f"{root}/internal/v1{ACTIVE}/orders/task/one-off/{started}"
        ended = session.delete(path)
        again = session.delete(path)
        history = session.get(f"{root}{ROOT}{ACTIVE}/orders/taskHistory?taskName={started}")

    assert "host" in leader
    assert (ended.status_code, again.status_code) == (200, 404)
    assert json.loads(history.content)[0]["status"] == "failed"
