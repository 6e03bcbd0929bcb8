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

from tests.bench.clusters import Clusters, clusters
from tests.bench.measures import Row, interleaved, ratio_of, within
from tests.bench.site import ROOT, Site, once, wait_until

_FAR = 1_893_456_000  # 2030


def starts(*, quick: bool) -> list[Row]:
    """Start the daemon, ask for its version, check the example."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(10) as served:
        site = Site(Path(name), served.urls)
        site.write([once("far", _FAR, _FAR + 60, '{"c*": ["*"]}')])
        example = _example(Path(name))
        measured: dict[str, Callable[[], float]] = {
            "start to the first pass": lambda: _first_pass(site, served),
            "--version": lambda: _seconds("-m", "daemon", "--version"),
            "check of the example": lambda: _seconds(
                "-m", "daemon", "check", "--config", str(example)
            ),
            "python": lambda: _seconds("-c", "pass"),
            "import": lambda: _seconds("-c", "import requests, apscheduler.schedulers.background"),
        }
        samples = interleaved(2 if quick else 9, measured)
    goals = {"start to the first pass": 0.8, "--version": 0.15, "check of the example": 0.6}
    rows = [
        within(what, median(samples[what]), limit, "s", samples[what])
        for what, limit in goals.items()
    ]
    started, imported = samples["start to the first pass"], samples["import"]
    against = f"Python with requests and APScheduler: {median(imported):.2f} s"
    ours = f"{median(started):.2f} s"
    rows.append(
        Row("start to the first pass", ours, against, ratio_of(started, imported)),
    )
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
