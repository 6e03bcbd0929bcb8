"""Files that are made to hold, kill or fill the daemon: it goes on, and says what is wrong."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.process.conftest import Stage, once, wait_until

LONG = 3600.0
NEVER = (
    '  w{}: {{rrule: {{rule: "FREQ=HOURLY;INTERVAL=998;BYHOUR=1", from: 2026-01-27T02:00,'
    " duration: 1h}}, repositories: {{prod: [a]}}}}\n"
)
MINUTES = "".join(NEVER.format(number) for number in range(5_000))
"""Rules that never fire, each of which takes a while to find out: minutes altogether."""


def children(pid: int) -> list[str]:
    """List the processes that a process has started and that are there."""
    found: list[str] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += (task / "children").read_text().split()
    except OSError:
        return []
    return found


def is_there(pid: str) -> bool:
    """Check whether a process still runs."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_an_edit_that_takes_minutes_holds_nothing_up(stage: Stage) -> None:
    """While it is read, what ends is resumed; then it is rejected, and a good one put in force."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, LONG))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    good = stage.config.read_text()
    beside = stage.folder / "good.yaml"
    beside.write_text(good)

    stage.write(MINUTES)
    wait_until(lambda: bool(children(daemon.process.pid)), "the file is being read")
    closed = stage.ask("--config", str(beside), "close", "night")
    daemon.wait_for("repository.resumed")
    was_reading = not daemon.events("config.rejected")
    rejected = daemon.wait_for("config.rejected")[0]
    stage.config.write_text(good)
    daemon.wait_for("config.applied", 2)
    code = daemon.stop()

    assert closed.returncode == 0
    assert was_reading
    # On a crowded machine the clock may be first.
    assert re.search("takes more than 20 s of processor|longer than 120 s", rejected["faults"][0])
    assert prod.states() == {"orders": "active"}
    assert code == 0


def test_a_stop_does_not_wait_for_a_reading(stage: Stage) -> None:
    """SIGTERM during a reading ends the daemon, and with it the process that reads."""
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, LONG))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    stage.write(MINUTES)
    wait_until(lambda: bool(children(daemon.process.pid)), "the file is being read")
    (child,) = children(daemon.process.pid)

    code = daemon.stop()

    assert code == 0
    assert daemon.events("daemon.stopped")
    assert not daemon.events("config.rejected")
    wait_until(lambda: not is_there(child), "the process that reads has ended")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_start_that_reads_for_minutes_can_be_ended(
    stage: Stage, number: signal.Signals, expected: int
) -> None:
    """A signal ends a start that is still reading, and nothing is left behind."""
    stage.simulate("prod", "orders")
    stage.write(MINUTES)
    daemon = stage.start()
    wait_until(lambda: bool(children(daemon.process.pid)), "the file is being read")
    (child,) = children(daemon.process.pid)

    # Nothing is there yet that a reload could be for, and it ends nothing.
    daemon.process.send_signal(signal.SIGHUP)
    daemon.was_killed = number is signal.SIGKILL
    code = daemon.stop(number)

    assert code == expected
    wait_until(lambda: not is_there(child), "the process that reads has ended")


def test_a_start_goes_on_with_the_last_good_file(stage: Stage) -> None:
    """A file that no process can read to its end is invalid: the last good one is used."""
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, LONG))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    daemon.stop()
    stage.config.unlink()
    os.mkfifo(stage.config)

    second = stage.start()
    rejected = second.wait_for("config.rejected")[0]
    second.wait_for("http.attempted", action="list", outcome="ok")
    code = second.stop()

    assert "is not a regular file" in rejected["faults"][0]
    assert code == 0


EVIL = {
    "a text of a megabyte": ("  w: " + "x" * 1_000_000 + "\n", "longer than 1,000 characters"),
    "a long list": (f"  w: [{'a, ' * 20_000}a]\n", "more than 10,000 entries"),
    "brackets": ("  w: " + "[" * 200_000 + "\n", "nested deeper than 20 levels"),
    "unknown keys": ("".join(f"  w{n}: {{x: 1}}\n" for n in range(9_000)), "more faults"),
    "a glob of brackets": (
        '  w: {once: {start: 2026-12-24T18:00, duration: 1h}, repositories: {prod: ["*'
        + "[" * 900
        + '"]}}\n',
        "at most 200 are allowed",
    ),
    "the environment": ("  w: 1\nexclusions: {x: {ics: /proc/self/environ}}\n", "the kernel's"),
    "a device": ("  w: 1\nexclusions: {x: {ics: /dev/zero}}\n", "the kernel's"),
    "a file of others": (
        "  w: 1\nexclusions: {x: {ics: admin.password}}\n",
        "is not an iCalendar file",
    ),
    "a fifo": ("  w: 1\nexclusions: {x: {ics: fifo}}\n", "is not a regular file"),
}


def test_evil_edits_are_rejected_one_after_the_other(stage: Stage) -> None:
    """Each is a few short faults that quote no other file, and what is held goes on."""
    prod = stage.simulate("prod", "orders")
    os.mkfifo(stage.folder / "fifo")
    stage.write(once("night", -60, LONG))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    for number, (windows, expected) in enumerate(EVIL.values(), start=1):
        stage.write(windows)
        daemon.process.send_signal(signal.SIGHUP)
        faults = daemon.wait_for("config.rejected", number)[-1]["faults"]
        assert any(expected in fault for fault in faults), (expected, faults)
        assert len(faults) <= 21
        assert all(len(fault) <= 500 for fault in faults)
    stage.ask("close", "night")
    daemon.wait_for("repository.resumed")
    code = daemon.stop()

    assert prod.states() == {"orders": "active"}
    assert code == 0
    assert not children(daemon.process.pid)
