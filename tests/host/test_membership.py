"""One of several daemons at its beats, on a real database that others use as well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import sqlalchemy as sa

from daemon.core.shares import Lease
from daemon.fleet.member import Membership
from daemon.host.clock import SystemClock
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger
from daemon.log import events
from tests.host.postgres import Postgres, unavailable
from tests.unit.ledger.ledger_samples import CONFIG

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

LEASE = timedelta(seconds=3)
PATIENCE_S = 60.0
OTHERS = "member, record, attempt, config, override, meta, listing, progress"


@dataclass
class Log:
    """Notes what is said."""

    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **keys: object) -> None:
        """Note it."""
        self.said.append((event, keys))

    warning = error = critical = info

    def of(self, event: str) -> list[dict[str, object]]:
        """List what was said of *event*."""
        return [keys for name, keys in self.said if name == event]


@dataclass
class Daemon:
    """A membership, and the leases that its lanes would have."""

    membership: Membership
    log: Log
    leases: dict[str, Lease] = field(default_factory=dict)

    def keep_up(self) -> None:
        """Take what was claimed, and give back what is too much."""
        for lease, _ in self.membership.granted():
            self.leases[lease.cluster] = lease
        plan = self.membership.rebalance
        for name in sorted(self.leases)[: plan.excess]:
            self.end(name)

    def end(self, name: str) -> None:
        """End a lane."""
        lease = self.leases.pop(name)
        self.membership.let_go(name)
        self.membership.ended(lease, ())


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Name a ledger in a database without any table of ours."""
    postgres.clear()
    return postgres.url()


@asynccontextmanager
async def joined(url: str, *clusters: str) -> AsyncIterator[Daemon]:
    """Have a daemon join, which wants these clusters."""
    with open_ledger(url, Access.DAEMON) as ledger:
        assert isinstance(ledger, SharedLedger)
        log = Log()
        membership = Membership(ledger, log, SystemClock(), lambda _: {}, ())
        daemon = Daemon(membership, log)
        membership.aim(CONFIG, clusters, LEASE)
        membership.start(daemon.keep_up)
        yield daemon
        membership.leave()
        await membership.close(timedelta(seconds=PATIENCE_S))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # the database has no events
            await asyncio.sleep(0.05)


def test_tables_that_somebody_locks_cost_no_cluster(url: str, postgres: Postgres) -> None:
    """Locked for longer than the lease, as by an ALTER TABLE: claims go on, and are given back."""

    async def act() -> tuple[object, ...]:
        async with joined(url, "a", "b", "c") as daemon:
            await until(lambda: len(daemon.leases) == 3)
            with postgres.session() as somebody:
                somebody.execute(f"lock table {OTHERS} in access exclusive mode".encode())
                daemon.end("c")
                await until(lambda: postgres.ask("select 1 from claim where owner is null"))
                before = {name: lease.left(timedelta(0)) for name, lease in daemon.leases.items()}
                await until(
                    lambda: all(
                        lease.left(timedelta(0)) > before[name] + LEASE
                        for name, lease in daemon.leases.items()
                    )
                )
                lost = daemon.log.of(events.CLUSTERS_LOST)
            await until(lambda: daemon.log.of(events.LEDGER_RECOVERED))
            await until(lambda: len(daemon.leases) == 3)
            return lost, daemon.leases["a"].epoch, daemon.leases["c"].epoch

    lost, kept, again = asyncio.run(act())

    assert (lost, kept, again) == ([], 1, 2)


def test_claims_that_are_locked_are_lost_aloud_and_had_again(url: str, postgres: Postgres) -> None:
    """Locked for longer than the lease, the claims themselves end: that is said, and mended."""

    async def act() -> list[dict[str, object]]:
        async with joined(url, "a", "b") as daemon:
            await until(lambda: len(daemon.leases) == 2)
            first = dict(daemon.leases)
            with postgres.session() as somebody:
                somebody.execute("lock table claim in access exclusive mode")
                await until(
                    lambda: all(lease.left(uptime()) <= timedelta(0) for lease in first.values())
                )
                daemon.membership.lose(first.values())
                for name in first:
                    daemon.end(name)
            await until(lambda: [each.epoch for each in daemon.leases.values()] == [2, 2])
            return daemon.log.of(events.CLUSTERS_LOST)

    assert asyncio.run(act()) == [{"clusters": ["a", "b"]}]


def uptime() -> timedelta:
    """Return the time that leases are measured by."""
    return SystemClock()().uptime


def test_an_uneven_share_makes_nobody_claim_in_vain(url: str) -> None:
    """Of three clusters one of two has two; the other does not ask for a second at every beat."""
    asked: Counter[str] = Counter()

    def count(*arguments: object) -> None:
        statement = str(arguments[2])
        asked["beats"] += "INSERT INTO member" in statement
        asked["claims"] += "SKIP LOCKED" in statement

    async def act() -> Counter[str]:
        async with joined(url, "a", "b", "c") as first:
            await until(lambda: len(first.leases) == 3)
            async with joined(url, "a", "b", "c") as second:
                await until(lambda: shared(first, second))
                await settled()
                before = asked.copy()
                await until(lambda: asked["beats"] >= before["beats"] + 10)
                return asked - before

    def shared(first: Daemon, second: Daemon) -> bool:
        first.keep_up()
        return len(second.leases) == 1

    async def settled() -> None:
        beats = asked["beats"]
        await until(lambda: asked["beats"] >= beats + 4)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        found = asyncio.run(act())
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)

    assert found["claims"] == 0


def test_a_claim_that_is_gone_from_the_database_is_made_again(url: str, postgres: Postgres) -> None:
    """After a failover that lost the claims, what nobody has is claimed as at first."""

    async def act() -> None:
        async with joined(url, "a") as daemon:
            await until(lambda: daemon.leases)
            (first,) = daemon.leases.values()
            postgres.ask("delete from claim")
            await until(lambda: first.is_dropped)
            daemon.end("a")
            await until(lambda: daemon.leases)

    asyncio.run(act())
