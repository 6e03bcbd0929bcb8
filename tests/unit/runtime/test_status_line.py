"""The line in which `systemctl status` says what the daemon waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.runtime.status_line import Status, in_one_line
from daemon.windows.timeline import Timeline
from daemon.windows.window import Window
from tests.unit.config.config_files import REPOSITORIES, RULE, file_with, read

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""Half past two in Berlin, within the window of `RULE`."""


@pytest.fixture
def timeline() -> Timeline:
    """Return a timeline of one window, Mondays from two to six in Berlin."""
    window: Window = read(file_with(RULE, REPOSITORIES, "timezone: Europe/Berlin")).windows["w"]
    return Timeline([window])


def test_it_says_what_is_open_and_until_when(timeline: Timeline) -> None:
    """Open windows with their ends, the next change in the file's zone, and the holds."""
    status = Status(holds=3, overdue=0, problems=("",), is_rejected=False)

    assert in_one_line(status, timeline, MONDAY.astimezone(BERLIN)) == (
        "open: w until Mon 06:00 CET; next change Mon 2026-11-23 06:00 CET; 3 held"
    )


def test_troubles_stand_in_it(timeline: Timeline) -> None:
    """What is overdue, unreachable or rejected can be seen without any other command."""
    status = Status(3, 1, ("prod UNREACHABLE (refused)",), is_rejected=True)
    later = MONDAY.astimezone(BERLIN) + timedelta(hours=12)

    assert in_one_line(status, timeline, later) == (
        "no window open; next change Mon 2026-11-30 02:00 CET; 3 held; 1 OVERDUE; prod UNREACHABLE"
        " (refused); the file was REJECTED, the last good configuration is in force"
    )
