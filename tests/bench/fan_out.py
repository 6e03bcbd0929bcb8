"""An opening that pauses everything on ten clusters at once, against what else could do it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

from tests.bench.clusters import Clusters, clusters
from tests.bench.measures import Row, interleaved, raced, ratio_of
from tests.bench.rivals import Rivals, Spent
from tests.bench.site import Running, Site, in_seconds, once, wait_until

CONCURRENCY = 16
CLUSTERS = 10
DAY_S = 86_400
READY_WITHIN_S, READY_EACH_S = 2.5, 0.01
"""How long before an opening the daemon is started: it has looked at every cluster by then."""


@dataclass(frozen=True, slots=True)
class FanOut:
    """One size of the comparison, and how it is measured."""

    site: Site
    rivals: Rivals
    clusters: Clusters
    size: int
    floor_s: float
    cpu_s: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def prepare(cls, size: int, latency: timedelta, count: int = CLUSTERS) -> Iterator[FanOut]:
        """Serve *size* repositories on *count* clusters."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as name,
            clusters(size // count, latency, count) as served,
        ):
            floor_s = latency.total_seconds() * size / (CONCURRENCY * count)
            folder = Path(name)
            site = Site(folder, served.urls, CONCURRENCY)
            yield cls(site, Rivals(folder), served, size, floor_s)

    def ours(self) -> float:
        """Return the seconds from an opening's start to the last repository seen paused."""
        self.clusters.reset()
        start = in_seconds(READY_WITHIN_S + READY_EACH_S * len(self.site.urls))
        self.site.write([once("everything", start, start + DAY_S, '{"c*": ["*"]}')])
        with self.site.run() as daemon:
            return self._follow(daemon, start)

    def _follow(self, daemon: Running, start: float) -> float:
        daemon.wait_for("daemon.started")
        if time.time() > start:
            raise TimeoutError("the daemon was not up before the opening: is the machine too busy?")
        wait_until(lambda: time.time() > start - 0.1, "the opening")
        before = daemon.cpu_s()
        daemon.wait_for("repository.paused", self.size)
        self.cpu_s.setdefault("ours", []).append(daemon.cpu_s() - before)
        paused = sum(cluster.paused for cluster in self.clusters.seen())
        assert paused == self.size, f"{paused} of {self.size} are paused"
        return max(daemon.instants("repository.paused")) - start

    def theirs(
        self, peer: Callable[[Sequence[str]], Spent], most: int | None = None
    ) -> Callable[[], float]:
        """Measure a peer; over *most* calls and scaled to all of them, if it is slow."""

        def measure() -> float:
            self.clusters.reset()
            urls = self.clusters.pauses(most)
            spent = peer(urls)
            self.cpu_s.setdefault(peer.__name__, []).append(spent.cpu_s)
            paused = sum(cluster.paused for cluster in self.clusters.seen())
            assert paused == len(urls), f"{paused} of {len(urls)} are paused"
            return spent.seconds * self.size / len(urls)

        return measure

    def rows(self, samples: dict[str, list[float]], goals: Mapping[str, float]) -> list[Row]:
        """Compare ours with each of the peers, and with the limit that latency sets."""
        what = f"{self.size:,} repositories paused, from the opening's start to the last seen"
        ours = samples["ours"]
        rows = [
            raced(what, ours, peer, theirs, goals.get(peer))
            for peer, theirs in samples.items()
            if peer != "ours"
        ]
        limit = f"latency * calls / concurrency: {self.floor_s:.2f} s"
        rows.append(Row(what, f"{median(ours):.2f} s", limit, median(ours) / self.floor_s))
        return rows


def thousand(*, quick: bool) -> list[Row]:
    """Pause 1,000 repositories at 50 ms."""
    with FanOut.prepare(1000, timedelta(milliseconds=50)) as fan:
        peers = {
            POOL: fan.theirs(fan.rivals.pool),
            CURL_LOOP: fan.theirs(fan.rivals.curl_loop, 50),
            XARGS: fan.theirs(fan.rivals.xargs),
            CURL_PARALLEL: fan.theirs(fan.rivals.curl_parallel),
            PROCESS_PER_CALL: fan.theirs(fan.rivals.process_per_call, 10),
            PLAIN_SCRIPT: fan.theirs(fan.rivals.plain_script),
        }
        samples = interleaved(1 if quick else 5, {"ours": fan.ours, **peers})
        goals = {POOL: 1.0, CURL_LOOP: 1 / 50, XARGS: 1 / 4, CURL_PARALLEL: 2.0}
        return fan.rows(samples, goals)


def ten_thousand(*, quick: bool) -> list[Row]:
    """Pause 10,000 repositories at 5 ms."""
    with FanOut.prepare(10_000, timedelta(milliseconds=5)) as fan:
        peers = {
            POOL: fan.theirs(fan.rivals.pool),
            CURL_PARALLEL: fan.theirs(fan.rivals.curl_parallel),
        }
        samples = interleaved(1 if quick else 3, {"ours": fan.ours, **peers})
        return fan.rows(samples, {POOL: 1.0})


def many_clusters(*, quick: bool) -> list[Row]:
    """Pause 5,000 repositories of 500 clusters, and as many of ten."""
    latency = timedelta(milliseconds=5)
    with FanOut.prepare(5000, latency, 500) as many, FanOut.prepare(5000, latency) as few:
        samples = interleaved(1 if quick else 3, {"many": many.ours, "few": few.ours})
    what = "5,000 repositories of 500 clusters paused, from the opening's start to the last seen"
    return [raced(what, samples["many"], "of ten clusters", samples["few"])]


def cpu(*, quick: bool) -> list[Row]:
    """Compare the processor time of a repository, everything included, with that of a bare call."""
    with FanOut.prepare(1000, timedelta(0)) as fan:
        peers = {
            "one thread": fan.theirs(fan.rivals.single),
            "160 threads": fan.theirs(fan.rivals.pool),
        }
        interleaved(1 if quick else 7, {"ours": fan.ours, **peers})
    ours, one, many = ([s / fan.size for s in fan.cpu_s[of]] for of in ("ours", "single", "pool"))
    what = "processor time of a repository, everything included, 0 ms"
    shown, alone, crowded = (f"{median(each) * 1e6:.0f} us" for each in (ours, one, many))
    bare = f"bare Session.post in one thread: {alone}"
    pooled = f"bare Session.post in 160 threads: {crowded}"
    return [
        Row(what, shown, bare, ratio_of(ours, one), 1.0, {"ours": ours, "theirs": one}),
        Row(what, shown, pooled, ratio_of(ours, many), samples={"theirs": many}),
    ]


POOL = "pool of 160 threads, Session.post"
CURL_LOOP = "shell loop of curl (50 calls, scaled)"
XARGS = "xargs -P 16 curl"
CURL_PARALLEL = "curl --parallel --parallel-max 160"
PROCESS_PER_CALL = "one Python process per call (10 calls, scaled)"
PLAIN_SCRIPT = "plain APScheduler + requests script"
