"""Rows that an SQLite ledger refuses for what is in them: found, and nobody else's fault."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.core.attempt import Attempt
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.ledger.changes import MOST_REFUSED, Change, ContentError, RefusedError
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.thread import LaneStore, LedgerThread, writer_of
from daemon.passes.holdings import Holdings
from tests.unit.ledger.ledger_samples import NOW, sent

REFUSE = """
    create trigger no_{table} before insert on {table} when new.repository like 'bad%'
    begin select raise(abort, 'not here'); end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name the file of a ledger."""
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[Ledger]:
    """Open a ledger in which somebody's triggers refuse what is called `bad…`."""
    with open_ledger(f"sqlite:///{file}", Access.DAEMON) as ledger:
        for table in ("record", "attempt"):
            tell(file, REFUSE.format(table=table))
        yield ledger


def tell(file: Path, statement: str) -> None:
    """Change the file beside the daemon."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def hold(id_: str, cluster: str = "prod") -> Record:
    """Return a hold."""
    return Record(RepositoryKey(cluster, id_), Phase.PAUSED)


def call(id_: str) -> Attempt:
    """Return a call to that repository."""
    return replace(sent(NOW), repository=id_)


def ids(ledger: Ledger) -> list[str]:
    """List the repositories that the ledger has records of."""
    return [record.key.id for record in ledger.records()]


def written(ledger: Ledger, changes: Sequence[Change]) -> Sequence[Exception | None]:
    """Write as the ledger's thread does."""
    return writer_of(ledger)(changes)


def test_of_many_rows_only_the_bad_ones_are_refused(ledger: Ledger) -> None:
    """Records and attempts of all lanes are taken, but for those that the file refuses."""
    bad, late = hold("bad"), call("bad")
    many = [hold(f"r{number:03}") for number in range(200)]
    changes = [
        Change([*many[:150], bad, *many[150:]], [call("r001")]),
        Change([hold("orders", "test")], [call("orders"), late]),
        Change([hold("archive", "dr")], []),
    ]

    first, second, third = written(ledger, changes)

    assert isinstance(first, RefusedError)
    assert isinstance(second, RefusedError)
    assert (first.records, first.attempts) == ({bad.key: "not here"}, [])
    assert (second.records, second.attempts) == ({}, [(late, "not here")])
    assert third is None
    assert len(ids(ledger)) == 202
    assert [each.repository for each in ledger.attempts(NOW)] == ["r001", "orders"]


def test_what_moves_is_written_whole_or_not_at_all(ledger: Ledger) -> None:
    """A record whose new name is refused is not deleted under its old one."""
    ledger.save([hold("good"), hold("moves")])
    moved = [Record(RepositoryKey("prod", "moves")), hold("bad", "other")]

    move, more = written(ledger, [Change(moved, []), Change([hold("more")], [])])

    assert isinstance(move, ContentError)
    assert more is None
    assert ids(ledger) == ["good", "more", "moves"]


def test_a_ledger_that_refuses_everything_is_not_asked_for_each(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many refusals what is left is refused together: thousands would take too long."""
    tried: list[int] = []
    monkeypatch.setattr("daemon.ledger.changes.MOST_REFUSED", 4)
    many = [hold(f"bad{number}") for number in range(256)]

    with ledger.transaction() as connection:
        connection.connection.driver_connection.set_trace_callback(  # type: ignore[union-attr]
            lambda text: tried.append(1) if text.startswith("ROLLBACK TO") else None
        )
    (error,) = written(ledger, [Change(many, [])])

    assert isinstance(error, RefusedError)
    assert len(error.records) == 256
    assert len(tried) < 30 < MOST_REFUSED


@pytest.mark.parametrize("value", [timedelta.max, timedelta(milliseconds=2**31)])
def test_no_number_is_too_great(ledger: Ledger, value: timedelta) -> None:
    """A duration that no column holds is cut where it is stored."""
    ledger.save([], [replace(sent(NOW), duration=value)])

    assert ledger.attempts(NOW)[0].duration == timedelta(milliseconds=2**31 - 1)


def test_a_change_that_is_refused_alone_is_an_error_of_the_ledger(ledger: Ledger) -> None:
    """Whoever writes one row is told in a sentence, and nothing is written."""
    with pytest.raises(LedgerError, match=r"ledger\.db: the row is refused \(not here\)"):
        ledger.save([hold("bad"), hold("good")])

    assert ids(ledger) == []


def test_holdings_go_on_and_offer_it_again(ledger: Ledger, file: Path) -> None:
    """The others are durable; the refused one is known in memory, and written when it can be."""

    async def act() -> tuple[object, ...]:
        holdings = Holdings(LaneStore(LedgerThread(writer_of(ledger), ledger.place)), [])
        for id_ in ("good", "bad"):
            holdings.note(hold(id_))
            holdings.remember_attempt(call(id_))
        await holdings.flush()
        first = [ids(ledger), dict(holdings.refused), holdings.is_saved("bad"), bool(holdings)]
        holdings.offer_again()
        await holdings.flush()
        again = [ids(ledger), dict(holdings.refused), holdings.get("bad")]
        for table in ("record", "attempt"):
            tell(file, f"drop trigger no_{table}")
        holdings.offer_again()
        await holdings.flush()
        last = [ids(ledger), dict(holdings.refused), holdings.is_saved("bad")]
        return first, again, last

    first, again, last = asyncio.run(act())

    assert first == [["good"], {"bad": "not here"}, False, True]
    assert again == [["good"], {"bad": "not here"}, hold("bad")]
    assert last == [["bad", "good"], {}, True]
    assert [each.repository for each in ledger.attempts(NOW)] == ["good", "bad"]


def test_what_changed_since_is_offered_at_once(ledger: Ledger, file: Path) -> None:
    """A refused row whose repository goes on is not written later over what came after it."""

    async def act() -> Holdings:
        holdings = Holdings(LaneStore(LedgerThread(writer_of(ledger), ledger.place)), [])
        holdings.note(hold("bad"))
        await holdings.flush()
        tell(file, "drop trigger no_record")
        holdings.note(replace(hold("bad"), phase=Phase.RESUMING))
        await holdings.flush()
        holdings.offer_again()
        await holdings.flush()
        return holdings

    holdings = asyncio.run(act())

    assert [record.phase for record in ledger.records()] == [Phase.RESUMING]
    assert holdings.refused == {}
