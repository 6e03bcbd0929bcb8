"""Daemons on a PostgreSQL: beside one with a file, and several where all share two cores."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg

from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from tests.bench import goals
from tests.bench.clusters import Clusters, clusters
from tests.bench.measures import Row, interleaved, raced, ratio_of
from tests.bench.site import FAR, Running, Site, in_seconds, wait_until
from tests.host.postgres import ROLE, Postgres, server, unavailable

REPOSITORIES = 10
CONCURRENCY = 4
"""For each cluster; a daemon has as many connections to it."""

LATENCY = timedelta(milliseconds=5)
DATABASE = "bench"
OPEN_IN_S = 5.0
LOOK_EVERY_S = 0.2
PATIENCE_S = 300.0
ALONE = 0
"""What stands for one daemon whose ledger is a file, among numbers of daemons."""

BARE = "bare"
"""What stands for a loop that does nothing but claim."""

_CLAIM = (
    "update claim set owner = 'bare', epoch = epoch + 1,"
    " expires = clock_timestamp() + interval '90 seconds' where cluster = %s"
)
_SHARES = "select count(*) from claim where expires > clock_timestamp() group by owner"


@dataclass(frozen=True, slots=True)
class Size:
    """How many clusters there are, and which numbers of daemons are compared."""

    clusters: int
    members: tuple[int, ...]

    @property
    def repositories(self) -> int:
        """The repositories of all clusters."""
        return self.clusters * REPOSITORIES


QUICK = Size(200, (1, 2))
WHOLE = Size(2000, (1, 2, 4))


@dataclass(frozen=True, slots=True)
class Shared:
    """Daemons that share a database, which is a new one each time, and what they took."""

    site: Site
    postgres: Postgres
    served: Clusters
    size: Size
    looked_s: dict[int, list[float]] = field(default_factory=dict)
    since_started_s: dict[int, list[float]] = field(default_factory=dict)
    even_s: dict[int, list[float]] = field(default_factory=dict)
    failures: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def prepare(cls, size: Size) -> Iterator[Shared]:
        """Start the database and the clusters."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as name,
            server(is_durable=True) as postgres,
            clusters(REPOSITORIES, LATENCY, size.clusters) as served,
        ):
            site = Site(Path(name), served.urls, CONCURRENCY, ledger=postgres.url(DATABASE))
            site.write([FAR])
            yield cls(site, postgres, served, size)

    def of(self, members: int) -> Callable[[], float]:
        """Measure so many daemons."""
        return lambda: self._pause(members)

    def _pause(self, members: int) -> float:
        """Return the seconds from an opening's start to the last repository seen paused."""
        self.served.reset()
        self.postgres.ask(f"drop database if exists {DATABASE} with (force)", "postgres")
        self.postgres.ask(f"create database {DATABASE} owner {ROLE}", "postgres")
        began = time.time()
        with ExitStack() as exits:
            daemons = [exits.enter_context(self.site.run()) for _ in range(members)]
            exits.callback(_kill, daemons)
            self._wait_for_shares(daemons, began)
            start = self._open(self.site.ledger)
            last = self._last_paused(daemons, members)
        return last - start

    def bare_claims(self) -> float:
        """Return the seconds that a loop takes to claim each cluster in a transaction of its own.

        The claims are those of the daemons that were measured last.
        """
        address = f"host=127.0.0.1 port={self.postgres.port} user={ROLE} dbname={DATABASE}"
        with psycopg.connect(address, autocommit=True) as connection:
            began = time.perf_counter()
            for name in self.site.urls:
                assert connection.execute(_CLAIM, (name,)).rowcount == 1
            return time.perf_counter() - began

    def alone(self) -> float:
        """Return the same of one daemon whose ledger is a file."""
        self.served.reset()
        with replace(self.site, ledger="").run() as daemon, ExitStack() as exits:
            exits.callback(daemon.process.kill)
            daemon.wait_for("daemon.started")
            wait_until(self._are_looked_at, "a look at each cluster", PATIENCE_S)
            start = self._open(f"sqlite:///{daemon.ledger}")
            last = self._last_paused([daemon], ALONE)
        return last - start

    def _wait_for_shares(self, daemons: Sequence[Running], began: float) -> None:
        """Wait until each daemon has its share, and every cluster was looked at."""
        for daemon in daemons:
            daemon.wait_for("daemon.started")
        wait_until(self._are_looked_at, "a look at each cluster", PATIENCE_S)
        looked = max(cluster.first_get for cluster in self.served.seen())
        wait_until(lambda: self._are_shared(len(daemons)), "even shares", PATIENCE_S)
        claimed = max(at for daemon in daemons for at in daemon.instants("clusters.claimed"))
        for daemon in daemons:
            # What was given back by another is looked at once more.
            daemon.wait_for("http.attempted", self.size.clusters // len(daemons))
        started = min(at for daemon in daemons for at in daemon.instants("daemon.started"))
        self.looked_s.setdefault(len(daemons), []).append(looked - began)
        self.since_started_s.setdefault(len(daemons), []).append(looked - started)
        self.even_s.setdefault(len(daemons), []).append(claimed - began)

    def _are_looked_at(self) -> bool:
        time.sleep(LOOK_EVERY_S)
        return all(cluster.first_get for cluster in self.served.seen())

    def _are_shared(self, members: int) -> bool:
        time.sleep(LOOK_EVERY_S)
        shares = [int(str(count)) for (count,) in self.postgres.ask(_SHARES, DATABASE)]
        most = -(-self.size.clusters // members)
        return sum(shares) == self.size.clusters and max(shares) <= most

    def _open(self, ledger: str) -> int:
        """Have a person decide on an opening that begins in a moment; return its start.

        One of the file would have to be planned before it is known how long the shares take.
        """
        start = in_seconds(OPEN_IN_S)
        at = datetime.fromtimestamp(start, UTC)
        decision = Override(
            kind=OverrideKind.OPEN,
            window="everything",
            start=at,
            end=at + timedelta(days=1),
            made=datetime.now(UTC),
            by="bench",
            targets=tuple((name, Patterns(("*",))) for name in self.site.urls),
        )
        with open_ledger(ledger, Access.EDIT) as opened:
            opened.add_override(decision)
        return start

    def _last_paused(self, daemons: Sequence[Running], key: int) -> float:
        """Wait for the last repository that is seen paused, and give when it was."""
        total = self.size.repositories
        counters = [daemon.counter("repository.paused") for daemon in daemons]

        def are_paused() -> bool:
            time.sleep(LOOK_EVERY_S)
            return sum(count() for count in counters) >= total

        wait_until(are_paused, f"{total:,} paused repositories", PATIENCE_S)
        paused = sum(cluster.paused for cluster in self.served.seen())
        assert paused == total, f"{paused} of {total} are paused"
        failures = sum(daemon.counter("repository.failed")() for daemon in daemons)
        self.failures.setdefault(key, []).append(failures)
        return max(at for daemon in daemons for at in daemon.instants("repository.paused"))

    def rows(self, seconds: Mapping[str, Sequence[float]]) -> list[Row]:
        """Compare one daemon with one whose ledger is a file, and so many daemons with one."""
        paused_s = {int(n): taken for n, taken in seconds.items() if n != BARE}
        return [
            self._beside_file(paused_s[1], paused_s[ALONE]),
            raced(
                f"{self._what(1)}: from daemon.started to the last cluster claimed and looked at",
                self.since_started_s[1],
                "a loop that only claims, one by one",
                seconds[BARE],
                goals.CLAIMS_AND_LOOKS,
            ),
            *(
                row
                for members in self.size.members[1:]
                for row in (
                    self._paused(paused_s[members], paused_s[1], members),
                    self._claimed(members),
                )
            ),
        ]

    def _beside_file(self, ours: Sequence[float], file: Sequence[float]) -> Row:
        return Row(
            f"{self._what(1)}: from the opening's start to the last seen paused",
            f"{median(ours):.1f} s, {median(self.failures[1]):g} failures",
            f"on a file: {median(file):.1f} s, {median(self.failures[ALONE]):g} failures",
            ratio_of(ours, file),
            goals.ONE_ON_POSTGRESQL.most,
            {"ours": ours, "theirs": file},
        )

    def _what(self, members: int) -> str:
        size = self.size
        daemons = "1 daemon" if members == 1 else f"{members} daemons"
        return (
            f"{daemons} on one PostgreSQL, {size.clusters:,} clusters,"
            f" {size.repositories:,} repositories, {CONCURRENCY} calls at once on each"
        )

    def _paused(self, ours: Sequence[float], one: Sequence[float], members: int) -> Row:
        return Row(
            f"{self._what(members)}: from the opening's start to the last seen paused",
            f"{median(ours):.1f} s, {median(self.failures[members]):g} failures",
            f"one daemon: {median(one):.1f} s, {median(self.failures[1]):g} failures",
            ratio_of(ours, one),
            samples={"ours": ours, "theirs": one},
        )

    def _claimed(self, members: int) -> Row:
        ours, one = (
            [self.size.clusters / seconds for seconds in self.looked_s[n]] for n in (members, 1)
        )
        even = median(self.even_s[members])
        return Row(
            f"{self._what(members)}: claimed and looked at, counted from the first's start",
            f"{median(ours):.1f} a second; even shares after {even:.0f} s",
            f"one daemon: {median(one):.1f} a second",
            ratio_of(ours, one),
            samples={"ours": ours, "theirs": one, "even_s": self.even_s[members]},
        )


def _kill(daemons: Sequence[Running]) -> None:
    """End all at once: stopped in turn, each would take over what the others had."""
    for daemon in daemons:
        daemon.process.kill()


def members(*, quick: bool) -> list[Row]:
    """Pause 20,000 repositories of 2,000 clusters by 1, 2, 4 daemons on PostgreSQL; 1 on a file."""
    if missing := unavailable():
        sys.stderr.write(f"members: skipped: {missing}\n")
        return []
    size = QUICK if quick else WHOLE
    try:
        with Shared.prepare(size) as shared:
            measured = {
                str(ALONE): shared.alone,
                **{str(n): shared.of(n) for n in size.members},
                BARE: shared.bare_claims,
            }
            return shared.rows(interleaved(1 if quick else 3, measured))
    except psycopg.Error as exc:
        raise RuntimeError(f"the database: {exc}") from exc
