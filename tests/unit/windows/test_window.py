"""Windows and their openings; "rule N" is the contract's numbering of windows and time."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.dates import DateRange
from daemon.windows.interval import DstEffect
from daemon.windows.rules import ClockEnd, Cron, DayNumber, Monthly, WeekdayEnd, Weekly
from daemon.windows.window import Patterns, Window
from tests.unit.windows.window_samples import BERLIN, DAY, EVERYTHING, HOUR, UTC_ZONE, at, daily


def days_of(window: Window, first: str, days: int) -> list[str]:
    """List the days on which *window* opens."""
    start = at(f"{first}T00:00")
    return [f"{each.day:%m-%d}" for each in window.openings(start, start + days * DAY)]


@pytest.mark.parametrize(
    ("patterns", "repository", "is_matched"),
    [
        (("*",), "orders", True),
        (("orders",), "orders", True),
        (("orders",), "orders2", False),
        (("orders",), "Orders", False),
        (("tenant-*",), "tenant-a", True),
        (("tenant-?",), "tenant-ab", False),
        (("tenant-[ab]", "orders"), "tenant-b", True),
        (("tenant-[!a]",), "tenant-a", False),
        (("*", "!tenant-*"), "tenant-a", False),
        (("!tenant-*", "*"), "tenant-a", False),
        (("*", "!tenant-*"), "orders", True),
        (("!tenant-*",), "orders", False),
    ],
)
def test_patterns(patterns: tuple[str, ...], repository: str, is_matched: bool) -> None:
    """Patterns are case-sensitive globs; what any `!` takes away stays away, in whatever order."""
    assert Patterns(patterns).matches(repository) is is_matched


def test_plain_ids() -> None:
    """Plain ids are those named outright: no globs, and none that is taken away."""
    patterns = Patterns(("orders", "tenant-*", "demo", "!demo", "a[b]", "x?"))

    assert patterns.plain == ("orders",)


def test_an_opening_tells_its_identity() -> None:
    """Rule 4: an opening is its window's name and its start in UTC; it shows local times, too."""
    window = daily("nightly", 2, HOUR, zone=BERLIN, pause_before=HOUR / 4)

    (opening,) = window.openings(at("01:00"), at("01:01"))

    assert opening.id == "nightly@2026-11-23T01:00:00Z"
    assert opening.pause_from == at("00:45")
    assert opening.local_start.isoformat() == "2026-11-23T02:00:00+01:00"
    assert opening.local_end.isoformat() == "2026-11-23T03:00:00+01:00"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["11-22", "11-23", "11-24", "11-25"]),
        ({"excluded": (DateRange(date(2026, 11, 23), date(2026, 11, 24)),)}, ["11-22", "11-25"]),
        ({"valid_from": date(2026, 11, 24)}, ["11-24", "11-25"]),
        ({"valid_until": date(2026, 11, 24)}, ["11-22", "11-23", "11-24"]),
        ({"enabled": False}, []),
    ],
)
def test_on_which_days(more: dict[str, Any], expected: list[str]) -> None:
    """Rule 1: exclusions and validity look at the day on which an opening begins alone."""
    window = daily("nightly", 22, 8 * HOUR, **more)

    assert days_of(window, "2026-11-23", 3) == expected


def test_an_exclusion_means_the_local_day() -> None:
    """Rule 1: the day is the window's own, also where it is another one in UTC."""
    window = daily(
        "early", 0, HOUR, zone=BERLIN, excluded=(DateRange(date(2026, 11, 24), date(2026, 11, 24)),)
    )

    assert days_of(window, "2026-11-22", 4) == ["11-23", "11-25", "11-26"]


def test_an_exclusion_means_the_day_after_the_offset() -> None:
    """Rule 1: with an offset, the day that counts is the one on which the window opens."""
    rule = Monthly((DayNumber(10),), 2, time(20), None, HOUR)

    def opens(excluded: int) -> list[str]:
        days = (DateRange(date(2026, 11, excluded), date(2026, 11, excluded)),)
        return days_of(Window("w", rule, UTC_ZONE, EVERYTHING, days), "2026-11-01", 30)

    assert (opens(10), opens(12)) == (["11-12"], [])


@pytest.mark.parametrize(("excluded", "expected"), [(30, ["12-31"]), (31, ["12-30"])])
def test_an_exclusion_and_a_missing_day(excluded: int, expected: list[str]) -> None:
    """Rule 1: an opening that a gap moved to the next day is excluded with its own day alone."""
    day = date(2011, 12, excluded)
    window = daily("w", 0, HOUR, zone=ZoneInfo("Pacific/Apia"), excluded=(DateRange(day, day),))

    found = window.openings(at("2011-12-30T10:00"), at("2011-12-30T11:00"))

    assert [f"{opening.day:%m-%d}" for opening in found] == expected


def test_one_start_is_one_opening() -> None:
    """Rule 4: two openings that a gap moves to one start are one."""
    window = Window("w", Cron("0,30 2 * * *", HOUR), BERLIN, EVERYTHING)

    found = window.openings(at("2026-03-29T00:00"), at("2026-03-29T12:00"))

    assert [opening.dst for opening in found] == [DstEffect.MOVED]


@pytest.mark.parametrize(
    ("end", "ends"),
    [
        (6 * HOUR, "2011-12-31T06:00:00+14:00"),
        (30 * HOUR, "2012-01-01T06:00:00+14:00"),
        (WeekdayEnd(5, 6 * HOUR), "2012-01-07T06:00:00+14:00"),
    ],
)
def test_of_two_that_start_at_once_the_longer_counts(end: ClockEnd, ends: str) -> None:
    """Rule 2: no window ends early, also where a day that a zone left out opens with the next."""
    apia = ZoneInfo("Pacific/Apia")
    window = Window("w", Weekly(frozenset({4, 5}), time(), end), apia, EVERYTHING)

    found = window.openings(at("2011-12-30T09:00"), at("2011-12-30T11:00"))

    (opening,) = (each for each in found if each.start == at("2011-12-30T10:00"))
    assert opening.local_end.isoformat() == ends


@pytest.mark.parametrize("hours", [1, 3])
def test_what_a_person_opens_as_well_has_one_end(hours: int) -> None:
    """Rule 4: an opening has the same end wherever one looks, whether by rule or by hand."""
    start = at("02:00")
    window = daily("w", 2, 2 * HOUR, opened=((start, start + hours * HOUR),))

    found = [window.openings(start + each, start + each + HOUR) for each in (0 * HOUR, 2.5 * HOUR)]

    ends = [(opening.start, opening.end) for openings in found for opening in openings]
    assert ends == [(start, start + max(hours, 2) * HOUR)] * (2 if hours > 2 else 1)
