"""The system's clock is set while the daemon runs (rule 6 of windows and time; promise 10).

The shim shifts the wall clock of one process alone; resync is long, so that only the guard of the
clock can notice in time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.evil.wallshim import WallClock
from tests.process.conftest import Running, Stage, once, wait_until

LONG_RESYNC = "resync: 10m\n"
MINUTE_S = 60.0
YEAR_S = 366 * 24 * 3600.0
MOST_MEMORY_KIB = 400 * 1024


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """Return a clock that the test sets, or skip where it cannot be built."""
    (tmp_path / "clock").mkdir()
    clock = WallClock(tmp_path / "clock")
    if not clock.is_available:
        pytest.skip("no C compiler to build the shim of the clock with")
    return clock


@pytest.fixture
def start(stage: Stage, clock: WallClock) -> Callable[[], Running]:
    """Return a way to start a daemon that goes by that clock."""
    return lambda: stage.start(environ=clock.environ)


def test_a_step_over_the_end_resumes(
    stage: Stage, clock: WallClock, start: Callable[[], Running]
) -> None:
    """Rule 6: a clock stepped over a window's end is noticed, said, and what is held is resumed."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 30 * MINUTE_S), top=LONG_RESYNC)
    daemon = start()
    daemon.wait_for("repository.paused")

    clock.step_to(40 * MINUTE_S)
    wait_until(lambda: prod.state("orders") == "active", "it is resumed")
    stepped = daemon.wait_for("clock.stepped")
    daemon.wait_for("repository.resumed")

    assert daemon.stop() == 0
    assert stepped[0]["by_s"] == pytest.approx(40 * MINUTE_S, abs=2)


def test_a_step_back_opens_the_window_again(
    stage: Stage, clock: WallClock, start: Callable[[], Running]
) -> None:
    """Set back into a window that was over, it pauses again; set forward, it resumes again."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -30 * MINUTE_S, -10 * MINUTE_S), top=LONG_RESYNC)
    daemon = start()
    daemon.wait_for("http.attempted", action="list")

    clock.step_to(-20 * MINUTE_S)
    wait_until(lambda: prod.state("orders") == "paused", "it is paused")
    # A pass may notice first, and of two steps between two looks nothing is left to be seen.
    daemon.wait_for("clock.stepped")
    clock.step_to(0)
    wait_until(lambda: prod.state("orders") == "active", "it is active")
    daemon.wait_for("repository.resumed")
    daemon.wait_for("clock.stepped", 2)

    assert daemon.stop() == 0
    assert len(daemon.events("clock.stepped")) == 2


def test_a_step_over_a_whole_window_pauses_nothing(
    stage: Stage, clock: WallClock, start: Callable[[], Running]
) -> None:
    """A window that lies between the old time and the new one is not made up for."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", 10 * MINUTE_S, 20 * MINUTE_S), top=LONG_RESYNC)
    daemon = start()
    daemon.wait_for("http.attempted", action="list")

    clock.step_to(30 * MINUTE_S)
    daemon.wait_for("clock.stepped")
    stage.write(once("later", 60 * MINUTE_S, 70 * MINUTE_S), top=LONG_RESYNC)
    daemon.wait_for("config.applied", 2)

    assert daemon.stop() == 0
    assert prod.state("orders") == "active"
    assert not daemon.events("window.opened")
    assert {request.method for request in prod.requests} == {"GET"}


def test_a_step_of_a_year_costs_nothing(
    stage: Stage, clock: WallClock, start: Callable[[], Running]
) -> None:
    """A clock set a year ahead and back lists no missed alarms: it resumes, and can be stopped."""
    prod = stage.simulate("prod", "orders")
    window = (
        "  hourly:\n    rrule: {rule: FREQ=HOURLY, from: 2026-01-01T00:00, duration: 5m}\n"
        '    repositories: {prod: ["tenant-*"]}\n'
    )
    stage.write(once("night", -60, 3600) + window, top="resync: 1s\n")
    daemon = start()
    daemon.wait_for("repository.paused")

    clock.step_to(YEAR_S)
    wait_until(lambda: prod.state("orders") == "active", "it is resumed")
    clock.step_to(0)
    wait_until(lambda: prod.state("orders") == "paused", "it is paused again")

    assert peak_kib(daemon) < MOST_MEMORY_KIB
    assert daemon.stop() == 0


def test_a_start_with_a_clock_far_ahead(
    stage: Stage, clock: WallClock, start: Callable[[], Running]
) -> None:
    """A daemon killed in a window and started when the clock is past its end resumes first."""
    prod = stage.simulate("prod", "orders", "archive")
    prod.pause("archive")
    stage.write(once("night", -60, 30 * MINUTE_S), top=LONG_RESYNC)
    first = start()
    first.wait_for("repository.paused")
    first.kill()

    clock.step_to(40 * MINUTE_S)
    second = start()
    resumed = second.wait_for("repository.resumed")
    second.stop()
    late = datetime.fromisoformat(resumed[0]["timestamp"]) - datetime.now(UTC)

    assert prod.states() == {"orders": "active", "archive": "paused"}
    assert late > timedelta(minutes=30)


def peak_kib(daemon: Running) -> int:
    """Return the most memory that the daemon ever had."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])
