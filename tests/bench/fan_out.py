"""An opening that pauses everything on all clusters at once, against what else could do it.

The daemon and everybody else that keeps connections have the same: 16 to each of ten clusters, made
before the clock starts. A peer that posts from a process for each call has none before.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from tests.bench import goals
from tests.bench.clusters import Clusters, Seen, clusters
from tests.bench.goals import Goal
from tests.bench.measures import Row, interleaved, raced, ratio_of
from tests.bench.rivals import CONNECTIONS, Rivals, Spent, Work
from tests.bench.site import Running, Site, everything, in_seconds, wait_until

CLUSTERS = 10
CONCURRENCY = CONNECTIONS // CLUSTERS
PATIENCE_S = 240.0
WARM_IN_S = 2.0
"""How long a peer has to start and to make its connections."""

LISTS = 2
"""How many list calls an opening takes: one to look, one to see what has become of the POSTs."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What no daemon could go below: the answers that have to be waited for one after another."""

    waves: int
    latency: timedelta

    @classmethod
    def of(cls, repositories: int, latency: timedelta) -> Limit:
        """Return that of a cluster with so many *repositories*."""
        return cls(-(-repositories // CONCURRENCY), latency)

    @property
    def seconds(self) -> float:
        """All waves of POSTs, and the lists before and after them."""
        return (self.waves + LISTS) * self.latency.total_seconds()

    def __str__(self) -> str:
        """Say where it comes from."""
        return f"latency of {self.waves} waves of POSTs and {LISTS} lists: {self.seconds:.2f} s"


@dataclass(frozen=True, slots=True)
class FanOut:
    """One size of the comparison, and how it is measured."""

    site: Site
    rivals: Rivals
    clusters: Clusters
    size: int
    limit: Limit
    cpu_s: dict[str, list[float]] = field(default_factory=dict)
    failed_calls: list[int] = field(default_factory=list)

    @classmethod
    @contextmanager
    def prepare(cls, size: int, latency: timedelta, count: int = CLUSTERS) -> Iterator[FanOut]:
        """Serve *size* repositories on *count* clusters."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as name,
            clusters(size // count, latency, count) as served,
        ):
            folder, limit = Path(name), Limit.of(size // count, latency)
            site = Site(folder, served.urls, CONCURRENCY)
            yield cls(site, Rivals(folder), served, size, limit)

    def ours(self) -> float:
        """Return the seconds from an opening's start to the last repository seen paused."""
        with self.site.opened(self.clusters.reset, everything) as (daemon, start):
            return self._follow(daemon, start)

    def _follow(self, daemon: Running, start: float) -> float:
        wait_until(lambda: time.time() > start - 0.1, "the opening")
        before = daemon.cpu_s()
        daemon.wait_for("repository.paused", self.size, PATIENCE_S)
        self.cpu_s.setdefault("ours", []).append(daemon.cpu_s() - before)
        calls = daemon.lines("http.attempted")
        self.failed_calls.append(sum(call["outcome"] != "ok" for call in calls))
        most = max(cluster.most_connections for cluster in self._seen(self.size))
        assert most <= CONCURRENCY, f"{most} connections to a cluster"
        return max(daemon.instants("repository.paused")) - start

    def theirs(self, peer: Callable[[Work], Spent], most: int | None = None) -> Callable[[], float]:
        """Measure a peer; over *most* calls and scaled to all of them, if it is slow."""

        def measure() -> float:
            for patience in (1, 2, 4):
                spent, is_warm = self._have_done(peer, most, patience * WARM_IN_S)
                if is_warm:
                    self.cpu_s.setdefault(peer.__name__, []).append(spent.cpu_s)
                    return spent.seconds * self.size / len(self.clusters.pauses(most))
            raise TimeoutError("a peer's connections were never made in time: is it too busy here?")

        return measure

    def _have_done(
        self, peer: Callable[[Work], Spent], most: int | None, warm_in_s: float
    ) -> tuple[Spent, bool]:
        """Return what a peer took, and whether its connections were made in time."""
        self.clusters.reset()
        start = in_seconds(warm_in_s)
        posts, waits = self.clusters.pauses(most), self.clusters.waits(start, CONCURRENCY)
        spent = peer(Work(posts, self.clusters.lists(), waits, start))
        warmed = sum(cluster.warmed for cluster in self._seen(len(posts)))
        return spent, warmed >= spent.warmed

    def _seen(self, calls: int) -> list[Seen]:
        """Return what was seen. Raises: AssertionError, unless so much is paused."""
        seen = self.clusters.seen()
        paused = sum(cluster.paused for cluster in seen)
        assert paused == calls, f"{paused} of {calls} are paused"
        return seen

    def rows(self, samples: dict[str, list[float]], wanted: Mapping[str, Goal]) -> list[Row]:
        """Compare ours with each of the peers, and with the limit that latency sets."""
        what = f"{self.size:,} repositories paused, from the opening's start to the last seen"
        ours = samples["ours"]
        rows = [
            raced(what, ours, peer, theirs, wanted.get(peer))
            for peer, theirs in samples.items()
            if peer != "ours"
        ]
        limit = self.limit.seconds
        rows.append(Row(what, f"{median(ours):.2f} s", str(self.limit), median(ours) / limit))
        return [self.frankly(row) for row in rows]

    def frankly(self, row: Row) -> Row:
        """Add to a row how many of our calls had to be sent again, if any."""
        failed = sum(self.failed_calls)
        return replace(row, ours=f"{row.ours} ({failed} calls failed)") if failed else row


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
        wanted = {
            POOL: goals.THOUSAND_POOL,
            CURL_LOOP: goals.THOUSAND_CURL_LOOP,
            XARGS: goals.THOUSAND_XARGS,
            CURL_PARALLEL: goals.THOUSAND_CURL_PARALLEL,
        }
        return fan.rows(samples, wanted)


def ten_thousand(*, quick: bool) -> list[Row]:
    """Pause 10,000 repositories at 5 ms."""
    with FanOut.prepare(10_000, timedelta(milliseconds=5)) as fan:
        peers = {
            POOL: fan.theirs(fan.rivals.pool),
            CURL_PARALLEL: fan.theirs(fan.rivals.curl_parallel),
        }
        samples = interleaved(1 if quick else 3, {"ours": fan.ours, **peers})
        wanted = {
            POOL: goals.TEN_THOUSAND_POOL,
            CURL_PARALLEL: goals.TEN_THOUSAND_CURL_PARALLEL,
        }
        return fan.rows(samples, wanted)


def hundreds_of_clusters(*, quick: bool) -> list[Row]:
    """Pause 5,000 repositories of 500 clusters, and as many of ten."""
    return _beside_ten(5000, 500, goals.FIVE_HUNDRED_CLUSTERS, 1 if quick else 3)


def thousands_of_clusters(*, quick: bool) -> list[Row]:
    """Pause 10,000 repositories of 2,000 clusters, and as many of ten."""
    return _beside_ten(10_000, 2000, goals.TWO_THOUSAND_CLUSTERS, 1 if quick else 3)


def _beside_ten(size: int, count: int, goal: Goal, rounds: int) -> list[Row]:
    latency = timedelta(milliseconds=5)
    with FanOut.prepare(size, latency, count) as many, FanOut.prepare(size, latency) as few:
        samples = interleaved(rounds, {"many": many.ours, "few": few.ours})
    what = (
        f"{size:,} repositories of {count:,} clusters paused,"
        " from the opening's start to the last seen"
    )
    return [many.frankly(raced(what, samples["many"], "of ten clusters", samples["few"], goal))]


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
        Row(
            what,
            shown,
            bare,
            ratio_of(ours, one),
            goals.PROCESSOR_OF_A_REPOSITORY.most,
            {"ours": ours, "theirs": one},
        ),
        Row(what, shown, pooled, ratio_of(ours, many), samples={"theirs": many}),
    ]


POOL = "pool of 160 threads, Session.post"
CURL_LOOP = "shell loop of curl (50 calls, scaled)"
XARGS = "xargs -P 16 curl"
CURL_PARALLEL = "curl --parallel --parallel-max 160, then a list of each cluster"
PROCESS_PER_CALL = "one Python process per call (10 calls, scaled)"
PLAIN_SCRIPT = "plain APScheduler + requests script"
