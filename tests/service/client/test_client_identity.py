"""Passwords that change, are missing or come back in an answer."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.core.attempt import CallError, Outcome
from daemon.service.cluster import Timeouts
from tests.evil.server import (
    Talk,
    answer,
)
from tests.service.client.kit import (
    OK,
    PATIENCE,
    Connect,
    Serve,
    basic,
)


def test_a_rotated_password_is_used_at_once(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """After a 401 a changed password file is read and tried once, as an attempt of its own."""
    server = serve(OK, answer(401), OK)
    client = connect(server.url, username="u", password_file=password_file)
    client.pause()
    password_file.write_text("neu", encoding="utf-8")

    client.pause()

    assert [request.headers["authorization"] for request in server.seen] == [
        basic("u", "geheim→42"),
        basic("u", "geheim→42"),
        basic("u", "neu"),
    ]
    assert client.outcomes == [Outcome.OK, Outcome.RETRY, Outcome.OK]
    assert client.waits == [timedelta(0)]
    # The log masks what it is told of.
    assert [each.reveal() for each in client.passwords] == ["geheim→42", "neu"]


def test_an_unchanged_password_is_not_tried_again(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """A 401 with the same file, or with a new one that is wrong as well, ends the call."""
    server = serve(answer(401))
    client = connect(server.url, attempts=5, username="u", password_file=password_file)

    client.failure()
    password_file.write_text("falsch", encoding="utf-8")
    client.failure()
    password_file.unlink()
    client.failure()

    assert client.errors == [CallError.UNAUTHORIZED] * 4


def test_a_rotation_serves_all_threads(serve: Serve, connect: Connect, password_file: Path) -> None:
    """Calls that are in flight while another thread reads the new password succeed as well."""

    def check(talk: Talk) -> None:
        is_new = talk.request.headers["authorization"] == basic("u", "neu")
        (OK if is_new else answer(401))(talk)

    client = connect(
        serve(check).url, username="u", password_file=password_file, timeout=Timeouts()
    )
    client.failure()
    password_file.write_text("neu", encoding="utf-8")
    threads = [threading.Thread(target=client.pause) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE.total_seconds())

    assert client.outcomes.count(Outcome.OK) == 8
    assert client.outcomes.count(Outcome.FAILED) == 1


def test_a_missing_password_starts_no_request(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    """Without its password file a call fails before anything is sent, and recovers by itself."""
    path = tmp_path / "late.password"
    server = serve(OK)
    client = connect(server.url, username="u", password_file=path)

    failure = client.failure()
    path.touch(mode=0o600)
    path.write_text("da", encoding="utf-8")
    client.pause()

    assert failure.error is CallError.UNAUTHORIZED
    assert str(path) in str(failure)
    assert len(client.attempts) == 1


def test_secrets_are_not_repeated(serve: Serve, connect: Connect, password_file: Path) -> None:
    """A server that quotes the request does not get our secrets into a message."""
    token = basic("u", "geheim→42").partition(" ")[2]
    echo = f"bad\x1b[31m\nAuthorization: Basic {token}; geheim→42".encode()
    client = connect(serve(answer(400, echo)).url, username="u", password_file=password_file)

    failure = client.failure()

    assert failure.message == r"bad\x1b[31m\nAuthorization: Basic ***; ***"
    assert client.attempts[0].message == failure.message
    assert "geheim" not in f"{failure!s}{failure!r}{client.service!r}"


@pytest.mark.parametrize("key", ["id", "state"])
def test_secrets_in_a_list_are_not_repeated(
    serve: Serve, connect: Connect, password_file: Path, key: str
) -> None:
    """A list that has our password where a state belongs does not get it into what is said."""
    password_file.write_text("hunter-22")
    entry = {"id": "orders", "state": "melting"} | {key: "hunter-22"}
    server = serve(answer(200, json.dumps([entry]).encode()))
    client = connect(server.url, username="u", password_file=password_file)

    (found,) = client.service.repositories()

    assert found.problem
    assert "hunter-22" not in f"{found!r}{client.attempts!r}"


def test_secrets_in_names_are_not_kept(serve: Serve, connect: Connect, password_file: Path) -> None:
    """A list that calls plan, tasks or archive like our password gets it into no ledger or page."""
    password_file.write_text("hunter-22")
    run = {"next_run": "2026-11-23T13:00:00Z", "task_type": "hunter-22"}
    token = basic("u", "hunter-22").partition(" ")[2]
    entry = {
        "id": "orders",
        "state": "active",
        "repo": "hunter-22",
        "plan_name": "of hunter-22",
        "scheduled": {"hunter-22": run},
        "running_tasks": {token: {}},
    }
    server = serve(answer(200, json.dumps([entry]).encode()))
    client = connect(server.url, username="u", password_file=password_file)

    (found,) = client.service.repositories()

    assert not found.problem
    assert [run.task for run in found.scheduled] == ["***"]
    assert found.running == ("***",)
    assert not {"hunter-22", token} & set(repr(found).split("'"))
    assert "hunter-22" not in repr(found)


def test_secrets_in_a_host_are_not_repeated(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """A cluster manager that calls a node like our password gets it into no log and no message."""
    password_file.write_text("127.0.0.2")
    server = serve()
    node = {"hostname": "127.0.0.2", "services": {"backupAPI": server.port}}
    server.behaviours = (answer(200, json.dumps({"nodesExt": [node]}).encode()),)
    client = connect(discover=(server.url,), username="u", password_file=password_file)

    failure = client.failure()

    assert failure.error is CallError.REFUSED
    assert "127.0.0.2" not in f"{failure!s}{failure.message}{client.attempts!r}"


def test_secrets_in_a_redirect_are_not_repeated(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """A redirect to a host that is called like our password does not get it into a message."""
    password_file.write_text("Hunter-22")
    server = serve(answer(302, Location="http://Hunter-22.example/"))
    client = connect(server.url, username="u", password_file=password_file)

    failure = client.failure()

    assert failure.error is CallError.REDIRECT
    assert "hunter-22" not in f"{failure!s}{client.attempts!r}".lower()
