"""Transactions of which nobody knows whether they are durable: neither forgotten nor written twice.

A server that waits in vain for its synchronous standby has a transaction on its own disk alone. If
somebody ends the wait, it says so in a warning beside its answer that all went well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.attempt import Attempt, Outcome
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.core.summary import News, ProgressNote
from daemon.errors import LedgerError
from daemon.host.clock import SystemClock
from daemon.ledger.changes import Change
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger
from daemon.ledger.postgresql.claims import Claims
from daemon.ledger.postgresql.fenced_store import FencedWriter
from tests.host.members import PATIENCE_S, wait_until
from tests.host.pooler import pooler
from tests.host.pooler import unavailable as no_pooler
from tests.host.postgres import Postgres, server, unavailable
from tests.unit.ledger.ledger_samples import FULL, NOW, sent

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

LEASE = timedelta(minutes=10)
KEPT = replace(FULL, suspect_pause=None, suspect_resume=None)
PAUSING = replace(KEPT, key=RepositoryKey("prod", "in-doubt"))
NOTE = ProgressNote("prod", "night", NOW, NOW + LEASE, NOW, 2, 2, 0, is_listed=True, resumed=2)


class Writer:
    """Writes for one cluster, as the passes of its owner do."""

    def __init__(self, ledger: SharedLedger) -> None:
        """Claim it."""
        (grant,) = Claims(ledger, ledger.user).claim({"prod"}, (), 1, LEASE)
        self._lease = Lease("prod", grant.epoch, timedelta.max)
        self._writer = FencedWriter(ledger, ledger.user, SystemClock())

    def write(
        self, records: Sequence[Record], attempts: Sequence[Attempt] = (), news: News | None = None
    ) -> None:
        """Write it, or raise what it raises."""
        change = Change([*records], [*attempts], self._lease, news)
        (error,) = self._writer.write_together([change])
        assert error is None


@contextmanager
def joined(url: str) -> Iterator[SharedLedger]:
    """Open a ledger as a daemon does."""
    with open_ledger(url, Access.DAEMON) as ledger:
        assert isinstance(ledger, SharedLedger)
        yield ledger


def have_wait(postgres: Postgres, standby: str) -> None:
    """Have every commit wait for a standby of that name, if it has any."""
    for statement in (
        f"alter system set synchronous_standby_names = '{standby}'",
        "select pg_reload_conf()",
    ):
        postgres.ask(statement)
    shown = "show synchronous_standby_names"
    wait_until(lambda: postgres.ask(shown) == [(standby,)], "the new setting")


CANCEL = "pg_cancel_backend(pid)"
TERMINATE = "pg_terminate_backend(pid)"
_WAITING = "from pg_stat_activity where wait_event = 'SyncRep'"


@pytest.mark.parametrize(
    ("way", "end"), [("direct", CANCEL), ("direct", TERMINATE), ("pooler", CANCEL)]
)
def test_what_no_standby_has_is_not_durable(postgres: Postgres, way: str, end: str) -> None:
    """Written on one disk where two should have it, a record is no ground for a call to leave.

    Offered again, it is there once, and so are what was sent and what is told of openings.
    """
    if way == "pooler" and (missing := no_pooler()):
        pytest.skip(missing)
    postgres.clear()
    offered = [PAUSING], [sent(NOW)], News("prod", None, (NOTE,))
    with ExitStack() as exits:
        url = postgres.url()
        if way == "pooler":
            url = exits.enter_context(pooler(postgres, "transaction")).url()
        ledger = exits.enter_context(joined(url))
        writer = Writer(ledger)
        error = written_in_doubt(postgres, writer, offered, end)
        is_on_one_disk = postgres.ask("select count(*) from attempt") == [(1,)]
        wait_until(lambda: succeeds(writer, offered), "the write")
        found = ledger.records(), ledger.attempts(NOW), ledger.progress(NOW)

    assert isinstance(error, LedgerError)
    assert is_on_one_disk
    assert [record.key for record in found[0]] == [PAUSING.key]
    assert [len(rows) for rows in found[1:]] == [1, 1]


Offered = tuple[list[Record], list[Attempt], News | None]


def written_in_doubt(
    postgres: Postgres, writer: Writer, offered: Offered, end: str
) -> BaseException | None:
    """Have somebody end the commit while it waits for a standby; return what came of it."""
    have_wait(postgres, "nobody")
    try:
        with ThreadPoolExecutor(1) as executor:
            writing = executor.submit(writer.write, *offered)
            wait_until(lambda: postgres.ask(f"select {end} {_WAITING}"), "a commit that waits")
            return writing.exception(PATIENCE_S)
    finally:
        have_wait(postgres, "")


def test_what_came_too_late_is_kept_once(postgres: Postgres) -> None:
    """A daemon that lost its cluster in doubt of its last write repeats nothing of it as stale."""
    postgres.clear()
    with joined(postgres.url()) as ledger:
        writer = Writer(ledger)
        written_in_doubt(postgres, writer, ([PAUSING], [sent(NOW)], None), CANCEL)
        late = replace(sent(NOW), attempt=2)
        for _ in range(2):
            Claims(ledger, ledger.user).keep_stale([(1, sent(NOW)), (1, late)])
        found = [(each.attempt, each.outcome) for each in ledger.attempts(NOW)]

    assert sorted(found) == [(1, sent(NOW).outcome), (2, Outcome.STALE)]


def succeeds(writer: Writer, offered: Offered) -> bool:
    """Write it; a ledger that was out of reach a moment ago refuses at once."""
    try:
        writer.write(*offered)
    except LedgerError:
        return False
    return True


def test_a_failover_amid_a_commit_forgets_no_pause() -> None:
    """The primary dies while a commit waits for the standby, which then takes its place."""
    with server() as primary:
        standby = Postgres()
        try:
            standby.follow(primary)
            hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            url = primary.url().replace(f"127.0.0.1:{primary.port}", hosts)
            with joined(f"{url}?target_session_attrs=read-write") as ledger:
                writer = Writer(ledger)
                have_wait(primary, "standby")
                writer.write([KEPT], [sent(NOW)])
                standby.stop()
                offered = [PAUSING], [replace(sent(NOW), repository="in-doubt")], None
                with ThreadPoolExecutor(1) as executor:
                    writing = executor.submit(writer.write, *offered)
                    wait_until(lambda: primary.ask(f"select 1 {_WAITING}"), "a commit that waits")
                    primary.kill()
                    error = writing.exception(PATIENCE_S)
                standby.start()
                standby.promote()
                lost = standby.ask("select count(*) from record") == [(1,)]
                wait_until(lambda: succeeds(writer, offered), "the write")
                found = ledger.records(), ledger.attempts(NOW)
        finally:
            standby.remove()

    assert isinstance(error, LedgerError)
    assert lost
    assert {record.key for record in found[0]} == {KEPT.key, PAUSING.key}
    assert sorted(str(each.repository) for each in found[1]) == ["in-doubt", "orders"]
