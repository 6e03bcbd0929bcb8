"""What is said of openings, at the start of whichever of many passes comes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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

    for _ in range(800):
        announcer.announce(timeline, clock(), Lanes(never_made))

    assert ledger.said == [("info", "window.opened")]
