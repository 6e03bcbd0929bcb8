"""The shipped unit under a real systemd: started, reloaded, killed, hung, stopped, powered off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.host.box import BootError, Box, booted, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "all is there")

SIMULATOR = """\
[Service]
ExecStart=/opt/cbmaintd/bin/cbmaintd simulate --port 18097 --repositories orders,archive \\
    --state-file /var/lib/simulated.json
"""
DROP_IN = """\
[Unit]
OnFailure=cbmaintd-failure@%n.service
[Service]
LoadCredential=prod.password:/etc/cbmaintd/secrets/prod.password
"""
ASK = "/opt/cbmaintd/bin/cbmaintd -c /etc/cbmaintd/schedules.yaml"


def schedules(start: float, end: float) -> str:
    """Write a file with a window that opens and closes so many seconds from now."""
    now = datetime.now(UTC).replace(microsecond=0)
    opens, closes = (now + timedelta(seconds=each) for each in (start, end))
    return (
        "resync: 1s\nclusters:\n  prod:\n    url: http://127.0.0.1:18097\n"
        "    username: Administrator\n    password_file: prod.password\n"
        f'windows:\n  night:\n    once: {{start: "{opens.isoformat()}", '
        f'end: "{closes.isoformat()}"}}\n    repositories: {{prod: [orders]}}\n'
    )


def prepare(box: Box) -> None:
    """Install as the README says, with the password as a credential of systemd."""
    box.install()
    box.place("/etc/systemd/system/simulator.service", SIMULATOR)
    box.place("/etc/systemd/system/cbmaintd.service.d/secrets.conf", DROP_IN)
    box.place("/etc/cbmaintd/secrets/prod.password", "password\n", 0o600)
    box.place("/etc/cbmaintd/schedules.yaml", schedules(3600, 7200))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Boot a box with the program and a simulator in it; the daemon does not run yet."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(booted(tmp_path / "box", prepare))
        except BootError as exc:
            pytest.skip(f"no box boots here: {exc}")
        found.run(f"{ASK} install-unit && systemctl daemon-reload && systemctl start simulator")
        secrets = "CREDENTIALS_DIRECTORY=/etc/cbmaintd/secrets"
        found.until(f"{secrets} {ASK} check --online && echo good", lambda said: "good" in said)
        yield found


def write(box: Box, text: str) -> None:
    """Replace the file inside."""
    box.run(f"cat > /etc/cbmaintd/schedules.yaml <<'END'\n{text}END\n")


def shown(box: Box, name: str) -> str:
    """Return a property of the unit."""
    return box.run(f"systemctl show cbmaintd -P {name}").strip()


def journal(box: Box) -> list[dict[str, Any]]:
    """Return our lines, as journald keeps them."""
    lines = box.run("journalctl -u cbmaintd -o cat").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def await_lines(box: Box, event: str, count: int = 1) -> None:
    """Wait until journald has so many of our lines: they reach it a little after they are said."""
    said_as = f'"event": "{event}"'
    box.until("journalctl -u cbmaintd -o cat", lambda said: said.count(said_as) >= count)


def await_state(box: Box, state: str, within_s: float = 120.0) -> None:
    """Wait until the simulated repository is in a state."""
    box.until("cat /var/lib/simulated.json", lambda said: f'"{state}"' in orders(said), within_s)


def orders(said: str) -> str:
    """Return what the simulator's file says of one repository."""
    return said.partition('"orders"')[2].partition("}")[0]


def test_start_reload_and_stop(box: Box) -> None:
    """Started, it is ready with the file in force; a reload tells good from bad; it stops."""
    box.run("systemctl start cbmaintd")
    await_lines(box, "config.applied")
    started = [line["event"] for line in journal(box)]
    status = shown(box, "StatusText")
    write(box, "windows: 7\n")
    refused = box.run("systemctl reload cbmaintd", check=False)
    rejected = shown(box, "StatusText")
    write(box, schedules(7200, 10800))
    box.run("systemctl reload cbmaintd")
    await_lines(box, "config.applied", 2)
    events = [line["event"] for line in journal(box) if line["event"] != "http.attempted"]
    box.run("systemctl stop cbmaintd")
    await_lines(box, "daemon.stopped")

    assert started[:2] == ["daemon.started", "config.applied"]
    assert status.startswith("no window open; next change ")
    assert "failed" in refused
    assert "REJECTED" in rejected
    # On a busy machine the daemon has noticed an edit by itself before it is told to reload. That
    # the port is usual for https is a warning each time.
    said = [event for event in events if event.startswith("config.") and event != "config.warned"]
    verdicts = [event for event, _ in groupby(said)]
    assert verdicts == ["config.applied", "config.rejected", "config.applied"]
    assert (shown(box, "Result"), shown(box, "ActiveState")) == ("success", "inactive")
    assert journal(box)[-1]["event"] == "daemon.stopped"


def test_an_invalid_first_file_is_not_restarted(box: Box) -> None:
    """Exit 2 is final: the unit has failed, is not tried for ever, and somebody is told."""
    write(box, "windows: 7\n")
    box.run("systemctl start cbmaintd", check=False)

    box.until("systemctl show cbmaintd -P ActiveState", lambda said: said == "failed\n")

    assert shown(box, "ExecMainStatus") == "2"
    assert shown(box, "NRestarts") == "0"
    box.until("journalctl -t cbmaintd-failure -o cat", lambda said: "status=2" in said)


def test_a_stop_waits_for_a_call_and_no_longer(box: Box) -> None:
    """A call in flight gets its ten seconds and no more; the pause that it brought is kept."""
    slow = SIMULATOR.strip() + " --latency 30s\n"
    box.run(f"cat > /etc/systemd/system/simulator.service <<'END'\n{slow}END\n")
    box.run("systemctl daemon-reload; systemctl restart simulator; systemctl start cbmaintd")

    took_s = float(box.run("TIMEFORMAT=%R; time systemctl stop cbmaintd"))

    assert 9 < took_s < 15
    assert shown(box, "Result") == "success"


def test_credentials_from_a_folder(box: Box) -> None:
    """A folder is handed over as a whole, a file for each cluster, and stays root's."""
    folder = "[Service]\nLoadCredential=\nLoadCredential=clusters:/etc/cbmaintd/secrets\n"
    drop_in = "/etc/systemd/system/cbmaintd.service.d/secrets.conf"
    box.run(f"printf '{folder}' > {drop_in}; systemctl daemon-reload")
    text = schedules(-5, 3600).replace("prod.password", "clusters_prod.password")
    write(box, text)

    box.run("systemctl start cbmaintd")
    await_state(box, "paused")

    assert box.run("stat -c %U:%a /etc/cbmaintd/secrets/prod.password") == "root:600\n"
    assert "config.rejected" not in {line["event"] for line in journal(box)}


def test_killed_it_comes_back_and_resumes(box: Box) -> None:
    """After kill -9 systemd starts it again, it knows what it holds, and resumes at the end."""
    write(box, schedules(-5, 3600))
    box.run("systemctl start cbmaintd")
    await_state(box, "paused")
    box.run("systemctl kill -s KILL cbmaintd")
    box.until("systemctl show cbmaintd -P NRestarts", lambda said: said == "1\n")
    write(box, schedules(-5, 3))
    await_state(box, "active")
    await_lines(box, "repository.resumed")

    assert [e["repository"] for e in journal(box) if e["event"] == "repository.resumed"] == [
        "orders"
    ]


def test_a_hang_is_ended_by_the_watchdog(box: Box) -> None:
    """A daemon that makes no progress is killed by systemd and started again."""
    limits = "[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\nRestartSec=100ms\n"
    drop_in = "/etc/systemd/system/cbmaintd.service.d/short.conf"
    box.run(f"printf '{limits}' > {drop_in}; systemctl daemon-reload; systemctl start cbmaintd")
    box.run("systemctl kill -s STOP cbmaintd")

    box.until("systemctl show cbmaintd -P NRestarts", lambda said: said == "1\n")

    assert "Watchdog timeout" in box.run("journalctl -u cbmaintd")


def test_a_power_cut_in_a_window(box: Box) -> None:
    """When power comes back after the window's end, what was held is resumed."""
    write(box, schedules(-5, 3600))
    box.run("systemctl enable --now cbmaintd 2>&1")
    await_state(box, "paused")
    box.run("sync")
    box.cut_power()
    box.place("/etc/cbmaintd/schedules.yaml", schedules(-60, -5))

    box.boot()
    box.run("systemctl start simulator cbmaintd")
    await_state(box, "active")

    assert shown(box, "ActiveState") == "active"
