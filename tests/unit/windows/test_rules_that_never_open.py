"""Rules that open once or never, and those that are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.rules import (
    Cron,
    DayNumber,
    MonthDay,
    Monthly,
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
