"""Group commit: threads that have something to write at the same time share one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_AT_ONCE = 100


class _Ticket(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item
        self.is_done = False
        self.error: Exception | None = None


class GroupCommit(Generic[T]):
    """Writes what comes while another write is under way together, as soon as that has ended.

    There is no thread for it: whoever is next writes for all that wait. A transaction that fails is
    tried again item by item, so that nobody fails for what is wrong with another's.
    """

    def __init__(self, write: Callable[[Sequence[T]], Sequence[Exception | None]]) -> None:
        """Write with *write*: one durable transaction, and for each item what became of it."""
        self._write = write
        self._waiting: list[_Ticket[T]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many items wait for their transaction."""
        return len(self._waiting)

    def add(self, item: T) -> None:
        """Write *item*; raises what *write* raises or says of it."""
        ticket = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
        with self._turn:
            while not ticket.is_done:
                self._write_next()
        if ticket.error:
            raise ticket.error

    def _write_next(self) -> None:
        with self._lock:
            tickets, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        if not self._try(tickets):
            for ticket in tickets:
                self._try([ticket])

    def _try(self, tickets: Sequence[_Ticket[T]]) -> bool:
        """Write them; return whether that is the end of it."""
        try:
            errors = self._write([ticket.item for ticket in tickets])
        except Exception as exc:  # noqa: BLE001  # raised again by `add`, on the thread of the item
            if len(tickets) > 1:
                return False
            errors = [exc]
        for ticket, error in zip(tickets, errors, strict=True):
            ticket.error, ticket.is_done = error, True
        return True
