"""Group commit: who shares a transaction with whom, and who fails for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from daemon.ledger.group_commit import MOST_AT_ONCE, GroupCommit

WITHIN_S = 60.0


class Book:
    """What was written, transaction by transaction; the first waits until it is let go."""

    def __init__(self, refuse: Callable[[Sequence[str]], bool] = lambda _: False) -> None:
        """Fail the transactions that *refuse* chooses; an item `late` has an error of its own."""
        self.transactions: list[list[str]] = []
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self._refuse = refuse
        self.group = GroupCommit(self._write)

    def _write(self, items: Sequence[str]) -> list[Exception | None]:
        self.has_begun.set()
        assert self.may_end.wait(WITHIN_S)
        self.transactions.append(list(items))
        if self._refuse(items):
            raise ValueError("refused")
        return [LookupError(item) if item == "late" else None for item in items]


def write_all(book: Book, items: Sequence[str]) -> dict[str, Future[None]]:
    """Write the first item, and while that is under way all others, each on its own thread."""
    with ThreadPoolExecutor(len(items)) as executor:
        first = executor.submit(book.group.add, items[0])
        assert book.has_begun.wait(WITHIN_S)
        rest = [executor.submit(book.group.add, item) for item in items[1:]]
        turn = threading.Event()
        assert any(book.group.waiting == len(rest) or turn.wait(0.001) for _ in range(10_000))
        book.may_end.set()
    return dict(zip(items, [first, *rest], strict=True))


def test_what_comes_meanwhile_shares_the_next_transaction() -> None:
    """The first is written at once, by itself; whatever waits for it goes together."""
    book = Book()

    written = write_all(book, ["a", "b", "c", "d"])

    assert [sorted(items) for items in book.transactions] == [["a"], ["b", "c", "d"]]
    assert [future.exception() for future in written.values()] == [None] * 4


def test_a_transaction_has_a_limit() -> None:
    """A crowd takes several transactions, and each of it is written once."""
    book = Book()
    names = [f"{number}" for number in range(MOST_AT_ONCE + 2)]

    write_all(book, names)

    assert [len(items) for items in book.transactions] == [1, MOST_AT_ONCE, 1]
    assert sorted(item for items in book.transactions for item in items) == sorted(names)


def test_nobody_fails_for_what_is_wrong_with_another() -> None:
    """A transaction that fails is tried item by item; the culprit alone is told."""
    book = Book(refuse=lambda items: "bad" in items)

    written = write_all(book, ["a", "b", "bad", "c"])

    assert isinstance(written.pop("bad").exception(), ValueError)
    assert [future.exception() for future in written.values()] == [None] * 3
    assert [len(items) for items in book.transactions] == [1, 3, 1, 1, 1]


def test_an_item_may_have_an_error_of_its_own() -> None:
    """What is said of one item is raised on its thread; the transaction stands."""
    book = Book()

    written = write_all(book, ["a", "late", "b"])

    with pytest.raises(LookupError, match="late"):
        written["late"].result()
    assert written["b"].exception() is None
    assert len(book.transactions) == 2


def test_it_goes_on_after_a_failure() -> None:
    """A database that was away takes the next item."""
    book = Book(refuse=lambda items: items == ["bad"])
    book.may_end.set()

    with pytest.raises(ValueError, match="refused"):
        book.group.add("bad")
    book.group.add("good")

    assert book.transactions == [["bad"], ["good"]]
