"""One of several daemons at its beats, on a real database that others use as well."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.moment import Moment
from daemon.core.shares import renewal_of
from daemon.core.unreachable import Unreachable
from daemon.host.clock import SystemClock
from daemon.log import events
from tests.host.joining import LEASE, Daemon, joined, until
from tests.host.postgres import Postgres, count, statements, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

MOST_A_BEAT = 9
"""How many statements a beat needs: those of the renewal that comes with some of them included."""

DOWN = Unreachable("a", "refused", "", datetime(2026, 11, 29, tzinfo=UTC))
OTHERS = "member, record, attempt, config, override, meta, listing, progress"


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Name a ledger in a database without any table of ours."""
    postgres.clear()
    return postgres.url()


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


def test_chores_that_wait_for_locks_cost_no_cluster(url: str, postgres: Postgres) -> None:
    """Each waits as long as a lock is waited for; leases go on, and all is done in the end."""

    async def act() -> tuple[object, ...]:
        async with joined(url, "a") as daemon:
            await until(lambda: daemon.leases)
            with postgres.session() as somebody:
                somebody.execute("lock table meta, attempt, override in exclusive mode")
                daemon.membership.note_unreachable({"a": DOWN})
                daemon.membership.forget_attempts(DOWN.since, 10)
                before = daemon.leases["a"].left(timedelta(0))
                await until(lambda: daemon.leases["a"].left(timedelta(0)) > before + 2 * LEASE)
            await until(lambda: postgres.ask("select 1 from meta where value like '%refused%'"))
            return daemon.log.of(events.CLUSTERS_LOST), daemon.leases["a"].epoch

    assert asyncio.run(act()) == ([], 1)


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


class Late:
    """A clock by which a third of a lease passes whenever it is asked."""

    def __init__(self) -> None:
        """Begin with the real time."""
        self._clock = SystemClock()
        self._asked = 0

    def __call__(self) -> Moment:
        """Return a later moment."""
        self._asked += 1
        now = self._clock()
        return replace(now, uptime=now.uptime + self._asked * renewal_of(LEASE))


def test_leases_are_renewed_before_each_chore_where_that_is_due(url: str) -> None:
    """Chores may wait as long as leases run: what came before one must not cost a cluster."""

    async def act() -> None:
        async with joined(url, "a", clock=Late()) as daemon:
            daemon.membership.note_unreachable({"a": DOWN})
            await until(lambda: any("pg_stat_replication" in each for each in asked))

    with statements() as asked:
        asyncio.run(act())

    chores = ("INSERT INTO meta", "SHOW synchronous_standby_names")
    work = [each for each in asked if each.startswith(("UPDATE claim SET expires", *chores))]
    for chore in chores:
        at = next(at for at, each in enumerate(work) if each.startswith(chore))
        assert work[at - 1].startswith("UPDATE claim SET expires"), work


@pytest.mark.parametrize("clusters", [3, 2001])
def test_an_uneven_share_makes_nobody_claim_in_vain(url: str, clusters: int) -> None:
    """Of an odd number one of two has one more; the other does not ask for it at every beat.

    What a beat asks of the database does not depend on how many clusters there are.
    """
    names = [f"c{number:04}" for number in range(clusters)]

    async def act() -> list[str]:
        async with joined(url, *names) as first:
            await until(lambda: len(first.leases) == clusters)
            async with joined(url, *names) as second:
                await until(lambda: shared(first, second))
                await beats(4)
                before = len(asked)
                await beats(12)
                return asked[before:]

    def shared(first: Daemon, second: Daemon) -> bool:
        first.keep_up()
        return len(second.leases) == clusters // 2

    async def beats(more: int) -> None:
        enough = count(asked, "INSERT INTO member") + more
        await until(lambda: count(asked, "INSERT INTO member") >= enough)

    with statements() as asked:
        found = asyncio.run(act())

    assert count(found, "SKIP LOCKED") == 0
    assert len(found) <= MOST_A_BEAT * count(found, "INSERT INTO member")


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
