"""What a ledger did not take is offered to it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.attempt import Action, Attempt, Outcome
from daemon.core.listing import Listing
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.passes.handover import hand_over
from daemon.passes.holdings import HISTORY_IN_MEMORY, Holdings

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass
class Store:
    """Refuses the next write, if told to, after whatever comes before the refusal.

    What comes while another one is written is `meanwhile`.
    """

    before_refusal: Callable[[], object] | None = None
    meanwhile: Callable[[], object] | None = None
    records: list[Record] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write them, or refuse."""
        if self.before_refusal:
            act, self.before_refusal = self.before_refusal, None
            act()
            raise LedgerError("the disk is full")
        self.records += records
        self.attempts += attempts
        self.news += [news] if news else []
        if self.meanwhile:
            act, self.meanwhile = self.meanwhile, None
            act()


def hold(id_: str, phase: Phase = Phase.PAUSING) -> Record:
    """Return a hold."""
    return Record(RepositoryKey("prod", id_), phase)


def attempt(id_: str) -> Attempt:
    """Return a pause that succeeded."""
    return Attempt(
        "prod", id_, Action.PAUSE, (), "POST", "", 1, 200, Outcome.OK, None, "", NOW, timedelta(0)
    )


def test_what_was_refused_is_offered_again_with_the_news() -> None:
    """After a refusal the next write has all that was not written, each in its last state.

    It also has what was written before: the file that takes it may be another one by then.
    """
    store, written = Store(), [hold("kept"), hold("gone", Phase.RESUMING)]
    holdings = Holdings(store, written)
    holdings.note(hold("refused"))
    holdings.note(hold("changed"))
    holdings.note(written[1].released())
    holdings.remember_attempt(attempt("refused"))
    store.before_refusal = lambda: holdings.note(hold("changed", Phase.PAUSED))

    async def act() -> None:
        with pytest.raises(LedgerError):
            await holdings.flush()
        was_saved = holdings.is_saved("refused")
        holdings.note(hold("news"))
        holdings.remember_attempt(attempt("news"))
        await holdings.flush()
        assert not was_saved

    asyncio.run(act())

    expected = [
        hold("changed", Phase.PAUSED),
        replace(written[1], phase=None),
        hold("kept"),
        hold("news"),
        hold("refused"),
    ]
    assert sorted(store.records, key=lambda record: record.key) == expected
    assert store.attempts == [attempt("refused"), attempt("news")]
    assert holdings.unrecorded() == []


def test_what_was_written_is_not_written_again() -> None:
    """A write that went well leaves nothing to be offered."""
    store = Store()
    holdings = Holdings(store, [])
    holdings.note(hold("orders"))

    async def act() -> None:
        await holdings.flush()
        await holdings.flush()

    asyncio.run(act())

    assert store.records == [hold("orders")]
    assert holdings.is_saved("orders")


def test_a_list_of_long_ago_is_offered_to_another_file() -> None:
    """What the ledger knew before the first look is written again where nothing was taken."""
    store, listing = Store(lambda: None), Listing(frozenset({"orders"}))
    holdings = Holdings(store, [], listing, "prod")
    holdings.note(hold("orders"))

    async def act() -> None:
        with pytest.raises(LedgerError):
            await holdings.flush()
        await holdings.flush()

    asyncio.run(act())

    assert store.news == [News("prod", listing, ())]


@dataclass
class LateStore:
    """Answers its first write too late, and has done it all the same when the next one comes."""

    book: dict[RepositoryKey, Record] = field(default_factory=dict)
    is_late: bool = True

    async def save(
        self,
        records: Iterable[Record],
        _attempts: Iterable[Attempt] = (),
        _news: News | None = None,
    ) -> None:
        """Write them."""
        self.book |= {record.key: record for record in records}
        self.book = {key: record for key, record in self.book.items() if not record.is_spent}
        if self.is_late:
            self.is_late = False
            raise LedgerError("no answer within 2 s")


@pytest.mark.parametrize("successor", [None, "main", "third"])
def test_a_hand_over_that_is_written_late_is_recalled(successor: str | None) -> None:
    """What was handed over too late to be known of is under one name alone, whatever comes next.

    The rename is taken back, is tried again, or is followed by another one.
    """
    held = hold("orders", Phase.PAUSED)
    store = LateStore({held.key: held})
    holdings = Holdings(store, [held])

    async def act() -> None:
        with pytest.raises(LedgerError):
            await hand_over(holdings, {"orders": "main"})
        if successor:
            await hand_over(holdings, {"orders": successor})
        await holdings.flush()

    asyncio.run(act())

    assert list(store.book) == [RepositoryKey(successor or "prod", "orders")]
    assert bool(holdings) is (successor is None)


def test_a_hand_over_that_met_another_file_loses_nothing() -> None:
    """After a refused hand-over the next write has all records: the file may be another one."""
    store = Store(before_refusal=lambda: None)
    holdings = Holdings(store, [hold("moves"), hold("stays")])

    async def act() -> None:
        with pytest.raises(LedgerError):
            await hand_over(holdings, {"moves": "main"})
        await holdings.flush()

    asyncio.run(act())

    kept = {record.key.id for record in store.records if record.is_hold}
    assert kept == {"moves", "stays"}


def test_a_full_history_loses_none_that_is_new() -> None:
    """What comes while a full history is written is offered to the ledger next, all of it."""
    news = [attempt(f"new{number}") for number in range(5)]
    store = Store()
    holdings = Holdings(store, [])
    for number in range(HISTORY_IN_MEMORY):
        holdings.remember_attempt(attempt(f"old{number}"))

    store.meanwhile = lambda: list(map(holdings.remember_attempt, news))

    async def act() -> None:
        await holdings.flush()
        await holdings.flush()

    asyncio.run(act())

    assert store.attempts[HISTORY_IN_MEMORY:] == news
    assert holdings.unrecorded() == []
