"""Claims on a real PostgreSQL: who may write of a cluster, and what becomes of a late word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.attempt import Attempt, Outcome
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.errors import FencedError, LedgerError
from daemon.host.clock import SystemClock
from daemon.ledger.changes import Change, RefusedError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.postgresql.claims import Claims, Grant, Look, MemberReport
from daemon.ledger.postgresql.database import PostgresqlLedger
from daemon.ledger.postgresql.fenced_store import FencedWriter
from daemon.ledger.state import Reading
from daemon.ledger.thread import LaneStore, LedgerThread
from tests.host.members import wait_until
from tests.host.postgres import Postgres, count, statements, unavailable
from tests.unit.ledger.ledger_samples import CONFIG, FULL, NOW, sent

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

LEASE = timedelta(seconds=30)
PLAIN = replace(FULL, suspect_pause=None, suspect_resume=None)


@pytest.fixture
def ledger(postgres: Postgres) -> Iterator[PostgresqlLedger]:
    """Open an empty ledger."""
    postgres.clear()
    with open_ledger(postgres.url(), Access.DAEMON) as ledger:
        assert isinstance(ledger, PostgresqlLedger)
        yield ledger


def save(
    ledger: PostgresqlLedger,
    who: str,
    epoch: int,
    records: Sequence[Record],
    attempts: Sequence[Attempt] = (),
) -> None:
    """Write of `prod` in the name of somebody, by a claim that may have ended."""
    writer = FencedWriter(ledger, who, SystemClock())

    async def write() -> None:
        thread = LedgerThread(writer.write_together, ledger.place)
        await LaneStore(thread, Lease("prod", epoch, timedelta.max)).save(records, attempts)

    asyncio.run(write())


def report(who: str) -> MemberReport:
    """Tell of a member whose file is the one in force."""
    now = datetime.now(UTC)
    return MemberReport(who, "host", 1, now, "1", CONFIG, timedelta(0), Reading())


def test_two_members_never_have_the_same_cluster(ledger: PostgresqlLedger) -> None:
    """What one has claimed the other is not given, until it is given back; the epoch grows."""
    a, b = Claims(ledger, "a"), Claims(ledger, "b")
    first = a.claim({"prod", "test"}, (), 1, LEASE)
    second = b.claim({"prod", "test"}, (), 9, LEASE)
    nothing = a.claim({"prod", "test"}, (), 9, LEASE)
    b.give_back({second[0].cluster: second[0].epoch})
    third = a.claim({"prod", "test"}, (), 9, LEASE)

    assert {first[0].cluster, second[0].cluster} == {"prod", "test"}
    assert nothing == []
    assert [(each.cluster, each.epoch) for each in third] == [(second[0].cluster, 2)]


def test_a_claim_comes_with_what_was_recorded(ledger: PostgresqlLedger) -> None:
    """Whoever claims a cluster knows what its last owner wrote."""
    a, b = Claims(ledger, "a"), Claims(ledger, "b")
    (granted,) = a.claim({"prod"}, (), 1, LEASE)
    save(ledger, "a", granted.epoch, [PLAIN])
    a.give_back({"prod": granted.epoch})

    (found,) = b.claim({"prod"}, (), 1, LEASE)

    assert found.records == (PLAIN,)


def test_a_late_word_changes_no_record(ledger: PostgresqlLedger) -> None:
    """Once another has the cluster, attempts are kept as stale, records as they are."""
    a, b = Claims(ledger, "a"), Claims(ledger, "b")
    (granted,) = a.claim({"prod"}, (), 1, LEASE)
    save(ledger, "a", granted.epoch, [PLAIN])
    a.give_back({"prod": granted.epoch})
    b.claim({"prod"}, (), 1, LEASE)

    with pytest.raises(FencedError, match="another daemon's"):
        save(ledger, "a", granted.epoch, [Record(PLAIN.key)], [sent(NOW)])

    assert ledger.records() == [PLAIN]
    assert [each.outcome for each in ledger.attempts(NOW)] == [Outcome.STALE]


def test_a_late_word_leads_to_a_look(ledger: PostgresqlLedger) -> None:
    """Whoever has the cluster is told of the late call, once."""
    b = Claims(ledger, "b")
    b.claim({"prod"}, (), 1, LEASE)
    with pytest.raises(FencedError):
        save(ledger, "a", 1, [], [sent(NOW)])

    (late,) = b.beat(report("b"), LEASE).stale
    b.looked({"prod": Look(1, late.id)})
    after = b.beat(report("b"), LEASE).stale

    assert (late.cluster, late.repository, late.action) == ("prod", "orders", "pause")
    assert after == ()


def test_only_what_still_holds_is_renewed(ledger: PostgresqlLedger) -> None:
    """A claim that ended is not renewed, even if nobody else has taken it."""
    a = Claims(ledger, "a")
    a.claim({"prod"}, (), 1, timedelta(seconds=-1))
    a.claim({"test"}, (), 1, LEASE)

    renewed = a.renew(LEASE, {})

    assert renewed == {"test": 1}


def test_members_are_counted_while_they_agree(ledger: PostgresqlLedger) -> None:
    """The first configuration is in force; who has another file takes no share."""
    other = replace(report("b"), config=replace(CONFIG, text=b"windows: {b: 1}\n"))
    Claims(ledger, "a").beat(report("a"), LEASE)
    heartbeat = Claims(ledger, "b").beat(other, LEASE)
    members = {each.id: (each.is_live, each.agrees) for each in ledger.members()}

    assert (heartbeat.members, heartbeat.digest) == (1, CONFIG.digest)
    assert members == {"a": (True, True), "b": (True, False)}


def test_records_under_another_name_end_its_claim(ledger: PostgresqlLedger) -> None:
    """Whoever has the other name is fenced, so that he claims it anew and reads what came."""
    Claims(ledger, "b").claim({"prod at x"}, (), 1, LEASE)
    Claims(ledger, "a").claim({"prod"}, (), 1, LEASE)
    moved = replace(PLAIN, key=RepositoryKey("prod at x", "orders"))
    save(ledger, "a", 1, [Record(PLAIN.key), moved])

    renewed = Claims(ledger, "b").renew(LEASE, {})
    (found,) = Claims(ledger, "b").claim({"prod at x"}, (), 1, LEASE)

    assert renewed == {}
    assert found.records == (moved,)


def test_a_stopped_member_holds_no_lock_beyond_its_lease(
    ledger: PostgresqlLedger, postgres: Postgres
) -> None:
    """Stopped in the middle of a transaction, it keeps nobody from taking over its clusters."""
    lease = timedelta(seconds=0.5)
    Claims(ledger, ledger.user).beat(report(ledger.user), lease)
    Claims(ledger, ledger.user).claim({"prod"}, (), 1, lease)
    found: list[Grant] = []

    def take_over() -> None:
        with open_ledger(postgres.url(), Access.DAEMON) as other:
            assert isinstance(other, PostgresqlLedger)
            while not found:
                found.extend(Claims(other, "b").claim({"prod"}, (), 1, LEASE))

    # The server's own limit on idle transactions has other words, and comes later.
    with pytest.raises(LedgerError, match="due to administrator command"):
        _hold_a_lock_while(ledger, take_over)

    assert [each.epoch for each in found] == [2]


def _hold_a_lock_while(ledger: PostgresqlLedger, act: Callable[[], None]) -> None:
    with ledger.transaction() as connection:
        connection.exec_driver_sql("select * from claim for share").all()
        act()
        connection.exec_driver_sql("select 1")


def test_clusters_written_together_are_fenced_one_by_one(ledger: PostgresqlLedger) -> None:
    """In one transaction, too, what is ours is kept, and of what is another's only its attempts."""
    Claims(ledger, "a").claim({"prod"}, (), 1, LEASE)
    Claims(ledger, "b").claim({"test"}, (), 1, LEASE)
    writer = FencedWriter(ledger, "a", SystemClock())
    theirs = replace(PLAIN, key=RepositoryKey("test", "orders"))
    changes = [
        Change([PLAIN], [sent(NOW)], Lease("prod", 1, timedelta.max)),
        Change([theirs], [replace(sent(NOW), cluster="test")], Lease("test", 1, timedelta.max)),
    ]

    errors = writer.write_together(changes)

    kept = {attempt.cluster: attempt.outcome for attempt in ledger.attempts(NOW)}
    assert [type(error) for error in errors] == [type(None), FencedError]
    assert ledger.records() == [PLAIN]
    assert kept == {"prod": sent(NOW).outcome, "test": Outcome.STALE}
    assert [change.claimed.is_dropped for change in changes] == [False, True]


def test_what_the_database_refuses_stops_nothing_else(
    ledger: PostgresqlLedger, postgres: Postgres
) -> None:
    """A row that a constraint of somebody's refuses is named; all others are written."""
    Claims(ledger, "a").claim({"prod", "test"}, (), 2, LEASE)
    for table in ("record", "attempt"):
        postgres.ask(f"alter table {table} add check (repository not like 'bad%')")
    bad = [replace(PLAIN, key=RepositoryKey("prod", f"bad{number}")) for number in range(3)]
    good = [replace(PLAIN, key=RepositoryKey("prod", f"r{number}")) for number in range(50)]
    late = replace(sent(NOW), repository="bad0")
    theirs = replace(PLAIN, key=RepositoryKey("test", "orders"))
    changes = [
        Change([*good[:9], *bad, *good[9:]], [sent(NOW), late], Lease("prod", 1, timedelta.max)),
        Change([theirs], [], Lease("test", 1, timedelta.max)),
    ]

    refused, taken = FencedWriter(ledger, "a", SystemClock()).write_together(changes)

    assert isinstance(refused, RefusedError)
    assert set(refused.records) == {record.key for record in bad}
    assert [attempt for attempt, _ in refused.attempts] == [late]
    assert all("check constraint" in why for why in refused.records.values())
    assert taken is None
    assert {record.key for record in ledger.records()} == {each.key for each in [*good, theirs]}
    assert [attempt.repository for attempt in ledger.attempts(NOW)] == ["orders"]


def test_a_row_too_long_for_an_index_is_refused_alone(ledger: PostgresqlLedger) -> None:
    """What only this database has a limit for is found in the same way."""
    Claims(ledger, "a").claim({"prod"}, (), 1, LEASE)
    digits = "".join(f"{number:x}" for number in range(40_000))
    long = replace(PLAIN, key=RepositoryKey("prod", digits))
    change = Change([long, PLAIN], [], Lease("prod", 1, timedelta.max))

    (refused,) = FencedWriter(ledger, "a", SystemClock()).write_together([change])

    assert isinstance(refused, RefusedError)
    assert set(refused.records) == {long.key}
    assert ledger.records() == [PLAIN]


def test_a_claim_cannot_change_hands_during_a_write(
    ledger: PostgresqlLedger, postgres: Postgres
) -> None:
    """Whoever claims a cluster while its last owner's transaction goes on would miss what it adds.

    The claim has ended, but it is free only when the write is over.
    """
    Claims(ledger, "a").claim({"prod"}, (), 1, LEASE)
    postgres.ask("update claim set expires = clock_timestamp() - interval '1 second'")
    with ThreadPoolExecutor(1) as executor, postgres.session() as somebody:
        somebody.execute("lock table record in exclusive mode")
        writing = executor.submit(save, ledger, "a", 1, [PLAIN])
        wait_until(lambda: postgres.ask(_WAITING) or writing.done(), "the write waits for the lock")
        is_written_later = not writing.done()
        during = Claims(ledger, "b").claim({"prod"}, (), 1, LEASE)
        somebody.commit()
        error = writing.exception(30)
    after = Claims(ledger, "b").claim({"prod"}, (), 1, LEASE)

    if is_written_later and error is None:
        assert during == []
        assert [each.records for each in after] == [(PLAIN,)]
    else:
        # On a machine that is too busy the lock took too long: then nothing was written at all.
        assert ledger.records() == []


_WAITING = "select 1 from pg_locks where not granted and relation = 'record'::regclass"


def test_an_earlier_claim_of_our_own_covers_nothing(ledger: PostgresqlLedger) -> None:
    """What was decided under a claim that ended is not written under the next one of the same."""
    claims = Claims(ledger, "a")
    (first,) = claims.claim({"prod"}, (), 1, LEASE)
    claims.give_back({"prod": first.epoch})
    (second,) = claims.claim({"prod"}, (), 1, LEASE)

    with pytest.raises(FencedError):
        save(ledger, "a", first.epoch, [PLAIN])
    before = ledger.records()
    save(ledger, "a", second.epoch, [PLAIN])

    assert (before, ledger.records()) == ([], [PLAIN])


def test_a_claim_that_somebody_holds_fast_is_passed_over(
    ledger: PostgresqlLedger, postgres: Postgres
) -> None:
    """Others are claimed without waiting for it, whoever has it locked and for however long."""
    Claims(ledger, "a").claim({"prod", "test"}, (), 2, LEASE)
    postgres.ask("update claim set expires = clock_timestamp() - interval '1 second'")
    with postgres.session() as somebody:
        somebody.execute("select 1 from claim where cluster = 'prod' for key share")
        found = Claims(ledger, "b").claim({"prod", "test"}, (), 2, LEASE)

    assert [each.cluster for each in found] == ["test"]


def test_a_call_is_looked_at_only_for_what_is_ours(
    ledger: PostgresqlLedger, postgres: Postgres
) -> None:
    """After a claim has ended, its owner's word that it looked does not count any more."""
    b = Claims(ledger, "b")
    b.claim({"prod"}, (), 1, LEASE)
    with pytest.raises(FencedError):
        save(ledger, "a", 1, [], [sent(NOW)])
    (late,) = b.beat(report("b"), LEASE).stale
    postgres.ask("update claim set expires = clock_timestamp() - interval '1 second'")
    b.looked({"prod": Look(1, late.id)})
    (again,) = Claims(ledger, "c").claim({"prod"}, (), 1, LEASE)

    found = Claims(ledger, "c").beat(report("c"), LEASE).stale

    assert (again.epoch, [each.id for each in found]) == (2, [late.id])


def test_what_was_looked_at_under_an_earlier_claim_does_not_count(ledger: PostgresqlLedger) -> None:
    """Claimed again, a cluster may have had another owner, whose word about it came last."""
    b = Claims(ledger, "b")
    (first,) = b.claim({"prod"}, (), 1, LEASE)
    with pytest.raises(FencedError):
        save(ledger, "a", 1, [], [sent(NOW)])
    (late,) = b.beat(report("b"), LEASE).stale
    b.give_back({"prod": first.epoch})
    (second,) = b.claim({"prod"}, (), 1, LEASE)

    b.looked({"prod": Look(first.epoch, late.id)})
    before = b.beat(report("b"), LEASE).stale
    b.looked({"prod": Look(second.epoch, late.id)})

    assert (before, b.beat(report("b"), LEASE).stale) == ((late,), ())


def test_many_looks_are_noted_in_one_statement(ledger: PostgresqlLedger) -> None:
    """A daemon that was frozen leaves late calls to thousands of clusters, each to be looked at."""
    b, names = Claims(ledger, "b"), [f"c{number}" for number in range(50)]
    b.claim(names, (), len(names), LEASE)
    sent_late = [(1, replace(sent(NOW), cluster=name)) for name in names]
    Claims(ledger, "a").keep_stale(sent_late)
    late = b.beat(report("b"), LEASE).stale

    with statements() as asked:
        b.looked({each.cluster: Look(1, each.id) for each in late[1:]})

    assert count(asked, "UPDATE claim") == 1
    assert b.beat(report("b"), LEASE).stale == late[:1]
