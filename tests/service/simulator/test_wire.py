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
CHUNKS = "2\r\n{}\r\n0\r\n\r\n"
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


def test_trailers(simulator: Simulator) -> None:
    """A chunk may have extensions, and headers may follow the last one (S21)."""
    head = f"{BACKUP}{HEAD}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = '2;name="a;b"\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n'

    answers = talk(simulator, head + chunks, f"{CONFIG}{LAST}\r\n")

    assert answers.count("HTTP/1.1 200 OK") == 2
    assert answers.endswith(SETTINGS)


@pytest.mark.parametrize("is_first", [True, False])
def test_chunks_count_before_a_length(simulator: Simulator, *, is_first: bool) -> None:
    """Of a length and chunks the chunks are read, as in Go's server (S21)."""
    both = ["Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n"]
    headers = "".join(both if is_first else reversed(both))

    answers = talk(simulator, f"{BACKUP}{HEAD}{headers}\r\n{CHUNKS}{CONFIG}{LAST}\r\n")

    assert answers.count("HTTP/1.1 200 OK") == 2
    assert answers.endswith(SETTINGS)


@pytest.mark.parametrize("path", ["/nowhere", f"{ROOT}/config", f"{ROOT}{ACTIVE}/orders/backup"])
def test_a_body_that_nobody_reads(simulator: Simulator, path: str) -> None:
    """A refused call's body is passed over, and the connection goes on (S21)."""
    asked = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: 14\r\n\r\n"

    answers = talk(simulator, f"{asked}GET / HTTP/1.1", f"{CONFIG}{LAST}\r\n")

    assert answers.count("HTTP/1.1") == 2
    assert answers.endswith(SETTINGS)


def test_the_first_of_two_headers(simulator: Simulator) -> None:
    """Of a header that comes twice the first counts (S21)."""
    answer = talk(simulator, f"{CONFIG}Authorization: Basic eDp5\r\n{LAST}\r\n")

    assert answer.startswith("HTTP/1.1 401 Unauthorized")


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic =", "Basic \xd2", "Basic /w==", "Bearer x", f"Basic {CREDENTIALS}!", "\xff"],
)
def test_who_cannot_be_made_out(simulator: Simulator, header: str) -> None:
    """Credentials of any kind that are none are a 401 (S4)."""
    asked = f"{CONFIG}Host: here\r\nConnection: close\r\nAuthorization: {header}\r\n\r\n"

    assert talk(simulator, asked.encode("latin-1")).startswith("HTTP/1.1 401 Unauthorized")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"http://other:1{ROOT}/config", 200),
        (f"ftp://other{ROOT}/config", 200),
        (f"{ROOT}{ACTIVE}/%6frders", 200),
        (f"{ROOT}{ACTIVE}%2Forders", 200),
        (f"{ROOT}{ACTIVE}/%20", 404),
        (f"{ROOT}/config/", 404),
        (f"{ROOT}//config", 404),
        (f"{ROOT}{ACTIVE}/orders/info?limit=%31&", 200),
        (f"{ROOT}{ACTIVE}/orders/info?limit=%zz", 200),
        (f"{ROOT}{ACTIVE}/orders/info?limit=a;offset=b", 200),
        (f"{ROOT}{ACTIVE}/orders/info?limit=+1", 400),
        (f"{ROOT}{ACTIVE}/orders/info?limit=1&limit=a", 200),
        (f"{ROOT}{ACTIVE}/orders/taskHistory?taskName={'x' * 100_000}", 200),
        ("*", 404),
    ],
)
def test_targets(simulator: Simulator, target: str, status: int) -> None:
    """A target is read as Go reads it: with a host, encoded, with a query of any kind (S21)."""
    answer = talk(simulator, f"GET {target} HTTP/1.1\r\n{LAST}\r\n")

    assert answer.startswith(f"HTTP/1.1 {status} ")


def test_the_server_as_a_whole(simulator: Simulator) -> None:
    """`OPTIONS *` is answered by the server itself, with nothing (S21)."""
    answer = talk(simulator, f"OPTIONS * HTTP/1.1\r\n{LAST}\r\n")

    assert answer.startswith("HTTP/1.1 200 OK")
    assert "Allow" not in answer


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


@pytest.mark.parametrize(
    ("path", "user", "status"),
    [
        (f"{ROOT}{ACTIVE}/orders/backup", "", 401),
        (f"{ROOT}{ACTIVE}/orders/backup", "Authorization: Basic cmVhZGVyOnB3\r\n", 403),
        ("/nowhere", "", 404),
        (f"{ROOT}/plan", "", 405),
    ],
)
def test_what_needs_no_body_to_be_refused(
    simulator: Simulator, path: str, user: str, status: int
) -> None:
    """Who asks whether to go on, and may not, is told so at once, and sends no body (S21)."""
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\n{user}Expect: 100-continue\r\n"

    answer = talk(simulator, f"{head}Content-Length: 2\r\n\r\n")

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Connection: close" in answer


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
        ("GET", "/swagger.json", 404, None),
    ],
)
def test_methods(
    simulator: Simulator, method: str, path: str, status: int, allowed: str | None
) -> None:
    """A path that has no such method says which it has (S21)."""
    answer = requests.request(method, simulator.url + ROOT + path, timeout=60)

    assert answer.status_code == status
    assert answer.headers.get("Allow") == allowed


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        ("ü", "ü"),
        ("%C3%BC", "ü"),
        ("%3cb%3e%26", r"\u003cb\u003e\u0026"),
        ("%22%5C%0A%01", r"\"\\\n\u0001"),
        ("%FF", r"\ufffd"),
        ("%F0%9F%98", r"\ufffd\ufffd\ufffd"),
        ("%EF%BF%BD", "\ufffd"),
        ("a+b%20c", "a+b c"),
        ("^|{}`'!$()*,;=@[]~", "^|{}`'!$()*,;=@[]~"),
    ],
)
def test_ids_of_any_characters(simulator: Simulator, id_: str, said: str) -> None:
    """An id is said again as Go writes it, whatever its bytes are (S1, S29)."""
    answer = talk(simulator, f"POST {ROOT}{ACTIVE}/{id_}/pause HTTP/1.1\r\n{LAST}\r\n")

    assert answer.endswith(f'{{"status":404,"msg":"could not find repository with id: {said}"}}')


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"get {ROOT}/config HTTP/1.1", "405 Method Not Allowed"),
        (f"BREW {ROOT}/config?pot=1 HTTP/1.0", "405 Method Not Allowed"),
        (f"Post http://here{ROOT}{ACTIVE}/orders/pause HTTP/1.1", "405 Method Not Allowed"),
        ("get /nowhere HTTP/1.1", "404 Not Found"),
        (f"get {ROOT}/config", "400 Bad Request"),
        (f"g@t {ROOT}/config HTTP/1.1", "400 Bad Request"),
    ],
)
def test_methods_that_nobody_knows(simulator: Simulator, line: str, status: str) -> None:
    """Any word is a method, which no path has; what is before it is answered first (S21)."""
    answers = talk(simulator, f"{CONFIG}{HEAD}\r\n{line}\r\n{HEAD}\r\n")

    assert f"{SETTINGS}HTTP/1.1 {status}\r\n" in answers
    assert ("Allow: GET, HEAD, PATCH" in answers) == ("/config" in line and status[:3] == "405")


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
        (f"{BACKUP}{HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}}}", "400 Bad Request"),
        (f"{BACKUP}{HEAD}Content-Length: -2\r\n\r\n{{}}", "400 Bad Request"),
        (f"{BACKUP}{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n{CHUNKS}", "501 Not Implemented"),
        (f"{BACKUP}{HEAD}Transfer-Encoding: identity\r\n\r\n{{}}", "501 Not Implemented"),
        (f"{CONFIG}\r\n", "400 Bad Request: missing required Host header"),
        (f"{CONFIG}Host: a\r\n{HEAD}\r\n", "400 Bad Request: too many Host headers"),
        (f"{CONFIG}Host: a b\r\n\r\n", "400 Bad Request: malformed Host header"),
        (f"GET {ROOT}/plan/%zz HTTP/1.1\r\n{HEAD}\r\n", "400 Bad Request"),
        (f"{CONFIG.replace('1.1', '2.0')}{HEAD}\r\n", "505 HTTP Version Not Supported"),
        (f"{CONFIG}{HEAD}X: {'x' * 2_000_000}\r\n\r\n", "431 Request Header Fields Too Large"),
    ],
)
def test_what_is_no_request(simulator: Simulator, asked: str, refusal: str) -> None:
    """What is no HTTP is refused in plain text, and the connection closed (S21)."""
    answer = talk(simulator, asked)

    head, _, said = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {refusal.partition(':')[0]}\r\n")
    assert said.startswith(refusal) or said == "Unsupported transfer encoding"
    assert "Connection: close" in head


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
