"""Killed at every durable write and every call: what was ours is active again (promises 2, 4)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.simulator.server import Simulator
from tests.process.conftest import ROOT, Running, Stage, once, wait_until

OURS = ("orders", "tenant-a")
MOMENTS = ("before", "after")
WRITES = [(moment, str(number)) for number in range(1, 5) for moment in MOMENTS]
CALLS = [
    (moment, method, number)
    for method, last in (("GET", 3), ("POST", 4))
    for number in range(1, last + 1)
    for moment in MOMENTS
]


def play(folder: Path, die: tuple[str, ...] | tuple[str, str, int]) -> list[str]:
    """Let a daemon die at one point, and another start after the window's end.

    Lists what is wrong at the end; nothing, if all is well.
    """
    folder.mkdir()
    with ExitStack() as exits:
        stage = Stage(folder, f"canary-{folder.name}-{time.monotonic_ns()}", exits)
        prod = stage.simulate("prod", *OURS, "archive")
        prod.pause("archive")
        stage.write(once("night", -60, 600))
        first = start_doomed(stage, prod, die)
        wait_until(lambda: is_dead(first) or len(first.events("repository.paused")) == 2, "paused")
        stage.close_in(-2)
        first.finish()
        first.was_killed = True
        second = finish_with_another(stage)
        states = prod.states()
        stage.finish()
    expected = {"orders": "active", "tenant-a": "active", "archive": "paused"}
    if states == expected:
        return []
    return [f"{die}: {states}\n{b''.join(second.raw).decode()}"]


def start_doomed(
    stage: Stage, prod: Simulator, die: tuple[str, ...] | tuple[str, str, int]
) -> Running:
    """Start a daemon that dies at a write (two words) or at a request (three)."""
    match die:
        case (when, str(method), int(number)):
            first = stage.start()
            prod.on_request(when, method, number, first.process.kill)
            return first
        case _:
            crashing = str(ROOT / "tests/process/crashing.py")
            return stage.start(prefix=(crashing, *map(str, die)))


def is_dead(running: Running) -> bool:
    """Check whether the process has ended."""
    return running.process.poll() is not None


def finish_with_another(stage: Stage) -> Running:
    """Start a daemon, wait until it has done what is to be done, and stop it."""
    second = stage.start()
    second.wait_for("http.attempted", action="list")
    with open_ledger(stage.ledger, Access.READ) as ledger:
        wait_until(
            lambda: not any(record.is_hold for record in ledger.records()),
            "nothing is held any more",
        )
    second.stop()
    return second


def test_killed_at_each_durable_write(tmp_path: Path) -> None:
    """Whichever durable write it dies before or after, the next start puts everything right."""
    assert play_all(tmp_path, WRITES) == []


def test_killed_at_each_call(tmp_path: Path) -> None:
    """Whichever request it dies in, before or after it is applied, the next start mends it."""
    assert play_all(tmp_path, CALLS) == []


def play_all(folder: Path, points: Sequence[tuple[str, ...] | tuple[str, str, int]]) -> list[str]:
    """Play every point, some at a time."""
    with ThreadPoolExecutor(4) as pool:
        played = pool.map(lambda die: play(folder / "-".join(map(str, die)), die), points)
        return [fault for faults in played for fault in faults]
