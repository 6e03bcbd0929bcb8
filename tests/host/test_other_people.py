"""What other people do in the database while members use it: it costs no cluster and no word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.thread import LaneStore
from daemon.log import events
from tests.host.joining import LEASE, PATIENCE_S, Daemon, joined, until
from tests.host.postgres import ROLE, Postgres, unavailable
from tests.unit.ledger.ledger_samples import FULL, NOW, sent

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

TABLES = ("record", "attempt", "claim", "member", "config", "override", "meta", "listing")
PLAIN = replace(FULL, suspect_pause=None, suspect_resume=None)
WRITES = 15


@contextmanager
def again_and_again(act: Callable[[], object]) -> Iterator[None]:
    """Have somebody do it again and again, and at least once."""
    is_over = threading.Event()
    failures: list[Exception] = []

    def go_on() -> None:
        while not failures:
            try:
                act()
            except psycopg.Error as exc:
                failures.append(exc)
            if is_over.wait(0.1):
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert failures == []


def rewritten(postgres: Postgres) -> AbstractContextManager[None]:
    """Rewrite all tables."""

    def act() -> None:
        for table in TABLES:
            postgres.ask(f"vacuum full {table}")

    return again_and_again(act)


def altered(postgres: Postgres) -> AbstractContextManager[None]:
    """Add a column to all tables, and drop it."""

    def act() -> None:
        for table in TABLES:
            postgres.ask(f"alter table {table} add column theirs text not null default ''")
            postgres.ask(f"alter table {table} drop column theirs")

    return again_and_again(act)


@contextmanager
def left_open(postgres: Postgres) -> Iterator[None]:
    """Leave a transaction open that has read everything."""
    with postgres.session() as somebody:
        somebody.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        for table in TABLES:
            somebody.execute(f"table {table}".encode())
        yield


def with_role(*settings: str) -> Callable[[Postgres], AbstractContextManager[None]]:
    """Have these settings of the role for every session that begins, and end all others."""

    @contextmanager
    def manager(postgres: Postgres) -> Iterator[None]:
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        for setting in settings:
            postgres.ask(f"alter role {ROLE} set {setting}")
        postgres.ask(f"{ended} where usename = '{ROLE}'")
        try:
            yield
        finally:
            postgres.ask(f"alter role {ROLE} reset all")
            # Whoever comes next to this server must not meet what began meanwhile.
            postgres.ask(f"{ended} where usename = '{ROLE}'")

    return manager


TROUBLES: dict[str, Callable[[Postgres], AbstractContextManager[None]]] = {
    "vacuum full": rewritten,
    "alter table": altered,
    "idle transaction": left_open,
    "repeatable read": with_role("default_transaction_isolation = 'repeatable read'"),
    "serializable": with_role("default_transaction_isolation = 'serializable'"),
    "time limits": with_role("statement_timeout = '1ms'", "idle_session_timeout = '250ms'"),
}


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Name a ledger in a database without any table of ours."""
    postgres.clear()
    return postgres.url()


@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_members_go_on_beside_other_people(url: str, postgres: Postgres, trouble: str) -> None:
    """Leases are renewed, claims change hands, and what is written is there, and there once."""

    async def act() -> tuple[object, ...]:
        async with joined(url, "a", "b") as first, joined(url, "a", "b") as second:
            await until(lambda: shared(first, second))
            (mine,), (theirs,) = first.leases, second.leases
            epoch = first.leases[mine].epoch
            with TROUBLES[trouble](postgres):
                before = first.leases[mine].left(timedelta(0))
                await write(first, mine)
                await until(lambda: first.leases[mine].left(timedelta(0)) > before + LEASE / 3)
                second.end(theirs)
                await until(lambda: theirs in first.leases or theirs in second.leases)
            lost = first.log.of(events.CLUSTERS_LOST) + second.log.of(events.CLUSTERS_LOST)
            return lost, first.leases[mine].epoch - epoch

    assert asyncio.run(act()) == ([], 0)
    with open_ledger(url, Access.READ) as ledger:
        assert sorted(record.key.id for record in ledger.records()) == sorted(ids())
        assert sorted(str(each.repository) for each in ledger.attempts(NOW)) == sorted(ids())


def shared(first: Daemon, second: Daemon) -> bool:
    """Check whether each has one of two clusters; the first gives back what is too much."""
    first.keep_up()
    return len(first.leases) == len(second.leases) == 1


def ids() -> list[str]:
    """Name the repositories that are written of."""
    return [f"r{number}" for number in range(WRITES)]


async def write(daemon: Daemon, cluster: str) -> None:
    """Write of one repository after the other, each until the ledger has it."""
    store = daemon.membership.store(daemon.leases[cluster])
    for id_ in ids():
        record = replace(PLAIN, key=RepositoryKey(cluster, id_))
        attempt = replace(sent(NOW), cluster=cluster, repository=id_)
        async with asyncio.timeout(PATIENCE_S):
            while not await is_written(store, record, attempt):
                pass


async def is_written(store: LaneStore, record: Record, attempt: Attempt) -> bool:
    """Write it; a ledger that takes nothing just now is to be asked again a little later."""
    try:
        await store.save([record], [attempt])
    except LedgerError:
        await asyncio.sleep(0.1)
        return False
    return True
