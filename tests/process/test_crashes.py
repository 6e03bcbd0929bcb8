"""Killed at every durable write and every call: what was ours is active again (promises 2, 4)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.process.conftest import ROOT, Running, Stage, once, wait_until

OURS = ("orders", "tenant-a")
WINDOW_S = 3
WRITES = [(moment, number) for number in range(1, 5) for moment in ("before", "after")]
CALLS = [(moment, number) for number in range(1, 9) for moment in ("before", "after")]


def play(folder: Path, die: tuple[str, int], *, at_write: bool) -> list[str]:
    """Let a daemon die at one point, and another start after the window's end.

    Lists what is wrong at the end; nothing, if all is well.
    """
    folder.mkdir()
    with ExitStack() as exits:
        stage = Stage(folder, f"canary-{folder.name}-{time.monotonic_ns()}", exits)
        prod = stage.simulate("prod", *OURS, "archive")
        prod.pause("archive")
        stage.write(once("night", -60, WINDOW_S))
        end = time.monotonic() + WINDOW_S + 1
        if at_write:
            first = stage.start(prefix=(str(ROOT / "tests/process/crashing.py"), *map(str, die)))
        else:
            first = stage.start()
            prod.on_request(*die, first.process.kill)
        killed = first.finish() != 0
        wait_until(lambda: time.monotonic() > end, "the window is over")
        second = finish_with_another(stage)
        states = prod.states()
        stage.finish()
    expected = {"orders": "active", "tenant-a": "active", "archive": "paused"}
    faults = [] if killed else [f"{die}: it was not killed"]
    if states != expected:
        faults.append(f"{die}: {states}\n{b''.join(second.raw).decode()}")
    return faults


def finish_with_another(stage: Stage) -> Running:
    """Start a daemon, wait until it has done what is to be done, and stop it."""
    second = stage.start()
    second.wait_for("http.attempted", action="list")
    wait_until(
        lambda: '"holds": []' in " ".join(stage.ask("status", "--output", "json").stdout.split()),
        "nothing is held any more",
    )
    second.stop()
    return second


def test_killed_at_each_durable_write(tmp_path: Path) -> None:
    """Whichever durable write it dies before or after, the next start puts everything right."""
    with ThreadPoolExecutor(4) as pool:
        played = pool.map(
            lambda die: play(tmp_path / f"{die[0]}{die[1]}", die, at_write=True), WRITES
        )
        faults = [fault for faults in played for fault in faults]

    assert faults == []


def test_killed_at_each_call(tmp_path: Path) -> None:
    """Whichever request it dies in, before or after it is applied, the next start mends it."""
    with ThreadPoolExecutor(4) as pool:
        played = pool.map(
            lambda die: play(tmp_path / f"{die[0]}{die[1]}", die, at_write=False), CALLS
        )
        faults = [fault for faults in played for fault in faults]

    assert faults == []
