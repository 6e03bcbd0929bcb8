"""Ends on a later day: `monday 06:00` and `+2d 06:00`, beside a reading of clocks by trial."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.bounds import check_overlap, looked_at
from daemon.windows.interval import Interval
from daemon.windows.rules import (
    ClockEnd,
    DayNumber,
    Monthly,
    NthWeekday,
    Rule,
    WeekdayEnd,
    Weekly,
    intervals,
)
from tests.unit.windows.rule_samples import DAILY, DAY, HOUR, opened
from tests.unit.windows.test_time_properties import around_changes

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
MONDAY_SIX = WeekdayEnd(0, 6 * HOUR)


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        # Clocks in Berlin go forward on 2027-03-28 and back on 2027-10-31.
        (
            Weekly(frozenset({4}), time(22), MONDAY_SIX),
            "2027-03-19",
            ["03-19T22:00+0100/03-22T06:00+0100"],
        ),
        (
            Weekly(frozenset({4}), time(22), MONDAY_SIX),
            "2027-03-26",
            ["03-26T22:00+0100/03-29T06:00+0200 shortened"],
        ),
        (
            Weekly(frozenset({4}), time(22), 2 * DAY + 6 * HOUR),
            "2027-10-29",
            ["10-29T22:00+0200/10-31T06:00+0100 lengthened"],
        ),
        # An end in the hour that clocks show twice is the second of the two.
        (
            Weekly(frozenset({4}), time(22), WeekdayEnd(6, timedelta(hours=2, minutes=30))),
            "2027-10-29",
            ["10-29T22:00+0200/10-31T02:30+0100 lengthened"],
        ),
        # The named day is after that of the start: a week later, if both are the same.
        (
            Weekly(frozenset({0}), time(2), MONDAY_SIX),
            "2026-11-02",
            ["11-02T02:00+0100/11-09T06:00+0100"],
        ),
        (
            Weekly(frozenset({0}), time(22), MONDAY_SIX),
            "2026-11-02",
            ["11-02T22:00+0100/11-09T06:00+0100"],
        ),
        # The same time of day is not "equal" on another day.
        (
            Weekly(frozenset({0}), time(6), DAY + 6 * HOUR),
            "2026-11-02",
            ["11-02T06:00+0100/11-03T06:00+0100"],
        ),
        (
            Monthly((NthWeekday(-1, 4),), 0, time(22), WeekdayEnd(0, DAY)),
            "2026-10-30",
            ["10-30T22:00+0100/11-03T00:00+0100"],
        ),
        # What counts is the day on which it opens, not the day that `on` names.
        (
            Monthly((DayNumber(1),), 2, time(22), MONDAY_SIX),
            "2026-11-03",
            ["11-03T22:00+0100/11-09T06:00+0100"],
        ),
    ],
)
def test_an_end_on_a_later_day(rule: Rule, first: str, expected: list[str]) -> None:
    """It is a time on the clock of the next such day after that of the start, read widely."""
    assert opened(rule, "Europe/Berlin", first) == expected


@st.composite
def later_ends(draw: st.DrawFn) -> ClockEnd:
    """Draw the end of a later day, with any time of day."""
    at = draw(st.integers(0, 24 * 4)) * 15 * MINUTE
    if draw(st.booleans()):
        return WeekdayEnd(draw(st.integers(0, 6)), at)
    return draw(st.sampled_from((1, 2, 3, 7, 30))) * DAY + at


@given(place=around_changes(), end=later_ends(), is_monthly=st.booleans(), at_end=st.booleans())
def test_later_ends_are_read_as_widely_as_clocks_allow(
    *, place: tuple[ZoneInfo, datetime], end: ClockEnd, is_monthly: bool, at_end: bool
) -> None:
    """With start or end at a change of clocks, it is what trying instant by instant finds."""
    zone, local = place
    day = local.date()
    if at_end:
        # Let it open so that its end is near the change.
        day -= DAY if isinstance(end, WeekdayEnd) else end // DAY * DAY
    start = local.time()
    on = (DayNumber(day.day),)
    rule = Monthly(on, 0, start, end) if is_monthly else Weekly(DAILY, start, end)
    expected = _read(day, start, end, zone)

    everything = intervals(rule, zone, expected[0], expected[1])
    last = intervals(rule, zone, expected[1] - SECOND, expected[1])

    assert _of_day(everything, day) == _of_day(last, day) == expected


def _of_day(found: list[Interval], day: date) -> tuple[datetime, datetime, str | None]:
    (one,) = (each for each in found if each.day == day)
    return one.start, one.end, one.dst and str(one.dst)


def _read(
    day: date, start: time, end: ClockEnd, zone: ZoneInfo
) -> tuple[datetime, datetime, str | None]:
    """Return start, end and mark of what opens on a day, by trying days and instants."""
    last, at = day + DAY, end.at if isinstance(end, WeekdayEnd) else end
    if isinstance(end, WeekdayEnd):
        while last.weekday() != end.weekday:
            last += DAY
    local = datetime.combine(day, start)
    local_end = datetime.combine(last if isinstance(end, WeekdayEnd) else day, time()) + at
    starts, ends = _showing(local, zone), _showing(local_end, zone)
    begin = min(starts) if starts else _first_after(local, zone)
    until = max(ends) if ends else _shifted(local_end, zone)
    nominal = local_end - local
    if until <= begin:
        return begin, begin + nominal, "moved"
    if until - begin == nominal:
        return begin, until, None if starts and ends else "moved"
    return begin, until, "shortened" if until - begin < nominal else "lengthened"


def _offsets(local: datetime, zone: ZoneInfo) -> list[timedelta]:
    """Return the offsets from UTC that a zone has within a day and a half, in order of time."""
    about = local.replace(tzinfo=UTC)
    instants = (about + step * 15 * MINUTE for step in range(-160, 161))
    return list(dict.fromkeys(i.astimezone(zone).utcoffset() or timedelta() for i in instants))


def _showing(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which clocks show a time."""
    instants = (local.replace(tzinfo=UTC) - offset for offset in _offsets(local, zone))
    return [i for i in instants if i.astimezone(zone).replace(tzinfo=None) == local]


def _first_after(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which clocks show a later time than one they never show."""
    instant = local.replace(tzinfo=UTC) - 40 * HOUR
    for step in (HOUR, MINUTE, SECOND):
        while (instant + step).astimezone(zone).replace(tzinfo=None) < local:
            instant += step
    return instant + SECOND


def _shifted(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a time that clocks never show, read with the offset before it."""
    offset = (_first_after(local, zone) - SECOND).astimezone(zone).utcoffset()
    return local.replace(tzinfo=UTC) - (offset or timedelta())


def test_one_that_lasts_long_counts_for_as_long() -> None:
    """Where openings are counted that may be looked at together, each counts for all its days."""
    short = Weekly(DAILY, time(22), 6 * HOUR)
    week, year = Weekly(DAILY, time(22), MONDAY_SIX), Weekly(DAILY, time(22), 366 * DAY)
    check_overlap(year, timedelta(0))

    assert [looked_at(rule, timedelta(0)) for rule in (short, week, year)] == [25, 32, 390]
