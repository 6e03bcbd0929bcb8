"""What is said of openings, at the start of whichever of many passes comes first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.core.progress import Progress
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import Lanes
from daemon.runtime.announcer import Announcer
from daemon.service.cluster import ClusterSettings
from daemon.windows.timeline import Timeline
from tests.unit.config.config_files import REPOSITORIES, RULE, file_with, read
from tests.unit.notify.test_queues import Book

BEFORE = datetime(2026, 11, 23, 1, 59, 59, tzinfo=UTC)
"""A second before the window of `RULE` opens, in UTC."""


def never_made(settings: ClusterSettings, *_: object) -> Lane:
    """Fail: no lane is opened."""
    raise AssertionError(settings)


class Clock:
    """Says each time a later time, from the first second on."""

    def __init__(self) -> None:
        """Begin before the opening."""
        self._now = BEFORE

    def __call__(self) -> datetime:
        """Return the next time."""
        self._now += timedelta(milliseconds=10)
        return self._now


def test_an_opening_is_said_once_whoever_is_asked() -> None:
    """Passes that come after the first do not take back, or say again, what that one said."""
    timeline = Timeline([read(file_with(RULE, REPOSITORIES)).windows["w"]])
    ledger, clock = Book(), Clock()
    announcer = Announcer(ledger, BEFORE - timedelta(hours=1))

    async def announce() -> None:
        for _ in range(800):
            await announcer.announce(timeline, clock(), Lanes(never_made))

    asyncio.run(announce())

    assert ledger.said == [("info", "window.opened")]


class Counted(Lanes):
    """No lanes, and a count of how often somebody asks how far openings are."""

    asked = 0

    async def progress(self, timeline: Timeline, now: datetime) -> dict[str, Progress]:
        """Count the question, and let others come before it is answered."""
        self.asked += 1
        await asyncio.sleep(0)
        return await super().progress(timeline, now)


def test_what_opens_together_is_looked_at_together() -> None:
    """However many windows open at once, and passes ask, it is worked out once how far all are."""
    (window,) = read(file_with(RULE, REPOSITORIES)).windows.values()
    timeline = Timeline(replace(window, name=f"w{number}") for number in range(50))
    ledger, lanes = Book(), Counted(never_made)
    announcer = Announcer(ledger, BEFORE - timedelta(hours=1))

    async def announce() -> None:
        now = BEFORE + timedelta(seconds=2)
        await asyncio.gather(*(announcer.announce(timeline, now, lanes) for _ in range(9)))

    asyncio.run(announce())

    assert lanes.asked == 1
    assert ledger.said == [("info", "window.opened")] * 50
