"""What the daemon costs while it waits: processor, memory, descriptors."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.clusters import clusters
from tests.bench.fillers import fillers
from tests.bench.measures import Row, within
from tests.bench.site import Running, Site, in_seconds, once, wait_until

IDLE_S, IDLE_QUICK_S = 600.0, 60.0
_CLUSTERS = 100
_GROWN_MIB = 1.0
"""How much memory may differ between two looks without being called growth."""


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    cpu_s: float
    memory_mib: float
    descriptors: int

    @classmethod
    def look(cls, daemon: Running) -> _Look:
        return cls(time.monotonic(), daemon.cpu_s(), daemon.memory_mib(), daemon.descriptors())


def idle(*, quick: bool) -> list[Row]:
    """Let 1,000 windows and 100 clusters wait for ten minutes, resync every 30 s."""
    lasts_s = IDLE_QUICK_S if quick else IDLE_S
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(10, count=_CLUSTERS) as served,
    ):
        site = Site(Path(name), served.urls, concurrency=8)
        site.write(fillers(1000, '{"c*": ["*"]}'))
        with site.run() as daemon:
            wait_until(lambda: all(seen.requests for seen in served.seen()), "the first passes")
            # What is allocated at the first beat stays: growth is counted from there.
            time.sleep(min(35.0, lasts_s / 2))
            before = _Look.look(daemon)
            time.sleep(lasts_s)
            after = _Look.look(daemon)
    elapsed = after.at - before.at
    what = f"idle for {elapsed:.0f} s with 1,000 windows, {_CLUSTERS} clusters"
    share = (after.cpu_s - before.cpu_s) / elapsed * 100
    return [
        within(f"{what}: processor", share, 1, "% of a core"),
        within(
            f"{what}: growth of memory", after.memory_mib - before.memory_mib, _GROWN_MIB, "MiB"
        ),
        within(
            f"{what}: growth of descriptors", after.descriptors - before.descriptors, 1, "files"
        ),
    ]


def memory(*, quick: bool) -> list[Row]:
    """Hold 1,000 of 10,000 repositories, with 1,000 windows loaded."""
    del quick
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(1000) as served:
        site = Site(Path(name), served.urls)
        start = in_seconds(4)
        held = "[" + ", ".join(f"r{number}" for number in range(100)) + "]"
        site.write(
            [once("held", start, start + 3600, f'{{"c*": {held}}}'), *fillers(999, '{"c*": ["*"]}')]
        )
        with site.run() as daemon:
            daemon.wait_for("repository.paused", 1000)
            time.sleep(2)
            used, most = daemon.memory_mib(), daemon.memory_mib("VmHWM")
    what = "resident memory with 1,000 windows, 10,000 repositories, 1,000 holds"
    return [within(what, used, 120, "MiB"), within(f"{what}, at most", most, 120, "MiB")]
