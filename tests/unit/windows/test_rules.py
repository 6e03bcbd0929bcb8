"""Rules to openings; "rule N" is the contract's numbering of windows and time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.rules import (
    Cron,
    DayNumber,
    MonthDay,
    Monthly,
    NthWeekday,
    Once,
    Rrule,
    Rule,
    Weekly,
    intervals,
)

DAILY = frozenset(range(7))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    """Read a local time, or an instant if it has an offset."""
    return datetime.fromisoformat(text)


def clock(text: str) -> timedelta:
    """Read an end on the clock: the time since midnight, up to 24:00."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def daily(start: str, end: str) -> Weekly:
    """Return a window that is open every day from *start* to *end* on the clock."""
    return Weekly(DAILY, time.fromisoformat(start), clock(end))


def monthly(*on: MonthDay, offset_days: int = 0) -> Monthly:
    """Return a window for an hour from 02:00 on some days of the month."""
    return Monthly(on, offset_days, time(2), None, HOUR)


def opened(rule: Rule, zone: str, first: str, last: str = "") -> list[str]:
    """List what opens on the days from *first* to *last* as `start/end mark`, with offsets."""
    in_zone = ZoneInfo(zone)
    days = date.fromisoformat(first), date.fromisoformat(last or first)
    around = [datetime.combine(day, time(), in_zone) for day in days]
    found = intervals(rule, in_zone, around[0] - 3 * DAY, around[1] + 3 * DAY)
    return [
        f"{each.start.astimezone(in_zone):%m-%dT%H:%M%z}/{each.end.astimezone(in_zone):%m-%dT%H:%M%z}"
        + (f" {each.dst}" if each.dst else "")
        for each in found
        if days[0] <= each.day <= days[1]
    ]


def days_of(rule: Rule, first: str, last: str) -> list[str]:
    """List the days on which *rule* opens in UTC, from *first* to *last*."""
    return [start[:5] for start in opened(rule, "UTC", first, last)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (daily("02:00", "06:00"), "11-23T02:00+0100/11-23T06:00+0100"),
        (daily("22:00", "06:00"), "11-23T22:00+0100/11-24T06:00+0100"),
        (daily("22:00", "24:00"), "11-23T22:00+0100/11-24T00:00+0100"),
        (daily("22:00", "00:00"), "11-23T22:00+0100/11-24T00:00+0100"),
        (daily("00:00", "24:00"), "11-23T00:00+0100/11-24T00:00+0100"),
        (Weekly(DAILY, time(6), None, DAY), "11-23T06:00+0100/11-24T06:00+0100"),
        (Weekly(DAILY, time(6), None, 50 * HOUR), "11-23T06:00+0100/11-25T08:00+0100"),
    ],
)
def test_an_end_on_the_clock(rule: Rule, expected: str) -> None:
    """Rule 1: an end before the start means the next day, 24:00 is allowed, a duration is added."""
    assert opened(rule, "Europe/Berlin", "2026-11-23") == [expected]


@pytest.mark.parametrize(("start", "end"), [("02:00", "02:00"), ("00:00", "00:00")])
def test_equal_start_and_end(start: str, end: str) -> None:
    """Rule 1: equal start and end are an error that tells how to write a whole day."""
    with pytest.raises(ValueError, match="duration: 24h"):
        daily(start, end)


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-11-23T01:00Z", "2026-11-23T02:00Z", 0),
        ("2026-11-23T01:00Z", "2026-11-23T02:00:01Z", 1),
        ("2026-11-23T05:59:59Z", "2026-11-23T07:00Z", 1),
        ("2026-11-23T06:00Z", "2026-11-23T07:00Z", 0),
        ("2026-11-23T03:00Z", "2026-11-23T03:00Z", 0),
        ("2026-11-23T04:00Z", "2026-11-23T03:00Z", 0),
    ],
)
def test_half_open(start: str, end: str, count: int) -> None:
    """Rule 1: both an opening and the time asked for are half-open."""
    found = intervals(daily("02:00", "06:00"), ZoneInfo("UTC"), at(start), at(end))

    assert len(found) == count


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
    "rule",
    [
        Weekly(frozenset({0}), time(2), None, 40 * DAY),
        monthly(DayNumber(1)),
        Monthly((DayNumber(1),), 0, time(2), None, 90 * DAY),
        Cron("0 2 1 1 *", 3000 * DAY),
        Rrule("FREQ=YEARLY", at("2020-01-01T02:00"), 3000 * DAY),
        Once(at("2020-01-01T02:00"), None, 3000 * DAY),
    ],
)
def test_looking_back(rule: Rule) -> None:
    """Rule 4: an opening that began long ago is found, with the end that it always had."""
    zone, now = ZoneInfo("Europe/Berlin"), at("2026-11-23T12:00Z")
    everything = intervals(rule, zone, now - 5000 * DAY, now + 5 * DAY)

    found = intervals(rule, zone, now, now + timedelta(seconds=1))

    assert found == [each for each in everything if each.start <= now < each.end]


@pytest.mark.parametrize(
    ("on", "offset_days", "days"),
    [
        ([DayNumber(31)], 0, ["01-31", "03-31", "05-31"]),
        ([DayNumber(-1)], 0, ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        ([DayNumber(-30)], 0, ["01-02", "03-02", "04-01", "05-02"]),
        ([NthWeekday(2, 1)], 0, ["01-13", "02-10", "03-10", "04-14", "05-12"]),
        ([NthWeekday(2, 1)], 2, ["01-15", "02-12", "03-12", "04-16", "05-14"]),
        ([NthWeekday(1, 3)], -1, ["02-04", "03-04", "04-01", "05-06"]),
        ([NthWeekday(-1, 6)], 0, ["01-25", "02-22", "03-29", "04-26", "05-31"]),
        ([NthWeekday(4, 4)], 0, ["01-23", "02-27", "03-27", "04-24", "05-22"]),
        ([DayNumber(-1)], 40, ["01-09", "02-09", "03-12", "04-09", "05-10"]),
        ([DayNumber(1)], -1, ["01-31", "02-28", "03-31", "04-30", "05-31"]),
    ],
)  # fmt: skip
def test_monthly(on: list[MonthDay], offset_days: int, days: list[str]) -> None:
    """A day that a month lacks is passed over; an offset may cross the month's end."""
    rule = monthly(*on, offset_days=offset_days)

    assert days_of(rule, "2026-01-01", "2026-05-31") == days


def test_two_descriptions_of_one_day() -> None:
    """A day that is named twice opens once."""
    rule = monthly(DayNumber(31), DayNumber(-1), NthWeekday(-1, 5))

    assert days_of(rule, "2026-01-30", "2026-02-01") == ["01-31"]


def test_last_days_of_february() -> None:
    """The last day of February is the 29th in a leap year."""
    found = [
        days_of(monthly(DayNumber(-1)), f"{year}-02-20", f"{year}-02-29") for year in (2028, 2032)
    ]

    assert found == [["02-29"], ["02-29"]]


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


@pytest.mark.parametrize(
    "rule", ["FREQ=HOURLY;BYHOUR=2;BYMINUTE=30", "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"]
)
def test_a_rule_that_names_its_hour_misses_no_day(rule: str) -> None:
    """Rule 2: where the named hour is missing, the opening is moved to the end of the gap."""
    found = opened(Rrule(rule, at("2026-01-01T00:00"), HOUR), "Europe/Berlin", "2026-03-29")

    assert found == ["03-29T03:00+0200/03-29T04:00+0200 moved"]


def test_an_rrule_stays_on_the_clock() -> None:
    """A rule is followed in local time: the opening stays at 02:00 in summer and in winter."""
    rule = Rrule("FREQ=MONTHLY;INTERVAL=3;BYDAY=-1SU", at("2026-01-25T02:00"), 6 * HOUR)

    assert opened(rule, "Europe/Berlin", "2026-01-01", "2026-12-31") == [
        "01-25T02:00+0100/01-25T08:00+0100",
        "04-26T02:00+0200/04-26T08:00+0200",
        "07-26T02:00+0200/07-26T08:00+0200",
        "10-25T02:00+0200/10-25T07:00+0100",
    ]
