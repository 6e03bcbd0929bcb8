"""What `check` says of valid windows: those that never open, never close, or cost too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.reports.advice import advise
from daemon.cli.reports.findings import Advice
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts
from daemon.windows.dates import DateRange
from daemon.windows.rules import Cron, Once, WeekdayEnd, Weekly
from daemon.windows.window import Patterns, Window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
PROD = ClusterSettings(
    "prod",
    timeout=Timeouts(total=timedelta(minutes=4)),
    retry=RetryPolicy(attempts=3, first_delay=timedelta(seconds=40), max_delay=HOUR),
)
"""A round of attempts takes 14 minutes: three of four, with waits of 40 and 80 seconds."""


def daily(name: str, length: timedelta, pattern: str = "*", start: time = time(2)) -> Window:
    """Build a window that opens every day."""
    return Window(
        name=name,
        rule=Weekly(frozenset(range(7)), start, duration=length),
        zone=ZoneInfo("UTC"),
        targets=(("prod", Patterns((pattern,))),),
    )


def advice(*windows: Window) -> list[str]:
    """Return what is said of windows."""
    return [_shown(each) for each in advise(windows, {"prod": PROD}, NOW)]


def _shown(each: Advice) -> str:
    return f"{each.path.removeprefix('windows.')}: {each.message}"


def test_an_ordinary_window_is_fine() -> None:
    """Nothing is said of a window of an hour a day."""
    assert advice(daily("night", HOUR)) == []


def test_a_disabled_window_is_left_alone() -> None:
    """Who switched a window off knows that it does not open."""
    assert advice(replace(daily("night", 24 * HOUR), enabled=False)) == []


@pytest.mark.parametrize(
    ("expression", "is_told"),
    [("0 2 1-7 * sat", True), ("0 2 */7 * sat", False), ("0 2 1-7 * *", False)],
)
def test_either_day_of_a_cron(expression: str, *, is_told: bool) -> None:
    """Who means the first Saturday learns that it is the first seven days, and each Saturday."""
    window = replace(daily("first-saturday", HOUR), rule=Cron(expression, HOUR))

    said = advice(window)

    assert [line for line in said if "crontab(5)" in line] == (said if is_told else [])
    assert bool(said) is is_told


@pytest.mark.parametrize(
    ("expression", "step"),
    [
        ("*/25 2 * * *", "*/25 in the minute"),
        ("*/90 2 * * *", "*/90 in the minute"),
        ("0 */5 * * *", "*/5 in the hour"),
        ("*/15 2 * * *", ""),
        ("0 */6 * * *", ""),
        ("0 2 */7 * *", ""),
    ],
)
def test_steps_that_do_not_come_out_even(expression: str, step: str) -> None:
    """Every 25 minutes is not what */25 means: it is told with the field."""
    window = replace(daily("often", HOUR), rule=Cron(expression, timedelta(minutes=1)))

    said = [line for line in advice(window) if "does not divide evenly" in line]

    assert len(said) == bool(step)
    assert all(line.startswith(f"often: {step} of its cron expression") for line in said)


@pytest.mark.parametrize(("length", "is_told"), [(3, True), (2, False), (1, False)])
def test_a_window_that_opens_before_it_has_closed(length: int, *, is_told: bool) -> None:
    """Openings that overlap are one pause; those that touch, and those without a break, are not."""
    window = replace(daily("late", HOUR), rule=Cron("0 2,4 * * *", length * HOUR))

    assert any("opens again before it has closed" in line for line in advice(window)) is is_told


@pytest.mark.parametrize(
    ("days", "start", "is_told"),
    [({4}, 22, False), ({5, 6}, 5, True), ({6}, 22, False), ({0}, 5, False)],
)
def test_an_end_a_week_later(days: set[int], start: int, *, is_told: bool) -> None:
    """Who opens on Sundays until `sunday 19:00` learns that it is the Sunday after."""
    rule = Weekly(frozenset(days), time(start), WeekdayEnd(6, 19 * HOUR))
    window = replace(daily("weekend", HOUR), rule=rule)

    said = [line for line in advice(window) if "a week later" in line]

    assert len(said) == is_told
    assert all("opens on Sunday 2026-11-22 and closes on the Sunday after" in s for s in said)


def test_an_opening_longer_than_holds_may_be() -> None:
    """A weekend that is longer than max_pause would be an error each time; one as long is not."""
    window = replace(
        daily("weekend", HOUR),
        rule=Weekly(frozenset({4}), time(22), WeekdayEnd(0, 6 * HOUR)),
        pause_before=HOUR,
    )

    (said,) = advise([window], {"prod": PROD}, NOW, 36 * HOUR)

    assert _shown(said).startswith("weekend: pauses for 2 d 9 h, longer than max_pause (1 d 12 h):")
    assert not list(advise([window], {"prod": PROD}, NOW, 57 * HOUR))


@pytest.mark.parametrize(
    ("length", "merge_gap", "expected"),
    [(24, 0, "5 d"), (22, 0, ""), (22, 2, ""), (22, 3, "4 d 22 h")],
)
def test_openings_that_are_one_hold_count_together(
    length: int, merge_gap: int, expected: str
) -> None:
    """Five whole days that touch are one hold of five days; so are some with short gaps."""
    rule = Weekly(frozenset(range(5)), time(2), duration=length * HOUR)
    window = replace(daily("weekdays", HOUR), rule=rule)

    said = advise([window], {"prod": PROD}, NOW, 36 * HOUR, merge_gap * HOUR)

    told = [line for line in map(_shown, said) if "max_pause" in line]
    assert [line.partition(",")[0] for line in told] == (
        [f"weekdays: pauses for {expected}"] if expected else []
    )


def test_a_window_that_is_over() -> None:
    """A single opening in the past is told, one in the future is not."""
    past = Once(datetime(2026, 1, 1, 2), duration=HOUR)  # noqa: DTZ001  # local time
    future = Once(datetime(2027, 1, 1, 2), duration=HOUR)  # noqa: DTZ001  # local time
    window = daily("move", HOUR)

    (said,) = advice(replace(window, rule=past))

    assert said.startswith("move: does not open within 400 days")
    assert advice(replace(window, rule=future)) == []


def test_all_openings_are_excluded() -> None:
    """A window whose every opening is excluded says so; one day that is left is enough."""
    always = DateRange(date(2026, 1, 1), date(2029, 1, 1))
    nearly = (
        DateRange(date(2026, 1, 1), date(2026, 12, 1)),
        DateRange(date(2026, 12, 3), date.max),
    )
    window = daily("night", HOUR)

    (said,) = advice(replace(window, excluded=(always,)))

    assert said.startswith("night: every opening of the next 400 days is excluded")
    assert advice(replace(window, excluded=nearly)) == []


@pytest.mark.parametrize(("length", "is_endless"), [(24 * HOUR, True), (17 * HOUR, False)])
def test_a_window_without_a_break(length: timedelta, *, is_endless: bool) -> None:
    """A window as long as its period never closes."""
    said = advice(daily("night", length))

    assert [line.startswith("night: is open without a break") for line in said] == (
        [True] if is_endless else []
    )


@pytest.mark.parametrize(
    ("length", "lead", "is_short"),
    [(13, 0, True), (14, 0, False), (13, 30, True), (14, 30, False)],
)
def test_a_window_shorter_than_its_attempts(length: int, lead: int, *, is_short: bool) -> None:
    """An opening that may be over before the last attempt at a pause is told."""
    window = daily("night", timedelta(minutes=length))

    said = advice(replace(window, pause_before=timedelta(minutes=lead)))

    assert bool(said) is is_short
    assert all("times out on prod may not be through its attempts" in line for line in said)


def test_too_little_time_is_left() -> None:
    """Windows that together leave less than a quarter of the month are named with the share."""
    night, day = daily("night", 12 * HOUR), daily("day", 8 * HOUR, "orders", time(14))

    (said,) = advice(night, day)

    assert said == "night: pauses prod/orders for 83% of the next 32 days, together with day"
    assert advice(night, replace(day, rule=daily("", 8 * HOUR, start=time(3)).rule)) == []


def test_windows_that_are_alike() -> None:
    """The same times for the same repositories are told once; other repositories are fine."""
    (said,) = advice(daily("one", HOUR), daily("two", HOUR), daily("other", HOUR, "orders"))

    assert said.startswith("one: opens at the same times and for the same repositories as two;")


def test_openings_at_clock_changes() -> None:
    """The openings that a clock change adjusts are told as they will be.

    Europe/Berlin: 2027-03-28 02:00 CET is 03:00 CEST; 2027-10-31 03:00 CEST is 02:00 CET.
    """
    window = replace(
        daily("night", HOUR),
        rule=Weekly(frozenset(range(7)), time(2, 30), end=timedelta(hours=3, minutes=30)),
        zone=BERLIN,
    )

    spring, autumn = advice(window)

    assert spring == (
        "night: is shortened by a clock change: opens Sun 2027-03-28 03:00 CEST (+02:00),"
        " closes Sun 2027-03-28 03:30 CEST (+02:00)"
    )
    assert "Sun 2027-10-31 02:30 CEST (+02:00), closes Sun 2027-10-31 03:30 CET" in autumn


def test_a_clock_change_elsewhere_in_the_night() -> None:
    """A window that no clock change adjusts is not told."""
    assert advice(replace(daily("night", HOUR, start=time(12)), zone=BERLIN)) == []
