"""What the client sends, and what it understands of sound answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from daemon import __version__
from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.repository import RepositoryState
from daemon.service.cluster import Timeouts, Tls
from daemon.service.tls import tls_context
from daemon.service.transport import Transport
from tests.evil.server import (
    Talk,
    answer,
)
from tests.service.client.kit import (
    EMPTY,
    NOW,
    OK,
    PATIENCE,
    Connect,
    Loop,
    Serve,
    basic,
)


def test_pause_is_one_post_with_an_empty_object(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """A pause is a POST of `{}` with UTF-8 credentials and our name, and is reported once."""
    server = serve(OK)
    client = connect(server.url, username="müller", password_file=password_file)

    unresolved = client.pause("a b")

    assert not unresolved
    (request,) = server.seen
    assert (request.method, request.body) == ("POST", b"{}")
    assert request.path == "/api/v1/cluster/self/repository/active/a%20b/pause"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"cbmaintd/{__version__}"
    assert request.headers["authorization"] == basic("müller", "geheim→42")
    (attempt,) = client.attempts
    assert timedelta(0) < attempt.duration < PATIENCE
    assert attempt == Attempt(
        cluster="prod",
        repository="a b",
        action=Action.PAUSE,
        windows=("nightly",),
        method="POST",
        url=f"{server.url}{request.path}",
        attempt=1,
        status=200,
        outcome=Outcome.OK,
        error=None,
        message="",
        started=NOW,
        duration=attempt.duration,
    )


def test_each_server_is_reached_again_by_its_own_connections(serve: Serve, loop: Loop) -> None:
    """Connections are kept by server, for any number of them."""
    servers = [serve(OK) for _ in range(12)]
    transport = Transport(tls=tls_context(Tls()), auth=None, timeouts=Timeouts())

    async def ask() -> set[int]:
        answers = [
            await transport.exchange("GET", each.url, "/", limit=100) for each in servers * 2
        ]
        transport.close()
        return {answer.status for answer in answers}

    assert loop.run(ask()) == {200}
    assert [len(each.seen) for each in servers] == [2] * 12
    assert [each.connections for each in servers] == [1] * 12


def test_head_and_body_leave_in_one_piece(connect: Connect, password_file: Path) -> None:
    """Whoever reads what comes first has all of the request: there is one call, and one packet."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as executor:

        def serve_one() -> bytes:
            with listener.accept()[0] as connection:
                first = connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return first

        served = executor.submit(serve_one)
        port = listener.getsockname()[1]
        connect(f"http://127.0.0.1:{port}", password_file=password_file).pause()

    assert served.result().endswith(b"\r\n\r\n{}")


def test_resume_and_backup_have_their_own_paths(serve: Serve, connect: Connect) -> None:
    """Resume and backup are POSTs of `{}` to the repository's paths of these names."""
    server = serve(OK, answer(200, b'{"task_name":"BACKUP-1"}'))
    client = connect(server.url)

    client.service.resume("orders", (), client.keep_trying)
    client.service.backup("orders", (), client.keep_trying)

    assert [request.path.rpartition("/")[2] for request in server.seen] == ["resume", "backup"]
    assert {request.body for request in server.seen} == {b"{}"}
    assert [attempt.action for attempt in client.attempts] == [Action.RESUME, Action.BACKUP]


def test_a_list_gives_states_runs_and_tasks(serve: Serve, connect: Connect) -> None:
    """A list gives what is known of each repository and passes over keys that are not."""
    body = json.dumps([{"id": "orders", "state": "paused", "running_tasks": {"x": {}}, "new": 1}])
    client = connect(serve(answer(200, body.encode())).url)

    (found,) = client.service.repositories()

    assert (found.id, found.state, found.running) == ("orders", RepositoryState.PAUSED, ("x",))
    assert client.attempts[0].action is Action.LIST
    assert client.attempts[0].repository is None


def test_lists_count_as_calls(serve: Serve, connect: Connect) -> None:
    """With one call allowed at once, the list that is to verify a pause waits for its end."""
    begun, released = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        begun.set()
        released.wait(PATIENCE.total_seconds())
        OK(talk)

    server = serve(slow, EMPTY)
    client = connect(server.url, concurrency=1, timeout=Timeouts(PATIENCE, PATIENCE, PATIENCE))
    slots = client.service._service._slots
    with ThreadPoolExecutor(2) as pool:
        pause = pool.submit(client.pause)
        assert begun.wait(PATIENCE.total_seconds())
        looks = pool.submit(client.service.repositories)
        while not slots._waiters and len(server.seen) == 1:
            time.sleep(0.001)
        seen = len(server.seen)
        released.set()
        pause.result()
        looks.result()

    assert seen == 1
    assert [request.method for request in server.seen] == ["POST", "GET"]


def test_a_connection_is_used_again(serve: Serve, connect: Connect) -> None:
    """Calls that follow each other share a connection, and cookies are not sent back."""
    server = serve(answer(200, b"x", Set_Cookie="a=b"))
    client = connect(server.url)

    for _ in range(5):
        client.pause()

    assert server.connections == 1
    assert not any("cookie" in request.headers for request in server.seen)


def test_ipv6_literals_work(serve: Serve, connect: Connect) -> None:
    """A root may name an IPv6 address in brackets."""
    try:
        server = serve(EMPTY, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    client = connect(server.url)

    assert client.service.repositories() == ()


def test_the_environment_is_not_heeded(
    serve: Serve, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither proxies nor .netrc nor a CA bundle of the environment touch a call."""
    proxy, server = serve(OK), serve(OK)
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password other\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))

    connect(server.url).pause()

    assert not proxy.seen
    assert "authorization" not in server.seen[0].headers
