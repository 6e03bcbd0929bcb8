"""Admission: of hundreds of threads that have something to do, few compute at once.

With several hundred threads that want the interpreter's lock it is handed round far more than it is
used: 10,000 calls took eight times as long on 500 clusters as on 100. Whoever waits for the network
does not count, or clusters that hang would keep all others out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta


class Slot:
    """One stay inside; it counts while it makes progress."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin outside; *clock* counts seconds."""
        self._clock = clock
        self.last_step = clock()
        self.called = threading.Event()

    def step(self) -> None:
        """Tell of progress, from any thread."""
        self.last_step = self._clock()


class PassLimit:
    """Lets in who came first as soon as less than so many of those inside make progress."""

    def __init__(
        self, most: int, patience: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Let *most* in; one that made no step for *patience* waits for something, and is free.

        *clock* counts seconds and never goes back.
        """
        self._clock = clock
        self._most = most
        self._patience = patience.total_seconds()
        self._inside: set[Slot] = set()
        self._queue: deque[Slot] = deque()
        self._lock = threading.Lock()

    @property
    def queued(self) -> int:
        """How many wait to be let in."""
        return len(self._queue)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait to be let in, and stay for the block."""
        slot = Slot(self._clock)
        with self._lock:
            self._queue.append(slot)
            self._let_in()
        while slot not in self._inside:
            self._wait(slot)
        try:
            yield slot
        finally:
            with self._lock:
                self._inside.remove(slot)
                self._let_in()

    def _wait(self, slot: Slot) -> None:
        """Wait to be called; the first in the queue looks by itself whether others hang."""
        with self._lock:
            is_first = bool(self._queue) and self._queue[0] is slot
        slot.called.wait(self._patience if is_first else None)
        slot.called.clear()
        with self._lock:
            self._let_in()

    def _let_in(self) -> None:
        now, first = self._clock(), self._queue[0] if self._queue else None
        active = sum(now - slot.last_step < self._patience for slot in self._inside)
        for _ in range(min(self._most - active, len(self._queue))):
            slot = self._queue.popleft()
            slot.last_step = now
            self._inside.add(slot)
            slot.called.set()
        if self._queue and self._queue[0] is not first:
            # Whoever is the first by now has to look from time to time.
            self._queue[0].called.set()
