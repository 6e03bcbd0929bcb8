"""What the daemon costs while it waits: processor, memory, descriptors, writes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import goals
from tests.bench.clusters import clusters
from tests.bench.fillers import fillers
from tests.bench.goals import Goal
from tests.bench.measures import Row, within
from tests.bench.site import Running, Site, once

IDLE_S, IDLE_QUICK_S = 600.0, 40.0
"""More than a resync lasts."""

SETTLED_AFTER_S = 35.0
"""What is allocated at the first beat stays: what happens is counted from there."""

_FEW, _MANY = 100, 2000


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    cpu_s: float
    memory_mib: float
    descriptors: int
    threads: int
    written_bytes: int
    ledger: frozenset[tuple[str, int, int]]

    @classmethod
    def look(cls, daemon: Running) -> _Look:
        return cls(
            time.monotonic(),
            daemon.cpu_s(),
            daemon.memory_mib(),
            daemon.descriptors(),
            daemon.threads(),
            daemon.written_bytes(),
            frozenset(_ledger_files(daemon)),
        )


def _ledger_files(daemon: Running) -> Iterator[tuple[str, int, int]]:
    """Return name, size and time of change of the ledger's file and of its log."""
    for file in (daemon.ledger, daemon.ledger.with_name(f"{daemon.ledger.name}-wal")):
        if file.exists():
            yield file.name, file.stat().st_size, file.stat().st_mtime_ns


def idle(*, quick: bool) -> list[Row]:
    """Let 1,000 windows wait for ten minutes with 100 clusters, and with 2,000."""
    with ExitStack() as exits:
        # Beside each other: each is asked for its own processor time, and neither needs much.
        daemons = [
            exits.enter_context(_waiting(_FEW, '{"c*": ["*"]}')),
            exits.enter_context(_waiting(_MANY, '{c$index: ["*"]}')),
        ]
        time.sleep(SETTLED_AFTER_S)
        before = [_Look.look(daemon) for daemon in daemons]
        time.sleep(IDLE_QUICK_S if quick else IDLE_S)
        after = [_Look.look(daemon) for daemon in daemons]
    few, many = zip(before, after, strict=True)
    return [
        _share(_FEW, *few, goals.IDLE_100_CLUSTERS),
        *_growth(*few),
        _share(_MANY, *many, goals.IDLE_2000_CLUSTERS),
        within(f"threads with {_MANY:,} clusters", many[1].threads, goals.THREADS),
    ]


@contextmanager
def _waiting(count: int, targets: str) -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(10, count=count) as served,
    ):
        site = Site(Path(name), served.urls, concurrency=8, pipes_log=True)
        with site.started(fillers(999, targets)) as daemon:
            yield daemon


def _share(count: int, before: _Look, after: _Look, goal: Goal) -> Row:
    elapsed = after.at - before.at
    what = f"idle for {elapsed:.0f} s with 1,000 windows, {count:,} clusters: processor"
    return within(what, (after.cpu_s - before.cpu_s) / elapsed * 100, goal)


def _growth(before: _Look, after: _Look) -> Iterator[Row]:
    what = f"idle for {after.at - before.at:.0f} s with 1,000 windows, {_FEW} clusters"
    memory = after.memory_mib - before.memory_mib
    yield within(f"{what}: growth of memory", memory, goals.IDLE_GROWTH_OF_MEMORY)
    descriptors = after.descriptors - before.descriptors
    yield within(f"{what}: growth of descriptors", descriptors, goals.IDLE_GROWTH_OF_DESCRIPTORS)
    written = after.written_bytes - before.written_bytes
    yield within(f"{what}: written to disks", written, goals.IDLE_WRITTEN)
    # Where the ledger is in memory, nothing is ever written to a disk.
    changed = len(before.ledger ^ after.ledger)
    yield within(f"{what}: changed files of the ledger", changed, goals.IDLE_LEDGER_FILES_CHANGED)


def memory(*, quick: bool) -> list[Row]:
    """Hold 1,000 of 10,000 repositories, with 1,000 windows loaded."""
    del quick
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(1000) as served:
        site = Site(Path(name), served.urls)
        others = [*fillers(999, '{"c*": ["*"]}')]
        held = "[" + ", ".join(f"r{number}" for number in range(100)) + "]"

        def windows(at: int) -> list[str]:
            return [once("held", at, at + 3600, f'{{"c*": {held}}}')]

        with site.opened(served.reset, windows, others) as (daemon, _):
            daemon.wait_for("repository.paused", 1000)
            time.sleep(2)
            used, most = daemon.memory_mib(), daemon.memory_mib("VmHWM")
    what = "resident memory with 1,000 windows, 10,000 repositories, 1,000 holds"
    return [within(what, used, goals.MEMORY), within(f"{what}, at most", most, goals.MEMORY)]
