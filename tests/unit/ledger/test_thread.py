"""The thread that writes to the ledger: what shares a transaction, and who hears of a fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.core.attempt import Attempt
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.errors import FencedError, LedgerError
from daemon.ledger.changes import Change
from daemon.ledger.ledger import DamagedError
from daemon.ledger.thread import (
    MOST_AT_ONCE,
    WITHIN,
    WITHIN_AT_ALL,
    LaneStore,
    LedgerThread,
)
from tests.unit.ledger.ledger_samples import NOW, sent

PATIENCE_S = 10.0


def hold(id_: str, cluster: str = "prod") -> Record:
    """Return a record of that id."""
    return Record(RepositoryKey(cluster, id_), phase=Phase.PAUSED)


def change(id_: str) -> Change:
    """Return the change of one record."""
    return Change([hold(id_)], [])


class Gate:
    """Open for all, or for as many as it was told."""

    def __init__(self) -> None:
        """Begin closed."""
        self._changed = threading.Condition()
        self._is_open, self._turns = False, 0

    def set(self) -> None:
        """Let everyone through from now on."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Let nobody through from now on."""
        with self._changed:
            self._is_open, self._turns = False, 0

    def let_one_through(self) -> None:
        """Let the next one through, and it alone, whoever is faster."""
        with self._changed:
            self._turns += 1
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait to be let through, for *timeout* seconds at most; check whether it was so."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_open or self._turns, timeout):
                return False
            if not self._is_open:
                self._turns -= 1
            return True


@dataclass
class Disk:
    """Takes transactions, each when the gate is open, and refuses ids as it is told."""

    refused: dict[str, Exception] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    tried: list[list[str]] = field(default_factory=list)
    history: list[Attempt] = field(default_factory=list)
    gate: Gate = field(default_factory=Gate)
    begun: threading.Event = field(default_factory=threading.Event)

    def write(self, changes: Sequence[Change]) -> list[Exception | None]:
        """Take all of it; `refused` fails the transaction, `errors` one item alone."""
        ids = [record.key.id for change in changes for record in change.records]
        self.tried.append(ids)
        self.begun.set()
        assert self.gate.wait(PATIENCE_S)
        for id_ in ids:
            if id_ in self.refused:
                raise self.refused[id_]
        self.history += [attempt for change in changes for attempt in change.attempts]
        return [self.errors.get(change.records[0].key.id) for change in changes]


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Return a disk that takes what it is given; a gate that was closed is opened at the end."""
    disk = Disk()
    disk.gate.set()
    yield disk
    disk.gate.set()


async def busy(thread: LedgerThread, disk: Disk) -> asyncio.Future[None]:
    """Have the thread write `first`, and wait for it to stand at the closed gate."""
    disk.gate.clear()
    first = thread.write(change("first"))
    assert await asyncio.to_thread(disk.begun.wait, PATIENCE_S)
    return first


def test_what_comes_meanwhile_shares_the_next_transaction(disk: Disk) -> None:
    """While one transaction is written others wait, and are then written together, in order."""

    async def act() -> None:
        thread = LedgerThread(disk.write, "x")
        first = await busy(thread, disk)
        others = [thread.write(change(str(number))) for number in range(5)]
        disk.gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(act())

    assert disk.tried == [["first"], ["0", "1", "2", "3", "4"]]


def test_a_transaction_has_a_limit(disk: Disk) -> None:
    """What is beyond the limit of one transaction is written with the next; nothing is lost."""

    async def act() -> None:
        thread = LedgerThread(disk.write, "x")
        await busy(thread, disk)
        for number in range(2 * MOST_AT_ONCE + 1):
            thread.write(change(str(number)))
        disk.gate.set()
        await thread.close()

    asyncio.run(act())

    assert [len(ids) for ids in disk.tried] == [1, MOST_AT_ONCE, MOST_AT_ONCE, 1]


def test_nobody_fails_for_anothers_fault(disk: Disk) -> None:
    """A transaction that fails is tried again item by item: only what is faulty fails."""
    disk.refused["bad"] = LedgerError("no")

    async def act() -> list[BaseException | None]:
        thread = LedgerThread(disk.write, "x")
        await busy(thread, disk)
        waiting = [thread.write(change(id_)) for id_ in ("a", "bad", "b")]
        disk.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(act())

    assert found == [None, disk.refused["bad"], None]
    assert disk.tried == [["first"], ["a", "bad", "b"], ["a"], ["bad"], ["b"]]


def test_one_hears_of_a_lost_file(disk: Disk) -> None:
    """The new file takes what the others wrote; whose change came first says what happened."""
    lost = DamagedError("another file")

    async def act() -> list[BaseException | None]:
        thread = LedgerThread(disk.write, "x")
        await busy(thread, disk)
        waiting = [thread.write(change(id_)) for id_ in ("a", "b", "c")]
        disk.refused["a"] = lost
        disk.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(act())

    assert found == [lost, None, None]
    assert disk.tried == [["first"], ["a", "b", "c"], ["b"], ["c"]]


def test_a_queue_is_no_standstill(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for longer than two seconds is served, as long as others are meanwhile."""

    async def act() -> None:
        loop = asyncio.get_running_loop()
        real, passed = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        thread = LedgerThread(disk.write, "x")
        first = await busy(thread, disk)
        others = [thread.write(change(str(number))) for number in range(MOST_AT_ONCE)]
        saving = asyncio.create_task(LaneStore(thread).save([hold("last")]))
        await asyncio.sleep(0)
        for done in (first, others[-1]):
            passed += WITHIN.total_seconds() * 0.75
            disk.begun.clear()
            disk.gate.let_one_through()
            await done
        disk.gate.set()
        await saving

    asyncio.run(act())

    assert disk.tried[-1] == ["last"]


def test_a_slow_disk_is_not_waited_for_without_end(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that writes on and on, each time within two seconds, holds a save up by ten at most.

    It is served later all the same.
    """
    turns = int(WITHIN_AT_ALL / WITHIN) + 1

    async def act() -> None:
        loop = asyncio.get_running_loop()
        passed = loop.time()
        monkeypatch.setattr(loop, "time", lambda: passed)
        thread = LedgerThread(disk.write, "the ledger")
        written = [await busy(thread, disk)]
        written += [thread.write(change(str(n))) for n in range(turns * MOST_AT_ONCE)]
        saving = asyncio.create_task(LaneStore(thread).save([hold("last")]))
        await asyncio.sleep(0)
        for done in written[::MOST_AT_ONCE][:turns]:
            assert not saving.done()
            passed += WITHIN.total_seconds() * 0.9
            disk.begun.clear()
            disk.gate.let_one_through()
            await done
            assert await asyncio.to_thread(disk.begun.wait, PATIENCE_S)
        with pytest.raises(LedgerError, match="the ledger: no answer within 10 s; it writes, but"):
            await saving
        disk.gate.set()
        await thread.close()

    asyncio.run(act())

    assert disk.tried[-1][-1] == "last"


def test_an_item_has_an_error_of_its_own(disk: Disk) -> None:
    """What became of one item is told to it alone, and the transaction is not tried again."""
    disk.errors["lost"] = FencedError("another's")

    async def act() -> list[BaseException | None]:
        thread = LedgerThread(disk.write, "x")
        await busy(thread, disk)
        waiting = [thread.write(change(id_)) for id_ in ("a", "lost")]
        disk.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(act())

    assert found == [None, disk.errors["lost"]]
    assert disk.tried == [["first"], ["a", "lost"]]


def test_what_is_anothers_goes_by_itself(disk: Disk) -> None:
    """A change that concerns another cluster than its lease's shares no transaction."""
    lease = Lease("prod", 1, timedelta.max)
    moves = Change([Record(RepositoryKey("prod", "x")), hold("y", "other")], [], lease)

    async def act() -> None:
        thread = LedgerThread(disk.write, "x")
        await busy(thread, disk)
        for each in (change("a"), change("b"), moves, change("c")):
            thread.write(each)
        disk.gate.set()
        await thread.close()

    asyncio.run(act())

    assert disk.tried == [["first"], ["a", "b"], ["x", "y"], ["c"]]


def test_what_was_written_late_is_not_written_twice(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that is not answered within two seconds fails; its attempts are in history once.

    The caller does not know, and offers them again with those that are new. While the thread stands
    still further saves, whoever's they are, fail at once.
    """
    old, new, others = [sent(NOW), sent(NOW)], sent(NOW), sent(NOW)

    async def act() -> None:
        loop = asyncio.get_running_loop()
        passed = 0.0
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        thread = LedgerThread(disk.write, "the ledger")
        store, neighbour = LaneStore(thread), LaneStore(thread)
        disk.gate.clear()
        saving = asyncio.create_task(store.save([hold("a")], old))
        assert await asyncio.to_thread(disk.begun.wait, PATIENCE_S)
        passed = WITHIN.total_seconds()
        with pytest.raises(LedgerError, match="the ledger: no answer within 2 s"):
            await saving
        began = real()
        for waiting in (store, neighbour, store):
            with pytest.raises(LedgerError, match="no answer within"):
                await waiting.save([hold("b")], [*old, new] if waiting is store else [others])
        assert real() - began < WITHIN.total_seconds() / 2
        disk.gate.set()
        await thread.close()
        await store.save([hold("b")], [*old, new])
        await neighbour.save([hold("b")], [others])

    asyncio.run(act())

    assert [id(each) for each in disk.history] == [id(each) for each in (*old, others, new)]


def test_what_failed_late_is_written_again(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts of a save that failed after its caller had gone are written by the next one."""
    attempt = sent(NOW)
    disk.refused["a"] = LedgerError("no")

    async def act() -> None:
        loop = asyncio.get_running_loop()
        real, passed = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + passed)
        thread = LedgerThread(disk.write, "x")
        store = LaneStore(thread)
        disk.gate.clear()
        saving = asyncio.create_task(store.save([hold("a")], [attempt]))
        assert await asyncio.to_thread(disk.begun.wait, PATIENCE_S)
        passed = WITHIN.total_seconds()
        with pytest.raises(LedgerError, match="no answer within"):
            await saving
        disk.gate.set()
        await thread.close()
        await store.save([hold("b")], [attempt])

    asyncio.run(act())

    assert disk.history == [attempt]
