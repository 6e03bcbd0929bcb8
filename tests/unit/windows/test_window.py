"""Windows and their timeline; "rule N" is the contract's numbering of windows and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.dates import DateRange
from daemon.windows.interval import DstEffect
from daemon.windows.rules import Cron, DayNumber, Monthly, Once, Weekly
from daemon.windows.timeline import Desired, Timeline
from daemon.windows.window import Patterns, Window

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
DAILY = frozenset(range(7))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERYTHING = (("prod", Patterns(("*",))),)


def at(text: str) -> datetime:
    """Read a time on 23 November 2026 (UTC), or a date and a time."""
    return datetime.fromisoformat(text if "T" in text else f"2026-11-23T{text}").replace(tzinfo=UTC)


def once(name: str, start: str, end: str, *ids: str, **more: Any) -> Window:
    """Return a window that is open once, for the repositories *ids* of prod."""
    targets = (("prod", Patterns(ids or ("*",))),)
    return Window(name, Once(at(start), at(end)), UTC_ZONE, targets, **more)


def daily(name: str, start: int, duration: timedelta, **more: Any) -> Window:
    """Return a window that opens every day at an hour, UTC unless told."""
    zone = more.pop("zone", UTC_ZONE)
    targets = more.pop("targets", EVERYTHING)
    return Window(name, Weekly(DAILY, time(start), None, duration), zone, targets, **more)


def days_of(window: Window, first: str, days: int) -> list[str]:
    """List the days on which *window* opens."""
    start = at(f"{first}T00:00")
    return [f"{each.day:%m-%d}" for each in window.openings(start, start + days * DAY)]


def desired(windows: Sequence[Window], now: str, *, gap: timedelta = 0 * HOUR) -> Desired | None:
    """Return what is desired of the repository `orders` of prod."""
    return Timeline(windows, gap).desired("prod", ["orders"], at(now)).get("orders")


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
    window = daily("nightly", 2, HOUR, zone=BERLIN, pause_before=15 * MINUTE)

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


def test_a_whole_timeline_is_sorted() -> None:
    """All openings are listed by start, then by window."""
    windows = [daily("b", 3, HOUR), daily("a", 3, HOUR), daily("c", 2, HOUR)]

    found = Timeline(windows).openings(at("00:00"), at("23:00"))

    assert [opening.window for opening in found] == ["c", "a", "b"]


def test_covering_is_half_open() -> None:
    """Rule 1: an opening covers its start and not its end; a pause ahead of it does not count."""
    timeline = Timeline([once("w", "02:00", "06:00", pause_before=HOUR)])

    found = [bool(timeline.covering(at(now))) for now in ("01:59:59", "02:00", "05:59:59", "06:00")]

    assert found == [False, True, True, False]


def test_next_change_goes_from_edge_to_edge() -> None:
    """The next change is the next begin of a pause, start or end, strictly later."""
    timeline = Timeline(
        [once("a", "02:00", "06:00", pause_before=HOUR), once("b", "04:00", "08:00")]
    )

    edges, now = [], timeline.next_change(at("00:00"))
    while now:
        edges.append(f"{now:%H}")
        now = timeline.next_change(now)

    assert edges == ["01", "02", "04", "06", "08"]


def test_next_change_of_a_cluster() -> None:
    """With a cluster only its windows count; of an unknown one nothing ever changes."""
    other = daily("b", 5, HOUR, targets=(("test", Patterns(("*",))),))
    timeline = Timeline([daily("a", 3, HOUR), other])

    found = [timeline.next_change(at("00:00"), name) for name in (None, "prod", "test", "nowhere")]

    assert found == [at("03:00"), at("03:00"), at("05:00"), None]


@pytest.mark.parametrize(("days", "is_seen"), [(1, True), (399, True), (400, True), (401, False)])
def test_next_change_looks_400_days_ahead(days: int, is_seen: bool) -> None:
    """The next change is found up to 400 days ahead, and not beyond, whatever was asked before."""
    now = at("00:00")
    far = Window("far", Once(now + days * DAY, None, HOUR), UTC_ZONE, EVERYTHING)
    timeline = Timeline([far])
    timeline.next_change(now + 20 * DAY)

    assert timeline.next_change(now) == (now + days * DAY if is_seen else None)


def test_next_change_passes_over_no_window() -> None:
    """The end of an opening that is long open does not hide what opens before it."""
    windows = [
        once("long", "2026-11-01T00:00", "2027-09-01T00:00"),
        once("b", "2027-03-01T00:00", "2027-03-01T01:00"),
    ]

    found = Timeline(windows).next_change(at("00:00"))

    assert found == at("2027-03-01T00:00")


def test_next_change_of_nothing() -> None:
    """Without windows, with disabled ones or with those of the past alone, nothing changes."""
    past = once("past", "2020-01-01T00:00", "2020-01-01T01:00")

    found = [
        Timeline(windows).next_change(at("00:00"))
        for windows in ([], [past], [daily("w", 2, HOUR, enabled=False)])
    ]

    assert found == [None, None, None]


@pytest.mark.parametrize("hours", [24, 26, 24 * 30])
def test_as_long_as_its_period(hours: int) -> None:
    """Rule 3: a window as long as its period is always open, without a break."""
    timeline = Timeline([daily("always", 2, hours * HOUR)])
    times = [at("00:00") + step * HOUR / 2 for step in range(200)]

    assert all(timeline.desired("prod", ["orders"], now) for now in times)
