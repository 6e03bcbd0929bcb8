"""How long processes take to start, beside Python itself and what they import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench import goals
from tests.bench.clusters import Clusters, clusters
from tests.bench.measures import Row, interleaved, raced, ratio_of, within
from tests.bench.site import FAR, ROOT, Site, wait_until


def starts(*, quick: bool) -> list[Row]:
    """Start the daemon, ask for its version, check the example."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(10) as served:
        site = Site(Path(name), served.urls)
        site.write([FAR])
        example = _example(Path(name))
        measured: dict[str, Callable[[], float]] = {
            "first pass": lambda: _first_pass(site, served),
            "--version": lambda: _seconds("-m", "daemon", "--version"),
            "check": lambda: _seconds("-m", "daemon", "check", "--config", str(example)),
            "python": lambda: _seconds("-c", "pass"),
            "import": lambda: _seconds("-c", "import requests, apscheduler.schedulers.background"),
        }
        samples = interleaved(5 if quick else 9, measured)
    beside = "Python with requests and APScheduler"
    rows = [
        raced(
            "start to the first pass",
            samples["first pass"],
            beside,
            samples["import"],
            goals.FIRST_PASS,
        ),
        raced("check of the example", samples["check"], beside, samples["import"], goals.CHECK),
        within("--version", median(samples["--version"]), goals.VERSION, samples["--version"]),
    ]
    bare, version = samples["python"], samples["--version"]
    against = f"Python alone: {median(bare):.3f} s"
    rows.append(Row("--version", f"{median(version):.3f} s", against, ratio_of(version, bare)))
    return rows


def _example(folder: Path) -> Path:
    """Copy the documented example, and put the secret files beside it that it names."""
    for secret in ("prod-eu.password", "prod-ca.pem", "prod-us.pem", "prod-us.key"):
        (folder / secret).touch(mode=0o600)
        (folder / secret).write_text("-")
    example = folder / "example.yaml"
    shutil.copy(ROOT / "schedules.yaml", example)
    return example


def _first_pass(site: Site, served: Clusters) -> float:
    """Return the time from the start to the first list call that any cluster got."""
    served.reset()
    started = time.time()
    with site.run():
        wait_until(lambda: all(seen.first_get for seen in served.seen()), "the first pass")
    return min(seen.first_get for seen in served.seen()) - started


def _seconds(*arguments: str) -> float:
    clock = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "STAGING_PASSWORD": "-"},
    )
    return time.perf_counter() - clock
