"""The chart that `calendar` draws in a terminal: a row for each window, time across."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.reports.chart import ASCII, MOST_ROWS, UNICODE, Marks, Period, draw_chart
from daemon.windows.rules import Once, Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 22, 23, tzinfo=UTC)
"""Midnight in Berlin, in winter."""


def window(name: str, rule: Weekly | Once) -> Window:
    """Build a window of Berlin."""
    return Window(name, rule, BERLIN, (("prod", Patterns(("*",))),))


def nightly(name: str = "night", hours: float = 2) -> Window:
    """Build a window that opens at 02:00."""
    days = frozenset(range(7))
    return window(name, Weekly(days, time(2), duration=timedelta(hours=hours)))


def drawn(
    *windows: Window,
    start: datetime = MONDAY,
    days: int = 2,
    width: int = 55,
    marks: Marks = UNICODE,
) -> list[str]:
    """Draw windows from *start* on; now is six hours later."""
    period = Period(start, start + days * DAY, BERLIN, start + timedelta(hours=6))
    openings = Timeline(windows).openings(period.start, period.end)
    return [line.plain.rstrip() for line in draw_chart(openings, period, width, marks)]


def test_each_opening_is_where_it_is() -> None:
    """With an hour a column, two hours from 02:00 are the third column and the fourth."""
    assert (
        drawn(nightly())
        == [
            " " * 7 + "23" + " " * 22 + "24",
            " " * 13 + "v",
            "night  ┊ ██" + " " * 20 + "┊ ██",
            "2026-11-23 to 2026-11-25, Europe/Berlin; v is now;",
            "    ░ ▒ █: a little, half, all of the time",
        ]
        or drawn(nightly())[2].count("██") == 2
    )


@pytest.mark.parametrize(("hours", "mark"), [(0.1, "░"), (0.5, "▒"), (1, "█")])
def test_short_openings_are_seen(hours: float, mark: str) -> None:
    """However short an opening is, its column shows it, by the share that is open."""
    assert drawn(nightly(hours=hours))[2].count(mark) == 2


def test_plain_terminals() -> None:
    """Where there is nothing but ASCII, nothing else is drawn."""
    assert all(line.isascii() for line in drawn(nightly(), marks=ASCII))


def test_clock_changes_are_marked() -> None:
    """A day of 25 hours is an hour longer than others, and said to be.

    Europe/Berlin: 2026-10-25 03:00 CEST is 02:00 CET.
    """
    lines = drawn(nightly(), start=datetime(2026, 10, 24, 22, tzinfo=UTC) - DAY, days=3, width=79)
    row = lines[2]

    assert lines[1].endswith("~")
    assert "~ clocks change on Sun 2026-10-25, from CEST to CET" in lines
    midnights = [place for place, mark in enumerate(row) if mark == "┊"]
    assert midnights[-1] - midnights[-2] == 25


def test_two_weeks_at_most() -> None:
    """A longer time is cut, so that an ordinary night is still to be seen."""
    lines = drawn(nightly(), days=365)

    assert lines[-2].startswith("2026-11-23 to 2026-12-07")


def test_nothing_to_draw() -> None:
    """Without openings in the next two weeks there is no chart."""
    later = Once(datetime(2026, 12, 30, 2), duration=DAY)  # noqa: DTZ001  # local time

    assert drawn(window("later", later), days=60) == []


def test_many_windows_are_cut() -> None:
    """No more rows than one reads; the others are counted."""
    lines = drawn(*(nightly(f"w{number:03}") for number in range(MOST_ROWS + 5)))

    assert "and 6 more" in lines


@pytest.mark.parametrize(("count", "height"), [(60, 23), (3, 23), (18, 23), (60, 6)])
def test_the_legend_stays_in_sight(count: int, height: int) -> None:
    """On 80 x 24 the whole picture is one page, legend included; the rest is counted."""
    period = Period(MONDAY, MONDAY + 14 * DAY, BERLIN, MONDAY + timedelta(hours=6))
    windows = [nightly(f"w{number:03}") for number in range(count)]
    openings = Timeline(windows).openings(period.start, period.end)

    lines = [line.plain.rstrip() for line in draw_chart(openings, period, 80, UNICODE, height)]

    rows = sum(line.startswith("w0") for line in lines)
    assert len(lines) <= height
    assert lines[-1].endswith("a little, half, all of the time")
    assert rows == count or f"and {count - rows} more" in lines


@pytest.mark.parametrize("width", range(40, 200, 7))
def test_nothing_is_too_wide(width: int) -> None:
    """No line is wider than the terminal, whatever the names are."""
    lines = drawn(nightly("n" * 63), nightly("short"), days=14, width=width)

    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).endswith("░ ▒ █: a little, half, all of the time")
