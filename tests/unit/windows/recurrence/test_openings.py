"""Openings of recurrence rules: COUNT and UNTIL at clock changes, and what a question costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from types import FrameType
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.clock_changes import clock_changes
from daemon.windows.rules import DAY, Rrule, intervals
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from tests.unit.windows.recurrence.reference import Given, starts
from tests.unit.windows.rule_samples import at, opened

LENGTH = timedelta(minutes=10)
HELSINKI = "Europe/Helsinki"
EVERY_DAY = "BYDAY=MO,TU,WE,TH,FR,SA,SU"
OLD = at("1970-01-05T02:00")


def begun(rule: str, begin: str, zone: str, first: str, last: str) -> list[str]:
    """List when a rule opens on the days from *first* to *last*, with offsets."""
    found = opened(Rrule(rule, at(begin), LENGTH), zone, first, last)
    return [each.partition("/")[0] for each in found]


@pytest.mark.parametrize(
    ("rule", "begin", "expected"),
    [
        (
            "FREQ=DAILY;UNTIL=20171029T011500Z",
            "2017-10-27T03:30",
            ["10-27T03:30+0300", "10-28T03:30+0300", "10-29T03:30+0300"],
        ),
        (
            "FREQ=DAILY;UNTIL=20171029T002959Z",
            "2017-10-27T03:30",
            ["10-27T03:30+0300", "10-28T03:30+0300"],
        ),
        (
            "FREQ=HOURLY;UNTIL=20171029T004500Z",
            "2017-10-29T01:30",
            ["10-29T01:30+0300", "10-29T02:30+0300", "10-29T03:30+0300"],
        ),
        (
            "FREQ=HOURLY;UNTIL=20171029T011500Z",
            "2017-10-29T01:30",
            ["10-29T01:30+0300", "10-29T02:30+0300", "10-29T03:30+0300"],
        ),
        (
            "FREQ=HOURLY;UNTIL=20171029T013000Z",
            "2017-10-29T02:30",
            ["10-29T02:30+0300", "10-29T03:30+0300", "10-29T03:30+0200"],
        ),
        (
            "FREQ=HOURLY;UNTIL=20171029T033000",
            "2017-10-29T02:30",
            ["10-29T02:30+0300", "10-29T03:30+0300", "10-29T03:30+0200"],
        ),
    ],
)
def test_until_in_a_repeated_hour(rule: str, begin: str, expected: list[str]) -> None:
    """UNTIL in UTC is an instant, in the first pass or in the second; without a zone it is both."""
    assert begun(rule, begin, HELSINKI, "2017-10-27", "2017-11-02") == expected


@pytest.mark.parametrize(
    ("rule", "begin", "expected"),
    [
        (
            "FREQ=HOURLY;COUNT=4",
            "2017-10-29T01:30",
            ["10-29T01:30+0300", "10-29T02:30+0300", "10-29T03:30+0300", "10-29T03:30+0200"],
        ),
        (
            "FREQ=HOURLY;COUNT=4",
            "2017-03-26T01:30",
            ["03-26T01:30+0200", "03-26T02:30+0200", "03-26T04:30+0300", "03-26T05:30+0300"],
        ),
        # Both of the first two are moved to the end of the gap, where the third is: one opening.
        (
            "FREQ=DAILY;BYHOUR=3,4;BYMINUTE=0,30;COUNT=3",
            "2017-03-26T03:00",
            [*["03-26T04:00+0300"] * 3, "03-26T04:30+0300", "03-27T03:00+0300"],
        ),
        # DTSTART is a Thursday, which the rule does not name.
        ("FREQ=WEEKLY;BYDAY=FR;COUNT=2", "2017-03-23T02:00", ["03-24T02:00+0200"]),
    ],
)
def test_count_is_of_openings(rule: str, begin: str, expected: list[str]) -> None:
    """A repeated hour uses up two of COUNT, a missing one none, and two that meet are one."""
    assert begun(rule, begin, HELSINKI, begin[:10], f"{begin[:8]}30") == expected


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/St_Johns", "Africa/Casablanca"])
@pytest.mark.parametrize(
    ("frequency", "numbers", "count"),
    [
        ("HOURLY", (("BYMONTH", (3, 12)), ("BYMINUTE", (29,))), 15_000),
        ("HOURLY", (("BYHOUR", (0, 2, 3, 23)),), 12_000),
        ("DAILY", (("BYHOUR", (0, 2)),), 5_000),
        ("WEEKLY", (("BYSETPOS", (-1,)), ("BYMONTH", (3, 10)), ("BYHOUR", (0, 23))), 75),
        ("YEARLY", (("BYWEEKNO", (1, -1)),), 20),
    ],
)
def test_count_over_years(
    zone: str, frequency: str, numbers: tuple[tuple[str, tuple[int, ...]], ...], count: int
) -> None:
    """However many clock changes lie on the way, the last opening is the one that is counted to."""
    given = Given(frequency, at("2008-10-26T00:00"), count=count, numbers=numbers)
    rule, in_zone = Rrule(str(given), given.begin, LENGTH), ZoneInfo(zone)
    expected = starts(given, in_zone, at("2020-01-01T00:00"))

    assert len(expected) == count
    for around in (expected[-1], expected[count // 2]):
        first, last = around - 20 * DAY, around + 20 * DAY
        found = intervals(rule, in_zone, first, last)
        meeting = [each for each in expected if first - LENGTH < each < last]
        assert sorted({each.start for each in found}) == meeting


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO,SA;BYSETPOS=1",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2,3",
        "FREQ=YEARLY;BYMONTH=1,12;BYDAY=SU;BYSETPOS=1",
    ],
)
def test_a_set_starts_with_its_period(rule: str) -> None:
    """BYSETPOS chooses in whole weeks, months and years, in which DTSTART then cuts the first."""
    window = Window(
        "b",
        Rrule(rule, at("2026-01-07T02:00"), 3 * timedelta(hours=1)),
        ZoneInfo("UTC"),
        (("c", Patterns(("*",))),),
    )
    timeline = Timeline([window])
    begin, end = at("2026-01-01T00:00Z"), at("2028-01-01T00:00Z")

    whole = timeline.openings(begin, end)

    parts = [timeline.openings(begin + n * 5 * DAY, begin + (n + 1) * 5 * DAY) for n in range(146)]
    assert [each for part in parts for each in part] == whole
    for opening in whole:
        assert timeline.covering(opening.start + LENGTH) == (opening,)
        assert timeline.next_change(opening.start - LENGTH) == opening.start


def test_a_weekly_set_from_the_middle_of_a_week() -> None:
    """The Monday of the first week is before DTSTART: nothing, and never a Saturday."""
    found = begun(
        "FREQ=WEEKLY;BYDAY=MO,SA;BYSETPOS=1",
        "2026-01-07T02:00",
        "UTC",
        "2026-01-01",
        "2026-01-27",
    )

    assert found == ["01-12T02:00+0000", "01-19T02:00+0000", "01-26T02:00+0000"]


def test_clock_changes_are_found() -> None:
    """Changes by an hour, half an hour and a day, with the local times that come twice or never."""
    found = {
        zone: [(f"{each.low:%m-%dT%H:%M}", f"{each.high:%m-%dT%H:%M}") for each in of_year]
        for zone in ("Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
        for of_year in [clock_changes(ZoneInfo(zone), 2011)]
    }

    assert found == {
        "Europe/Berlin": [("03-27T02:00", "03-27T03:00"), ("10-30T02:00", "10-30T03:00")],
        "Australia/Lord_Howe": [("04-03T01:30", "04-03T02:00"), ("10-02T02:00", "10-02T02:30")],
        "Pacific/Apia": [
            ("04-02T03:00", "04-02T04:00"),
            ("09-24T03:00", "09-24T04:00"),
            ("12-30T00:00", "12-31T00:00"),
        ],
        "UTC": [],
    }


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, Python's own included: work that no clock measures."""
    count = 0

    def see(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY;COUNT=999999",
        "FREQ=DAILY;INTERVAL=3;BYMONTHDAY=-1,1,2,3,4;COUNT=99999",
        "FREQ=WEEKLY;BYDAY=MO,SA;BYSETPOS=1;COUNT=9999",
        "FREQ=MONTHLY;BYDAY=-1SU",
        "FREQ=MONTHLY;COUNT=9999",
        "FREQ=YEARLY",
        f"FREQ=YEARLY;{EVERY_DAY};BYSETPOS=1,-1",
    ],
)
def test_the_way_there_costs_nothing(rule: str) -> None:
    """A question about this year is as much work for a rule of 1970 as for one of last year."""
    zone, now = ZoneInfo("Europe/Berlin"), at("2026-03-01T00:00Z")
    old, new = Rrule(rule, OLD, LENGTH), Rrule(rule, at("2025-01-06T02:00"), LENGTH)

    work = []
    for each in (old, new):
        # What COUNT leaves at the start of a year is computed once.
        intervals(each, zone, now - DAY, now)
        work.append(calls(partial(intervals, each, zone, now, now + 8 * DAY)))

    assert work[0] < 1.5 * work[1] + 100


def test_counting_goes_by_years() -> None:
    """Nor does the first question follow half a million openings: some calls for each year."""
    zone, now = ZoneInfo("Europe/Berlin"), at("2026-03-01T00:00Z")
    rule = Rrule("FREQ=HOURLY;COUNT=999999", OLD, LENGTH)
    intervals(Rrule("FREQ=HOURLY;COUNT=999999", OLD, LENGTH), zone, now, now + DAY)

    work = calls(lambda: intervals(rule, zone, now, now + DAY))

    assert work < 100_000


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        f"FREQ=YEARLY;{EVERY_DAY};BYWEEKNO=30;BYMONTH=1",
    ],
)
def test_a_rule_that_never_fires_is_found_by_years(rule: str) -> None:
    """Four hundred years are looked at by their kinds, not by their days."""

    def made() -> None:
        with pytest.raises(ValueError, match="never fires"):
            Rrule(rule, OLD, LENGTH)

    assert calls(made) < 60_000


def test_all_together() -> None:
    """The openings of a rule are in order, and asking for later ones needs no earlier ones."""
    zone = ZoneInfo("America/St_Johns")
    rule = Rrule("FREQ=HOURLY;BYMINUTE=0,31;COUNT=99999", at("2006-10-28T23:00"), LENGTH)
    cuts = [at("2006-10-01T00:00Z") + n * DAY / 3 for n in range(150)]

    found = [
        each
        for start, end in pairwise(cuts)
        for each in intervals(rule, zone, start, end)
        if each.start >= start
    ]

    whole = intervals(rule, zone, cuts[0], cuts[-1])
    assert found == whole
    assert whole[0].start == at("2006-10-28T23:00").replace(tzinfo=zone).astimezone(UTC)
    assert len({each.start for each in found}) == len(found)
    assert isinstance(whole[0].start, datetime)
