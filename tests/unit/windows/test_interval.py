"""Local times to openings, around changes of clocks; "rule N" is the contract's numbering."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.rules import Cron, Rrule, Rule, Weekly, intervals
from tests.unit.windows.rule_samples import DAILY, DAY, HOUR, at, daily, opened

# By zone, around its changes: the day, start and end on the clock, what opens.
READ_WIDELY = {
    "Europe/Berlin": [
        # the hour from 02:00 does not exist
        ("2026-03-29", "02:30", "06:00", "03-29T03:00+0200/03-29T06:00+0200 shortened"),
        ("2026-03-29", "01:00", "02:30", "03-29T01:00+0100/03-29T03:30+0200 moved"),
        ("2026-03-29", "02:15", "02:45", "03-29T03:00+0200/03-29T03:45+0200 lengthened"),
        ("2026-03-29", "02:30", "03:00", "03-29T03:00+0200/03-29T03:30+0200 moved"),
        ("2026-03-29", "02:00", "03:00", "03-29T03:00+0200/03-29T04:00+0200 moved"),
        ("2026-03-28", "22:00", "06:00", "03-28T22:00+0100/03-29T06:00+0200 shortened"),
        ("2026-03-29", "03:00", "06:00", "03-29T03:00+0200/03-29T06:00+0200"),
        # the hour from 02:00 comes twice
        ("2026-10-25", "02:30", "06:00", "10-25T02:30+0200/10-25T06:00+0100 lengthened"),
        ("2026-10-25", "01:00", "02:30", "10-25T01:00+0200/10-25T02:30+0100 lengthened"),
        ("2026-10-25", "02:15", "02:45", "10-25T02:15+0200/10-25T02:45+0100 lengthened"),
        ("2026-10-25", "03:00", "06:00", "10-25T03:00+0100/10-25T06:00+0100"),
    ],
    "America/New_York": [
        # 02:00 is missing, 01:00 comes twice
        ("2026-03-08", "02:00", "04:00", "03-08T03:00-0400/03-08T04:00-0400 shortened"),
        ("2026-10-31", "23:30", "01:30", "10-31T23:30-0400/11-01T01:30-0500 lengthened"),
    ],
    "America/Sao_Paulo": [
        # midnight is missing, the last hour of a day comes twice
        ("2018-11-04", "00:00", "04:00", "11-04T01:00-0200/11-04T04:00-0200 shortened"),
        ("2018-11-03", "22:00", "24:00", "11-03T22:00-0300/11-04T01:00-0200 moved"),
        ("2018-02-17", "23:30", "04:00", "02-17T23:30-0200/02-18T04:00-0300 lengthened"),
        ("2018-02-17", "22:00", "23:30", "02-17T22:00-0200/02-17T23:30-0300 lengthened"),
    ],
    "Australia/Lord_Howe": [
        # half an hour is missing, or comes twice
        ("2026-10-04", "02:15", "04:00", "10-04T02:30+1100/10-04T04:00+1100 shortened"),
        ("2026-04-05", "01:45", "04:00", "04-05T01:45+1100/04-05T04:00+1030 lengthened"),
    ],
    "Pacific/Apia": [
        # a whole day is missing
        ("2011-12-30", "10:00", "14:00", "12-31T00:00+1400/12-31T14:00+1400 lengthened"),
        ("2011-12-30", "18:00", "24:00", "12-31T00:00+1400/12-31T06:00+1400 moved"),
        ("2011-12-29", "22:00", "06:00", "12-29T22:00-1000/12-31T06:00+1400 moved"),
    ],
    "Asia/Kathmandu": [
        # an odd offset, and no change
        ("2026-03-29", "02:00", "06:00", "03-29T02:00+0545/03-29T06:00+0545"),
    ],
    "Africa/Casablanca": [
        # summer time pauses for Ramadan
        ("2024-03-10", "02:30", "04:00", "03-10T02:30+0100/03-10T04:00+0000 lengthened"),
        ("2024-04-14", "02:30", "04:00", "04-14T03:00+0100/04-14T04:00+0100 shortened"),
    ],
}


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "expected"),
    [(zone, *case) for zone, cases in READ_WIDELY.items() for case in cases],
)
def test_the_widest_reading(zone: str, day: str, start: str, end: str, expected: str) -> None:
    """Rule 2: wide at a change of clocks, its nominal length if both readings fall together."""
    assert opened(daily(start, end), zone, day) == [expected]


@pytest.mark.parametrize(
    ("start", "zone", "day", "expected"),
    [
        ("01:00", "Europe/Berlin", "2026-03-29", "03-29T01:00+0100/03-29T04:00+0200"),
        ("02:30", "Europe/Berlin", "2026-03-29", "03-29T03:00+0200/03-29T05:00+0200 moved"),
        ("02:30", "Europe/Berlin", "2026-10-25", "10-25T02:30+0200/10-25T03:30+0100"),
        ("00:00", "America/Sao_Paulo", "2018-11-04", "11-04T01:00-0200/11-04T03:00-0200 moved"),
        ("12:00", "Pacific/Apia", "2011-12-30", "12-31T00:00+1400/12-31T02:00+1400 moved"),
    ],
)
def test_a_duration_is_elapsed_time(start: str, zone: str, day: str, expected: str) -> None:
    """Rule 2: a duration is exact, whatever clocks do; only a start in a gap is moved."""
    rule = Weekly(DAILY, time.fromisoformat(start), None, 2 * HOUR)

    assert opened(rule, zone, day) == [expected]


def test_an_opening_belongs_to_the_day_that_the_rule_names() -> None:
    """Rule 1: where a gap moves a start past midnight, it still belongs to its own day."""
    friday = Weekly(frozenset({4}), time(12), None, HOUR)

    (found,) = intervals(
        friday, ZoneInfo("Pacific/Apia"), at("2011-12-30T09:00Z"), at("2011-12-30T11:00Z")
    )

    assert found.day == date(2011, 12, 30)
    assert found.start.astimezone(ZoneInfo("Pacific/Apia")).date() == date(2011, 12, 31)


def test_a_gap_may_give_two_openings_one_start() -> None:
    """Rule 1: the missing day's opening and the next one's are both there, each with its day."""
    found = intervals(
        daily("00:00", "06:00"),
        ZoneInfo("Pacific/Apia"),
        at("2011-12-30T10:00Z"),
        at("2011-12-30T11:00Z"),
    )

    assert [each.day.day for each in found] == [30, 31]
    assert len({(each.start, each.end) for each in found}) == 1


@pytest.mark.parametrize(
    ("expression", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-29", ["03-29T03:00+0200 moved"]),
        ("30 2 * * *", "2026-10-25", ["10-25T02:30+0200"]),
        ("0,30 2 * * *", "2026-10-25", ["10-25T02:00+0200", "10-25T02:30+0200"]),
        (
            "30 1-3 * * *",
            "2026-03-29",
            ["03-29T01:30+0100", "03-29T03:00+0200 moved", "03-29T03:30+0200"],
        ),
        ("*/30 2 * * *", "2026-03-29", ["03-29T03:00+0200 moved", "03-29T03:00+0200 moved"]),
        (
            "*/30 2 * * *",
            "2026-10-25",
            ["10-25T02:00+0200", "10-25T02:30+0200", "10-25T02:00+0100", "10-25T02:30+0100"],
        ),
    ],
)
def test_cron_at_a_change_of_clocks(expression: str, day: str, expected: list[str]) -> None:
    """Rule 2: fixed hours and minutes are read widely, no named hour is left without opening."""
    found = opened(Cron(expression, HOUR), "Europe/Berlin", day)

    assert [start.partition("/")[0] + start[33:] for start in found] == expected


@pytest.mark.parametrize(
    "rule", [Cron("0 * * * *", HOUR / 4), Rrule("FREQ=HOURLY", at("2026-01-01T00:00"), HOUR / 4)]
)
@pytest.mark.parametrize(
    ("day", "count"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)]
)
def test_a_wildcard_hour(rule: Rule, day: str, count: int) -> None:
    """Rule 2: a wildcard hour fires at every real instant: twice if repeated, not in a gap."""
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime.combine(date.fromisoformat(day), time(), zone)

    found = intervals(rule, zone, midnight, (midnight + DAY))

    assert len(found) == count
    assert {later.start - each.start for each, later in pairwise(found)} == {HOUR}
