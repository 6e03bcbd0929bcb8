"""APScheduler as an alarm clock: it says *when* to look, never what to do.

A lost, late or doubled alarm does no harm. It has one job for the nearest of all boundaries, and
one beat. What 3.11 does by default, measured: after a step of the clock backwards an interval job
is silent until the old time comes again, after one forwards it lists every run it missed. So the
beat counts from now, and the clock guard sets both again.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

_BEAT, _NEXT = "beat", "next"
_SLACK = 64


class _FromNow(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires every *period*, counted from the last firing or from now, whichever is later."""

    def __init__(self, period: timedelta) -> None:
        self._period = period

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else max(previous, now) + self._period


class Alarms:
    """Any number of named alarms, and one beat; callbacks only wake somebody."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Go by *clock*, which gives aware UTC; `start` begins."""
        # What the library logs, we log ourselves; its own lines would not have our format.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._clock = clock
        self._set: dict[str, tuple[datetime, int, Callable[[], None]]] = {}
        self._order: list[tuple[datetime, int, str]] = []
        self._numbers = count()
        self._at: datetime | None = None
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # Two: the library counts a ring as running until the loop's next turn, and would drop
            # a boundary that comes before that, with all behind it.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 2},
        )

    def start(self) -> None:
        """Start ringing, on the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ringing."""
        self._scheduler.shutdown(wait=False)

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler rings at all."""
        return bool(self._scheduler.running)

    def set(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Set the alarm *name* to *at* (aware) instead of its earlier time; None cancels it."""
        if at is None:
            self._set.pop(name, None)
            return
        number = next(self._numbers)
        self._set[name] = (at, number, ring)
        heapq.heappush(self._order, (at, number, name))
        if len(self._order) > 2 * len(self._set) + _SLACK:
            # Alarms that were set again are passed over when they come first; most never do.
            self._order = [(at, number, name) for name, (at, number, _) in self._set.items()]
            heapq.heapify(self._order)
        if self._at is None or at < self._at:
            self._schedule(at)

    def beat(self, period: timedelta, ring: Callable[[], None]) -> None:
        """Ring now and every *period* from now on, instead of an earlier beat.

        What is set is set again, too: after a step of the clock its time is another one.
        """

        async def beat() -> None:
            ring()

        self._scheduler.add_job(beat, _FromNow(period), id=_BEAT, replace_existing=True)
        self._at = None
        self._schedule_next()

    async def _ring(self) -> None:
        self._at, now = None, self._clock()
        try:
            while (first := self._first()) and first[0] <= now:
                heapq.heappop(self._order)
                _, _, ring = self._set.pop(first[2])
                ring()
        finally:
            self._schedule_next()

    def _first(self) -> tuple[datetime, int, str] | None:
        """Return the next alarm that was neither cancelled nor set again."""
        while self._order:
            _, number, name = self._order[0]
            if name in self._set and self._set[name][1] == number:
                return self._order[0]
            heapq.heappop(self._order)
        return None

    def _schedule_next(self) -> None:
        if first := self._first():
            self._schedule(first[0])

    def _schedule(self, at: datetime) -> None:
        self._at = at
        self._scheduler.add_job(self._ring, DateTrigger(at), id=_NEXT, replace_existing=True)
