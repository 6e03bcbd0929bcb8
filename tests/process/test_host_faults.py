"""What a host does to a daemon: full disks, no descriptors, a freeze in mid-call, a kill."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.simulator.server import Simulator
from tests.process.conftest import Stage, once, wait_until

OURS = ("orders", "tenant-a")


@pytest.fixture
def disk(stage: Stage, tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk and put the ledger there, or skip where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or not mount or not unmount:
        pytest.skip("only root may mount a small disk to fill")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "cbmaintd-test", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    stage.state = place
    yield place
    subprocess.run([unmount, "--lazy", str(place)], check=True)


def remount(disk: Path, how: str) -> None:
    """Make the disk read-only, or not."""
    mount = shutil.which("mount") or "mount"
    subprocess.run([mount, "-o", f"remount,{how}", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (4096, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass


def test_a_full_disk_stops_no_resume(stage: Stage, disk: Path) -> None:
    """Promise 10: with the ledger's disk full nothing new is paused, and what is ours is resumed.

    When there is room again the ledger learns all of it.
    """
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", repository="orders")

    fill(disk)
    prod.create("tenant-new")
    daemon.wait_for("repository.failed", repository="tenant-new", error="ledger")
    failed = daemon.wait_for("ledger.failed")
    stage.close_in(2)
    daemon.wait_for("repository.resumed", repository="orders")
    (disk / "fill").unlink()
    daemon.wait_for("ledger.recovered")
    daemon.kill()
    second = stage.start()
    second.wait_for("http.attempted", action="list")
    code = second.stop()

    assert code == 0
    assert "full" in failed[0]["error"]
    assert not daemon.events("http.attempted", repository="tenant-new")
    assert second.events("daemon.stopped")[0]["holds"] == 0
    assert prod.states() == {"orders": "active", "tenant-new": "active"}


def test_a_start_on_a_full_disk_resumes(stage: Stage, disk: Path) -> None:
    """Promise 10: a start that finds the disk full reads what it holds, and resumes it."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    first.stop()
    fill(disk)
    stage.write(once("night", 600, 700))

    second = stage.start()
    second.wait_for("repository.resumed")
    wait_until(lambda: prod.state("orders") == "active", "it is active")
    (disk / "fill").unlink()
    second.wait_for("ledger.recovered")
    code = second.stop()

    assert code == 0


@pytest.mark.parametrize("is_killed", [False, True], ids=["after a stop", "after a kill"])
def test_a_start_on_a_read_only_disk_resumes(stage: Stage, disk: Path, *, is_killed: bool) -> None:
    """Promise 10: a disk that became read-only keeps no start from resuming what is held."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    if is_killed:
        first.kill()
    else:
        first.stop()
    stage.write(once("night", 600, 700))

    remount(disk, "ro")
    second = stage.start()
    second.wait_for("repository.resumed")
    remount(disk, "rw")
    second.wait_for("ledger.recovered")
    code = second.stop()

    assert code == 0
    assert second.events("daemon.stopped")[0]["holds"] == 0
    assert prod.state("orders") == "active"


def test_no_descriptors_are_outlived(stage: Stage) -> None:
    """With no file descriptor left the daemon lives on, and goes on when there are some again."""
    prod = stage.simulate("prod", *OURS)
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 2)
    stage.close_in(5)
    daemon.wait_for("config.applied", 2)
    pid = daemon.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)

    # What is open stays so; nothing more can be opened, whatever else the daemon closes meanwhile.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    hang_up(prod)
    daemon.wait_for("cluster.unreachable")
    daemon.wait_for("window.closed")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    daemon.wait_for("repository.resumed", 2)

    assert daemon.stop() == 0
    assert set(prod.states().values()) == {"active"}
    assert not daemon.events("pass.crashed")


def test_a_frozen_host_resumes_on_waking(stage: Stage) -> None:
    """Stopped like a suspended host over a window's end, it resumes as soon as it wakes."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600), top="resync: 10m\n")
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    stage.close_in(15)
    closes = time.monotonic() + 17
    daemon.wait_for("config.applied", 2)

    daemon.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: time.monotonic() > closes, "the window is over")
    held = prod.state("orders")
    daemon.process.send_signal(signal.SIGCONT)
    wait_until(lambda: prod.state("orders") == "active", "it is active")
    daemon.wait_for("repository.resumed")

    assert daemon.stop() == 0
    assert held == "paused"


def test_a_host_frozen_in_a_call_goes_on(stage: Stage) -> None:
    """Stopped while a pause is on its way, it finds out on waking what became of it."""
    prod = stage.simulate("prod", "orders")
    prod.fail_next("POST", ".*/pause", delay=1.0)
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    wait_until(lambda: any(r.method == "POST" for r in prod.requests), "the POST is there")

    daemon.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: prod.state("orders") == "paused", "the service has acted")
    frozen_until = time.monotonic() + 3
    wait_until(lambda: time.monotonic() > frozen_until, "the client's deadlines are over")
    daemon.process.send_signal(signal.SIGCONT)
    daemon.wait_for("repository.paused")
    stage.close_in(2)
    daemon.wait_for("repository.resumed")

    assert daemon.stop() == 0
    assert prod.state("orders") == "active"


def test_a_log_on_a_full_disk_stops_nothing(stage: Stage) -> None:
    """Promise 10: with a log that can never be written, it pauses, resumes and ends with 0."""
    prod = stage.simulate("prod", *OURS)
    stage.write(once("night", 0, 600))
    command = stage.command("run", "--log-format", "json")
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(command, stderr=full, env=stage.environ({}))

    wait_until(lambda: set(prod.states().values()) == {"paused"}, "all are paused")
    stage.close_in(2)
    wait_until(lambda: set(prod.states().values()) == {"active"}, "all are active")
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0


def test_two_daemons_on_two_ledgers_respect_each_other(stage: Stage, tmp_path: Path) -> None:
    """Promise 3: a daemon never resumes what another one paused, though its own window ends."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("long", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    (tmp_path / "other").mkdir()
    other = Stage(tmp_path / "other", stage.password, stage.exits, simulators=stage.simulators)
    stage.secret_files |= other.secret_files
    other.write(once("short", -60, 600))
    second = other.start()
    stage.daemons.append(second)
    second.wait_for("repository.left", reason="paused_elsewhere")
    other.close_in(2)
    second.wait_for("window.closed", window="short")
    after_second = prod.state("orders")

    stage.close_in(2)
    first.wait_for("repository.resumed")

    assert (first.stop(), second.stop()) == (0, 0)
    assert after_second == "paused"
    assert not second.events("http.attempted", repository="orders")
    assert prod.state("orders") == "active"


def test_killed_again_and_again(stage: Stage) -> None:
    """Promise 2: killed at random moments of opening and closing, it leaves nothing paused."""
    seed = random.SystemRandom().randrange(1_000_000)
    dice = random.Random(seed)  # noqa: S311  # chance, not secrecy
    prod = stage.simulate("prod", *OURS, "archive")
    prod.pause("archive")
    slow(prod)
    for turn in range(8):
        stage.write(once("night", -60, 600) if turn % 2 == 0 else once("later", 600, 700))
        doomed = stage.start()
        doomed.wait_for("daemon.started")
        moment = time.monotonic() + dice.uniform(0, 0.5)
        wait_until(lambda m=moment: time.monotonic() > m, "a random moment")  # type: ignore[misc]  # a default of a lambda
        doomed.kill()
    stage.write(once("later", 600, 700))
    last = stage.start()

    wait_until(
        lambda: {prod.state(id_) for id_ in OURS} == {"active"}, f"all is active, seed {seed}"
    )
    last.stop()

    assert prod.state("archive") == "paused"
    assert not any("/archive/" in request.path for request in prod.requests)


def hang_up(simulator: Simulator) -> None:
    """Let a service close the connections that it keeps for later."""
    for server in simulator._servers:
        server.hang_up()


def slow(simulator: Simulator) -> None:
    """Let a service take its time for each POST."""
    simulator.fail_next("POST", ".*", count=10_000, delay=0.05)
