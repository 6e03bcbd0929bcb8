"""Inside a process of its own: what the daemon asks of many windows, and its processor time."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

from daemon.cli.commands.run import COLLECT_AFTER
from daemon.config.reading.process import load
from daemon.runtime.rules import uncollected
from daemon.windows.timeline import Timeline

P = ParamSpec("P")
T = TypeVar("T")

CLUSTER = "c0"
YEAR = timedelta(days=365)
EDGES = 25
"""How many changes after an instant the questions are asked at, each time the first time."""


def main() -> None:
    """Load the file argv[1], ask for argv[2] repositories; tell in JSON what took how long."""
    settings = load(Path(sys.argv[1]), environ=os.environ)
    ids = [f"r{number}" for number in range(int(sys.argv[2]))]
    now = datetime.now(UTC)
    told: dict[str, float] = {}
    windows = settings.windows.values()
    for name, length in (("year", YEAR), ("decade", 10 * YEAR)):
        told[name], _ = _timed(Timeline(windows).openings, now, now + length)
    timeline = Timeline(windows)
    # As the daemon has it.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    asked: dict[str, list[float]] = {"next_change": [], "desired": [], "covering": [], "step": []}
    for years in (0, 1, 10):
        at = now + years * YEAR
        for _ in range(EDGES):
            # As the daemon does, on a thread beside its loop.
            with uncollected():
                timeline.look_ahead(at)
            asked["covering"].append(_timed(timeline.covering, at)[0])
            steps = _steps(timeline, ids, at)
            asked["desired"].append(sum(steps))
            asked["step"].append(max(steps))
            took, change = _timed(timeline.next_change, at, CLUSTER)
            asked["next_change"].append(took)
            at = change or at + timedelta(days=1)
    sys.stdout.write(json.dumps(told | {name: max(found) for name, found in asked.items()}))


def _timed(work: Callable[P, T], *args: P.args, **keys: P.kwargs) -> tuple[float, T]:
    clock = time.thread_time()
    result = work(*args, **keys)
    return time.thread_time() - clock, result


def _steps(timeline: Timeline, ids: list[str], now: datetime) -> list[float]:
    """Return how long each step takes of finding what is desired."""
    found, clock = [], time.thread_time()
    for _ in timeline.desired_in_steps(CLUSTER, ids, now):
        found.append(time.thread_time() - clock)
        clock = time.thread_time()
    return [*found, time.thread_time() - clock]


if __name__ == "__main__":
    main()
