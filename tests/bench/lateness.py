"""How late the first POST of an opening leaves, in quiet and while a large file is read again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from tests.bench import goals
from tests.bench.clusters import Clusters, Seen, clusters
from tests.bench.fillers import fillers
from tests.bench.goals import Goal
from tests.bench.measures import Row, within
from tests.bench.rivals import Rivals
from tests.bench.site import Site, once, wait_until

CLUSTERS = 10
WINDOWS = 1000
RELOADED = 10_000
_AT_MOST = 200
"""How many openings, a second each, there are for a reload to end in."""

SCRIPT_LATER_S = 2.5
"""How much later a script's openings are: it has to start, and neither is to meet the other."""


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
        return [_posted(seen, n) - self.at(n) for n in numbers]


def _posted(seen: Sequence[Seen], number: int) -> float:
    """Return when the POST of an opening came. Raises: AssertionError, if it did not."""
    at = seen[number % CLUSTERS].posts.get(_id(number))
    assert at is not None, f"opening {number} had no POST"
    return at


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
        others = [*fillers(WINDOWS - count)]
        with (
            site.opened(ours.reset, lambda at: Openings(at, count).windows(), others) as (_, first),
            ThreadPoolExecutor(1) as executor,
        ):
            openings = Openings(first, count)
            times = {url: openings.at(n) + SCRIPT_LATER_S for n, url in enumerate(theirs.pauses())}
            script = executor.submit(rivals.script_at, times)
            wait_until(lambda: time.time() > openings.end, "the last opening", count + 60)
            script.result()
        late = openings.lateness(ours, range(count))
        reached = theirs.seen()
        script_late = [_posted(reached, n) - at for n, at in enumerate(times.values())]
    what = f"lateness of the first POST, {count} openings, {WINDOWS:,} windows, {{}}"
    return [
        _against(what.format("p50"), median(late), goals.FIRST_POST_P50, late, median(script_late)),
        _against(what.format("p99"), _p99(late), goals.FIRST_POST_P99, late, _p99(script_late)),
    ]


def _against(what: str, value: float, goal: Goal, late: Sequence[float], script: float) -> Row:
    row = within(what, value * 1000, goal, late)
    said = f"{row.against} (plain APScheduler + requests script: {script * 1000:.3g} ms)"
    return replace(row, against=said)


def _p99(samples: Sequence[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[-1]


def reload(*, quick: bool) -> list[Row]:
    """Read 10,000 windows again while others open."""
    before = 3 if quick else 10
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(_AT_MOST // CLUSTERS) as served,
    ):
        site = Site(Path(name), served.urls)
        others = [*fillers(RELOADED - _AT_MOST)]

        def windows(at: int) -> list[str]:
            return Openings(at, _AT_MOST).windows()

        with site.opened(served.reset, windows, others) as (daemon, first):
            openings = Openings(first, _AT_MOST)
            wait_until(lambda: time.time() > openings.at(before) - 0.5, "the quiet openings")
            edited = time.time()
            site.write([*openings.windows(), *others[:-1]])
            daemon.wait_for("config.applied", 3)
            applied = max(daemon.instants("config.applied"))
            begun = int(applied + 3 - first)
            assert begun <= _AT_MOST, "the openings ended before the reload had"
            wait_until(lambda: time.time() > openings.at(begun), "the openings after it")
        quiet = openings.lateness(served, range(before))
        late = openings.lateness(served, range(before, begun))
    what = f"reload of {RELOADED:,} windows in {applied - edited:.0f} s: the latest first POST"
    row = within(what, max(late) * 1000, goals.FIRST_POST_DURING_RELOAD, late)
    said = f"{row.against} (without a reload: {max(quiet) * 1000:.3g} ms)"
    return [replace(row, against=said, samples={"ours": late, "quiet": quiet})]
