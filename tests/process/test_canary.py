"""The search for passwords at the end of each process test bites, wherever one was left behind.

That every form of a password is recognised is shown by `unit/test_canary.py`.
"""

from __future__ import annotations

import base64
import json
import socket
from urllib.parse import quote_plus

import pytest

from tests.evil.canary import canary
from tests.process.canary import ServiceManager, leaks
from tests.process.conftest import Stage, once, wait_until


@pytest.fixture
def quiet(stage: Stage) -> Stage:
    """Run a daemon and a command, which leave no password anywhere."""
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, 7200))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    stage.ask("status")
    daemon.stop()
    return stage


def tell(manager: ServiceManager | None, text: str) -> None:
    """Return the service manager what a daemon would, and wait until it was heard."""
    assert manager
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), manager.address)
    wait_until(lambda: text.encode() in manager.heard, "it was heard")


def test_each_place_is_searched(quiet: Stage) -> None:
    """A password is found in every place that a daemon could leave it in, and in no other."""
    leak = canary()
    (daemon,) = quiet.daemons
    places = set(quiet.left_behind())
    daemon.raw.append(b'{"message": ' + json.dumps(leak).encode() + b"}\n")
    daemon.command_lines.append(b"cbmaintd\0--password\0" + leak.encode())
    quiet.said.append(quote_plus(leak).encode())
    tell(quiet.manager, f"STATUS=waiting for {leak}")
    pair = base64.b64encode(f"admin:{leak}".encode())
    for name in ("ledger.db", "ledger.db.damaged-1", "core"):
        with (quiet.folder / name).open("ab") as file:
            file.write(b"\0Basic " + pair)

    left = quiet.left_behind()
    found = set(leaks(left, ["another", leak], "admin"))

    last_said = f"what command {len(quiet.said) - 1} printed"
    assert found == {
        f"the log of {daemon.process.pid}",
        f"the command line of {daemon.process.pid}",
        last_said,
        "what the service manager was told",
        "ledger.db",
        "ledger.db.damaged-1",
        "core",
    }
    assert {"schedules.yaml", "ledger.db.lock"} <= places
    assert b"\nSTATUS=" in left["what the service manager was told"]


def test_a_leak_fails_the_test(quiet: Stage) -> None:
    """The end of a process test fails if a password was left behind, also one rotated away."""
    old = quiet.password
    quiet.rotate()
    (quiet.folder / "notes").write_text(old)

    with pytest.raises(AssertionError, match="notes"):
        quiet.finish()

    (quiet.folder / "notes").unlink()
