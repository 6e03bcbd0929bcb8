"""How often the ledger waits for the disk while 10,000 repositories are paused."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from tests.bench.clusters import clusters
from tests.bench.measures import Row, within
from tests.bench.site import Site, in_seconds, once

_CALL = re.compile(r"^\d+ +(\d+\.\d+) f(?:data)?sync\(", re.MULTILINE)
_ROWS_PER_SYNC = 500


def syncs(*, quick: bool) -> list[Row]:
    """Count the fsyncs of 10,000 holds, as strace sees them."""
    strace = shutil.which("strace")
    if strace is None:
        sys.stderr.write("durability: skipped, there is no strace here\n")
        return []
    size = 1000 if quick else 10_000
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(size // 10) as served:
        site, trace = Site(Path(name), served.urls), Path(name) / "trace"
        start = in_seconds(6)
        site.write([once("everything", start, start + 3600, '{"c*": ["*"]}')])
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
        with site.run(strace, *options) as daemon:
            daemon.wait_for("repository.paused", size)
        calls = sum(float(at) >= start for at in _CALL.findall(trace.read_text()))
        written = _rows(next(Path(name).glob("*.log.db")), size)
    what = f"fsyncs for {size:,} holds ({written:,} durable rows)"
    return [
        within(what, calls, written / _ROWS_PER_SYNC, "calls"),
    ]


def _rows(ledger: Path, holds: int) -> int:
    """Count what was written: each hold twice, before its call and after it, and the attempts."""
    with sqlite3.connect(ledger) as connection:
        (attempts,) = connection.execute("SELECT count(*) FROM attempt").fetchone()
    return 2 * holds + int(attempts)
