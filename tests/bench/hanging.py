"""What the clusters that answer notice of one that does not."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from tests.bench import goals
from tests.bench.clusters import Clusters, clusters
from tests.bench.measures import Row, interleaved, raced
from tests.bench.site import Site, once

SILENT = 0
SIZE = 100


def one_hangs(*, quick: bool) -> list[Row]:
    """Pause 1,000 repositories at 50 ms while one cluster of ten answers no POST."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(SIZE, timedelta(milliseconds=50)) as served,
    ):
        site = Site(Path(name), served.urls)
        samples = interleaved(
            1 if quick else 5,
            {
                "hangs": lambda: _others(site, served, hangs=True),
                "absent": lambda: _others(site, served, hangs=False),
            },
        )
    what = "900 repositories of nine clusters paused while the tenth hangs"
    return [
        raced(what, samples["hangs"], "nine clusters alone", samples["absent"], goals.ONE_HANGS)
    ]


def _others(site: Site, served: Clusters, *, hangs: bool) -> float:
    """Return the seconds until the others are paused; without *hangs* the tenth has no window."""
    others = [name for number, name in enumerate(served.urls) if number != SILENT]
    wanted = list(served.urls) if hangs else others
    targets = ", ".join(f'{name}: ["*"]' for name in wanted)

    def reset() -> None:
        served.reset()
        if hangs:
            served.hang(SILENT)

    def windows(at: int) -> list[str]:
        return [once("everything", at, at + 3600, f"{{{targets}}}")]

    with site.opened(reset, windows) as (daemon, start):
        daemon.wait_for("repository.paused", SIZE * len(others))
        return max(daemon.instants("repository.paused")) - start
