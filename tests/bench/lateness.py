"""How late the first POST of an opening leaves, in quiet and while a large file is read again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.bench.clusters import Clusters, clusters
from tests.bench.fillers import fillers
from tests.bench.measures import Row, within
from tests.bench.rivals import Rivals
from tests.bench.site import Site, in_seconds, once, wait_until

CLUSTERS = 10
LOAD_S_PER_WINDOW = 0.0025
"""How long a start may take with many windows: the first opening is planned after that."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Openings of one repository each, one a second, on the clusters in turn."""

    first: int
    count: int

    def windows(self) -> list[str]:
        """Write their windows; none ends before the last has begun."""
        end = self.first + self.count + 3600
        return [
            once(f"opening-{n}", self.at(n), end, f"{{c{n % CLUSTERS}: [{_id(n)}]}}")
            for n in range(self.count)
        ]

    def at(self, number: int) -> float:
        """Return the start of an opening."""
        return self.first + number

    @property
    def end(self) -> float:
        """When all of them have been acted upon, or never will be."""
        return self.first + self.count + 1

    def lateness(self, served: Clusters, numbers: Sequence[int]) -> list[float]:
        """Return how late the first POSTs of some of the openings came, in seconds."""
        seen = served.seen()
        return [seen[n % CLUSTERS].posts[_id(n)] - self.at(n) for n in numbers]


def _id(number: int) -> str:
    return f"r{number // CLUSTERS}"


def first_posts(*, quick: bool) -> list[Row]:
    """Open 200 windows one after the other, with 1,000 loaded, beside a plain script."""
    count = 20 if quick else 200
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(count // CLUSTERS) as ours,
        clusters(count // CLUSTERS) as theirs,
    ):
        site, rivals = Site(Path(name), ours.urls), Rivals(Path(name))
        openings = Openings(in_seconds(5), count)
        site.write([*openings.windows(), *fillers(1000 - count)])
        # Half a second apart, so that neither of the two meets the other at its own boundary.
        times = {url: openings.at(n) + 0.5 for n, url in enumerate(theirs.pauses())}
        with site.run(), ThreadPoolExecutor(1) as executor:
            script = executor.submit(rivals.script_at, times)
            wait_until(lambda: time.time() > openings.end, "the last opening", count + 60)
            script.result()
        late = openings.lateness(ours, range(count))
        reached = theirs.seen()
        script_late = [
            reached[n % CLUSTERS].posts[_id(n)] - at for n, at in enumerate(times.values())
        ]
    what = f"lateness of the first POST, {count} openings, 1,000 windows, {{}}"
    return [
        _against(what.format("p50"), median(late), 10, late, median(script_late)),
        _against(what.format("p99"), _p99(late), 50, late, _p99(script_late)),
    ]


def _against(what: str, value: float, limit: float, late: Sequence[float], script: float) -> Row:
    row = within(what, value * 1000, limit, "ms", late)
    said = f"{row.against} (plain APScheduler + requests script: {script * 1000:.3g} ms)"
    return Row(what, row.ours, said, row.ratio, row.goal, row.samples)


def _p99(samples: Sequence[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[-1]


def reload(*, quick: bool) -> list[Row]:
    """Read 10,000 windows again while others open."""
    size, before = (1000, 3) if quick else (10_000, 10)
    load_s = size * LOAD_S_PER_WINDOW
    with tempfile.TemporaryDirectory(prefix="bench-") as name, clusters(20) as served:
        site = Site(Path(name), served.urls)
        openings = Openings(in_seconds(load_s + 5), before + int(load_s) + 10)
        text = [*openings.windows(), *fillers(size - openings.count)]
        site.write(text)
        with site.run() as daemon:
            wait_until(lambda: time.time() > openings.at(before) - 0.5, "the quiet openings")
            quiet = openings.lateness(served, range(before))
            edited = time.time()
            site.write(text[:-1])
            daemon.wait_for("config.applied", 2)
            wait_until(lambda: time.time() > openings.end, "the last opening")
            applied = max(daemon.instants("config.applied"))
        late = openings.lateness(served, range(before, openings.count))
    what = f"reload of {size:,} windows in {applied - edited:.0f} s: the latest first POST"
    row = within(what, max(late) * 1000, 100, "ms", late)
    said = f"{row.against} (without a reload: {max(quiet) * 1000:.3g} ms)"
    return [Row(what, row.ours, said, row.ratio, row.goal, {"ours": late, "quiet": quiet})]
