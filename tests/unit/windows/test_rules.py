"""Rules to openings; "rule N" is the contract's numbering of windows and time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
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
from tests.unit.windows.rule_samples import DAILY, DAY, HOUR, at, daily, days_of, monthly, opened


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


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Once(at("2026-12-24T18:00"), at("2026-12-27T06:00")), "12-24T18:00-0500/12-27T06:00-0500"),
        (Once(at("2026-12-24T18:00:30"), None, HOUR), "12-24T18:00-0500/12-24T19:00-0500"),
        (
            Once(at("2026-12-24T18:00+01:00"), at("2026-12-27T06:00Z")),
            "12-24T12:00-0500/12-27T01:00-0500",
        ),
        (Once(at("2026-12-24T18:00Z"), None, HOUR), "12-24T13:00-0500/12-24T14:00-0500"),
    ],
)
def test_once(rule: Rule, expected: str) -> None:
    """A single opening is in local times, or between instants with an offset of their own."""
    assert opened(rule, "America/New_York", "2026-12-24") == [expected]


def test_once_counts_seconds() -> None:
    """A single opening begins at the second that is given."""
    rule = Once(at("2026-12-24T18:00:30"), at("2026-12-24T18:01:45"))

    (found,) = intervals(rule, ZoneInfo("UTC"), at("2026-12-24T00:00Z"), at("2026-12-25T00:00Z"))

    assert (found.start, found.end) == (at("2026-12-24T18:00:30Z"), at("2026-12-24T18:01:45Z"))


def test_instants_that_share_a_zone() -> None:
    """Rule 5: an end in the second pass of an hour may follow a start that reads later."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = at("2026-10-25T00:45Z"), at("2026-10-25T01:15Z")

    (found,) = intervals(
        Once(first.astimezone(berlin), second.astimezone(berlin)), berlin, first, second
    )

    assert found.end - found.start == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Weekly(frozenset(), time(2), None, HOUR), "no day"),
        (lambda: Weekly(DAILY, time(2)), "either an end or a duration"),
        (lambda: Weekly(DAILY, time(2), 3 * HOUR, HOUR), "either an end or a duration"),
        (lambda: Weekly(DAILY, time(2), None, timedelta(0)), "longer than nothing"),
        (monthly, "no day"),
        (lambda: Monthly((DayNumber(1),), 0, time(2), 2 * HOUR), "equal"),
        (lambda: Cron("0 2 * * *", -HOUR), "longer than nothing"),
        (lambda: Cron("0 0 30 2 *", HOUR), "never comes"),
        (lambda: Rrule("FREQ=DAILY", at("2026-01-01T00:00"), timedelta(0)), "longer than nothing"),
        (lambda: Rrule("FREQ=SECONDLY", at("2026-01-01T00:00"), HOUR), "too fine"),
        (lambda: Once(at("2026-01-01T00:00")), "either an end or a duration"),
        (lambda: Once(at("2026-01-01T00:00"), at("2026-01-01T00:00")), "not after the start"),
        (lambda: Once(at("2026-01-01T00:00Z"), at("2026-01-01T01:00+02:00")), "not after"),
        (lambda: Once(at("2026-01-01T00:00Z"), at("2026-01-02T00:00")), "differ in kind"),
    ],
)  # fmt: skip
def test_no_rule(make: Callable[[], Rule], complaint: str) -> None:
    """Rules 1 and 5: what is empty, endless, contradictory or impossible is an error."""
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize(
    "rule",
    [
        daily("02:00", "06:00"),
        monthly(DayNumber(1)),
        Cron("0 0 29 2 *", HOUR),
        Rrule("FREQ=YEARLY", at("2026-01-01T00:00"), HOUR),
        Once(at("2026-01-01T00:00"), None, HOUR),
    ],
)
def test_the_ends_of_the_calendar(rule: Rule) -> None:
    """Rule 5: nothing overflows, however far away one looks."""
    zone, week = ZoneInfo("Pacific/Kiritimati"), timedelta(days=7)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    found = [
        *intervals(rule, zone, first, first + week),
        *intervals(rule, zone, last - week, last),
    ]

    assert not found
