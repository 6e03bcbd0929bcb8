"""The one thread that speaks to the ledger: the event loop never waits for a disk or a database.

What waits to be written when the thread is free is written together, in one durable transaction. A
transaction that fails is tried again change by change, so that nobody fails for what is wrong with
another's; of one that holds a row which is refused, all others are written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.shares import Lease
from daemon.core.summary import News
from daemon.errors import FencedError, LedgerError
from daemon.host.thread import WorkerThread
from daemon.ledger.changes import Change, ContentError, RefusedError
from daemon.ledger.ledger import DamagedError, Ledger

T = TypeVar("T")

MOST_AT_ONCE = 100
WITHIN = timedelta(seconds=2)
"""How long a pass waits for a ledger that writes nothing: then what is ours is resumed without."""

WITHIN_AT_ALL = timedelta(seconds=10)
"""How long a pass waits for a ledger that writes, but slowly, and has others' changes first."""


Write = Callable[[Sequence[Change]], Sequence[Exception | None]]
"""Writes all of it in one durable transaction, and returns what became of each; or raises."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    change: Change
    done: asyncio.Future[None]


class LedgerThread:
    """Does what is asked of the ledger, one thing after the other; for one event loop."""

    def __init__(self, write: Write, place: str) -> None:
        """Write with *write*, to the ledger that people call *place*."""
        self._write = write
        self._place = place
        self._thread = WorkerThread("ledger")
        self._waiting: deque[_Ticket] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._began: float | None = None
        self._wrote: float | None = None

    @property
    def patience_s(self) -> float:
        """How much longer anybody waits for it: as long as it writes, a queue is no standstill."""
        now = asyncio.get_running_loop().time()
        began = min((at for at in (self._began, self._wrote) if at is not None), default=now)
        return began + WITHIN.total_seconds() - now

    async def run(self, ask: Callable[[], T]) -> T:
        """Return what *ask* returns on the thread. Raises what it raises."""
        loop = asyncio.get_running_loop()

        def timed() -> T:
            self._began = loop.time()
            try:
                return ask()
            finally:
                self._began = None

        return await self._thread.run(timed)

    def write(self, change: Change) -> asyncio.Future[None]:
        """Write *change*; the result is there when it is durable, or says why it is not."""
        ticket = _Ticket(change, asyncio.get_running_loop().create_future())
        # Whoever no longer waits for it need not hear of it.
        ticket.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(ticket)
        if self._writer is None:
            self._wrote = asyncio.get_running_loop().time()
            self._writer = asyncio.create_task(self._write_all(), name="ledger")
        return ticket.done

    def slow(self, *, is_writing: bool) -> LedgerError:
        """Return the error of a ledger that does not answer in time."""
        within = WITHIN_AT_ALL if is_writing else WITHIN
        why = "it writes, but slowly" if is_writing else "somebody else may have locked it"
        return LedgerError(f"{self._place}: no answer within {within.total_seconds():g} s; {why}")

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                tickets = self._next()
                if not await self._try(tickets):
                    for ticket in tickets:
                        if not ticket.done.done():
                            await self._try([ticket])
        finally:
            self._writer = self._wrote = None

    def _next(self) -> list[_Ticket]:
        """Take what is written next: one that concerns another's cluster goes by itself.

        It waits for what that one's owner is writing.
        """
        tickets: list[_Ticket] = []
        while self._waiting and len(tickets) < MOST_AT_ONCE:
            if self._waiting[0].change.others and tickets:
                break
            tickets.append(self._waiting.popleft())
            if tickets[0].change.others:
                break
        return tickets

    async def _try(self, tickets: Sequence[_Ticket]) -> bool:
        """Write them; return whether that is the end of it."""
        changes = [ticket.change for ticket in tickets]
        try:
            errors = await self.run(lambda: self._write(changes))
        except DamagedError as exc:
            # A new file is in its place, which takes the others' changes: one has to hear of it.
            tickets[0].done.set_exception(exc)
            return len(tickets) == 1
        except Exception as exc:  # noqa: BLE001  # raised where the item is waited for
            if len(tickets) > 1:
                return False
            errors = [exc]
        else:
            self._wrote = asyncio.get_running_loop().time()
        for ticket, error in zip(tickets, errors, strict=True):
            if error is None:
                ticket.done.set_result(None)
            else:
                ticket.done.set_exception(error)
        return True


def writer_of(ledger: Ledger) -> Write:
    """Return what writes to a *ledger* that is one daemon's alone."""

    def write(changes: Sequence[Change]) -> Sequence[Exception | None]:
        records = [record for change in changes for record in change.records]
        attempts = [sent for change in changes for sent in change.attempts]
        try:
            ledger.save(records, attempts, [change.news for change in changes if change.news])
        except ContentError:
            return ledger.save_each(changes)
        return [None] * len(changes)

    return write


class LaneStore:
    """Where the passes over one cluster write; one save at a time."""

    def __init__(self, thread: LedgerThread, lease: Lease | None = None) -> None:
        """Write by *thread*, and by the claim of *lease* if others share the ledger."""
        self._thread = thread
        self._lease = lease
        self._late: tuple[asyncio.Future[None], list[Attempt], News | None] | None = None

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write all of it in one durable transaction.

        Raises:
            FencedError: the cluster is another daemon's; only the attempts were kept.
            RefusedError: all but some rows was written, which the ledger does not take.
            LedgerError: nothing was written, or the ledger has written nothing for two seconds, or
                not yet this for ten.

        """
        until = asyncio.get_running_loop().time() + WITHIN_AT_ALL.total_seconds()
        new = list(attempts)
        if self._late is not None:
            written, offered, told = self._late
            await self._wait(written, until)
            self._late = None
            error = written.exception()
            if error is None or isinstance(error, FencedError | RefusedError):
                # Nobody knew, so that they are offered again; they are in the history already.
                known = {id(attempt) for attempt in offered}
                if isinstance(error, RefusedError):
                    known -= {id(attempt) for attempt, _ in error.attempts}
                new = [attempt for attempt in new if id(attempt) not in known]
                news = _unwritten(news, told)
        written = self._thread.write(Change(list(records), new, self._lease, news))
        self._late = (written, new, news)
        await self._wait(written, until)
        self._late = None
        written.result()

    async def _wait(self, written: asyncio.Future[None], until: float) -> None:
        while not written.done():
            patience_s = self._thread.patience_s
            left_s = until - asyncio.get_running_loop().time()
            if min(patience_s, left_s) <= 0:
                raise self._thread.slow(is_writing=patience_s > 0)
            await asyncio.wait({written}, timeout=min(patience_s, left_s))


def _unwritten(news: News | None, written: News | None) -> News | None:
    """Return *news* without the notes that are written already."""
    if news is None or written is None:
        return news
    known = {id(note) for note in written.notes}
    return replace(news, notes=tuple(note for note in news.notes if id(note) not in known))
