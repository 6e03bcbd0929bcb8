"""`cbmaintd simulate` as a program: its first line, its API, and how it ends."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import wait_until

ROOT = Path(__file__).parents[2]
LIST = "/api/v1/cluster/self/repository/active"
PATIENCE_S = 120.0


@contextmanager
def simulating(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a simulator on a free port; return the process and the URL that it prints first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "simulate", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ.copy(),
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def ask(
    url: str,
    user: str = "Administrator:password",
    method: str = "GET",
    body: bytes | None = None,
) -> Any:
    """Call the API as a user."""
    header = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
    request = urllib.request.Request(url, body, header, method=method)  # noqa: S310  # our own
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:  # noqa: S310  # our own
        return json.loads(reply.read() or "null")


def test_the_first_line_is_the_url() -> None:
    """Whoever starts it reads the address from the first line and finds the service there."""
    with simulating("--repositories", "orders, archive") as (_, url):
        found = ask(url + LIST)

    assert [repository["id"] for repository in found] == ["orders", "archive"]


def test_the_next_lines_say_how_to_use_it() -> None:
    """Below the URL stand the user, the password, how to stop it, and the cluster manager."""
    with simulating("--username", "me", "--password", "mine") as (process, _):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]

    assert lines[0] == "user me, password mine; Ctrl-C stops it\n"
    assert lines[1].startswith("cluster manager, for discover: http://127.0.0.1:")


def test_a_terminal_sees_the_requests() -> None:
    """On a terminal each request has its line, what is no text in its path escaped."""
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "simulate", "--port", "0"], stdout=terminal, cwd=ROOT
    )
    os.close(terminal)
    with process, os.fdopen(reader, encoding="utf-8", newline="") as lines:
        try:
            url = lines.readline().strip()
            ask(f"{url}{LIST}/orders/pause", method="POST")
            said = next(line for line in lines if "POST" in line)
        finally:
            process.kill()

    assert re.match(r"\d\d:\d\d:\d\d  POST .+/orders/pause  \(Administrator\)", said)


def test_user_and_password_are_chosen() -> None:
    """`--username` and `--password` are those that it accepts."""
    with simulating("--username", "me", "--password", "mine") as (_, url):
        assert ask(url + LIST, "me:mine")


def test_the_state_file_outlives_it(tmp_path: Path) -> None:
    """With `--state-file` a paused repository is still paused after a restart."""
    state = ("--state-file", str(tmp_path / "state.json"))
    with simulating(*state) as (_, url):
        ask(f"{url}{LIST}/orders/pause", method="POST")

    with simulating(*state) as (_, url):
        found = {repository["id"]: repository["state"] for repository in ask(url + LIST)}

    assert found["orders"] == "paused"
    assert found["archive"] == "active"


def test_time_passes_without_a_call(tmp_path: Path) -> None:
    """A task ends at its time and is kept, whether anybody asks for it or not."""
    file = tmp_path / "state.json"
    with simulating("--state-file", str(file)) as (_, url):
        started = ask(f"{url}{LIST}/orders/backup", method="POST", body=b"{}")["task_name"]

        def is_kept_as_done() -> bool:
            kept = json.loads(file.read_text())["repositories"]["active"]
            return (started, "done") in {
                (run["task_name"], run["status"]) for each in kept for run in each["runs"]
            }

        wait_until(is_kept_as_done, "the task has ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(number: signal.Signals) -> None:
    """SIGTERM and SIGINT end it without a word."""
    with simulating() as (process, _):
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (0, "")


def test_a_port_that_is_taken_is_one_line() -> None:
    """A second simulator on the same port says so in one line, with code 1."""
    with simulating() as (_, url):
        port = url.rpartition(":")[2]
        with simulating("--port", port) as (second, nothing):
            _, err = second.communicate(timeout=PATIENCE_S)

    assert (second.returncode, nothing) == (1, "")
    assert f"127.0.0.1:{port}" in err
    assert len(err.splitlines()) == 1
