"""How often the ledger waits for the disk while 10,000 repositories are paused."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from tests.bench import goals
from tests.bench.clusters import clusters
from tests.bench.goals import Goal
from tests.bench.measures import Row, within
from tests.bench.site import Site, everything, wait_until

_CALL = re.compile(r"^\d+ +(\d+\.\d+) f(?:data)?sync\(", re.MULTILINE)
_SIZE = 10_000


def syncs(*, quick: bool) -> list[Row]:
    """Count the fsyncs of 10,000 holds, as strace sees them."""
    strace = shutil.which("strace")
    if strace is None:
        sys.stderr.write("durability: skipped, there is no strace here\n")
        return []
    del quick
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(_SIZE // 10) as served:
        folder = Path(name)
        site, trace = Site(folder, served.urls), folder / "trace"
        options = (
            "-D",
            "-f",
            "--seccomp-bpf",
            "-ttt",
            "-e",
            "trace=fsync,fdatasync",
            "-o",
            str(trace),
        )
        with site.opened(served.reset, everything, (), strace, *options) as (daemon, start):
            # Not the log: traced, the daemon is slow enough to drop lines of it.
            wait_until(lambda: _held(daemon.ledger) == _SIZE, "the last hold")
        calls = sum(float(at) >= start for at in _CALL.findall(trace.read_text()))
        written = 2 * _SIZE + _count(daemon.ledger, "SELECT count(*) FROM attempt")
    # Each hold is written twice, before its call and after it; each attempt once.
    goal = Goal(written / goals.DURABLE_ROWS_PER_FSYNC, "calls")
    return [within(f"fsyncs for {_SIZE:,} holds ({written:,} durable rows)", calls, goal)]


def _held(ledger: Path) -> int:
    return _count(ledger, "SELECT count(*) FROM record WHERE phase = 'paused'")


def _count(ledger: Path, query: str) -> int:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=60)
    with closing(connection):
        return int(connection.execute(query).fetchone()[0])
