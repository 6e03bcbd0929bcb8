"""APScheduler as an alarm clock: it says *when* to look, never what to do.

A lost, late or doubled alarm does no harm. What 3.11 does by default, measured: after a step of
the clock backwards an interval job is silent until the old time comes again, after one forwards it
lists every run it missed. So the beat counts from now, and the clock guard sets it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

_BEAT = "beat"


class _FromNow(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires every *period*, counted from the last firing or from now, whichever is later."""

    def __init__(self, period: timedelta) -> None:
        self._period = period

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else max(previous, now) + self._period


class Alarms:
    """One alarm a name, and one beat; callbacks must only set a flag, they share a few threads."""

    def __init__(self) -> None:
        """Prepare; `start` begins."""
        # What the library logs, we log ourselves; its own lines would not have our format.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Start ringing."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ringing, without waiting for a callback that runs."""
        self._scheduler.shutdown(wait=False)

    @property
    def is_alive(self) -> bool:
        """Check whether the scheduler's thread lives; an exception inside it would end it."""
        thread = self._scheduler._thread  # noqa: SLF001  # `running` stays True when it is dead
        return thread is not None and thread.is_alive()

    def set(self, name: str, at: datetime | None, ring: Callable[[], None]) -> None:
        """Set the alarm *name* to *at* (aware) instead of its earlier time; None cancels it."""
        if at is not None:
            self._scheduler.add_job(ring, DateTrigger(at), id=name, replace_existing=True)
        elif self._scheduler.get_job(name):
            self._scheduler.remove_job(name)

    def beat(self, period: timedelta, ring: Callable[[], None]) -> None:
        """Ring now and every *period* from now on, instead of an earlier beat."""
        self._scheduler.add_job(ring, _FromNow(period), id=_BEAT, replace_existing=True)
