"""The rules of windows in a file: what they mean, and what can be wrong with them."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import get_args

import pytest

from daemon.config.rules import RuleKeys
from daemon.windows.rules import (
    Cron,
    DayNumber,
    Monthly,
    NthWeekday,
    Once,
    Rrule,
    WeekdayEnd,
    Weekly,
)
from tests import manual
from tests.unit.config.config_files import REPOSITORIES, RULE, faults, file_with, window_of


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (
            "weekly: {days: [fri-mon, Wednesday], start: 23:30, duration: 2h}",
            Weekly(frozenset({4, 5, 6, 0, 2}), time(23, 30), None, timedelta(hours=2)),
        ),
        (
            "weekly: {days: daily, start: 0:00:30, end: 24:00}",
            Weekly(frozenset(range(7)), time(0, 0, 30), timedelta(hours=24)),
        ),
        (
            "weekly: {days: [weekdays, weekend], start: 02:00, end: 01:00}",
            Weekly(frozenset(range(7)), time(2), timedelta(hours=1)),
        ),
        (
            "monthly: {on: [1, -1, second tuesday, LAST fri], start: 02:00, end: 06:00}",
            Monthly(
                (DayNumber(1), DayNumber(-1), NthWeekday(2, 1), NthWeekday(-1, 4)),
                0,
                time(2),
                timedelta(hours=6),
            ),
        ),
        (
            "weekly: {days: [fri], start: 22:00, end: monday 06:00}",
            Weekly(frozenset({4}), time(22), WeekdayEnd(0, timedelta(hours=6))),
        ),
        (
            "weekly: {days: [fri], start: 22:00, end: Mon  24:00}",
            Weekly(frozenset({4}), time(22), WeekdayEnd(0, timedelta(hours=24))),
        ),
        (
            "weekly: {days: [fri], start: 06:00, end: +3d 6:00:30}",
            Weekly(frozenset({4}), time(6), timedelta(days=3, hours=6, seconds=30)),
        ),
        (
            "monthly: {on: [last friday], start: 22:00, end: sun 06:00}",
            Monthly((NthWeekday(-1, 4),), 0, time(22), WeekdayEnd(6, timedelta(hours=6))),
        ),
        (
            "monthly: {on: 15, start: 22:00, end: +366d 24:00}",
            Monthly((DayNumber(15),), 0, time(22), timedelta(days=367)),
        ),
        (
            "monthly: {on: 15, offset_days: -2, start: 02:00, duration: 1d}",
            Monthly((DayNumber(15),), -2, time(2), None, timedelta(days=1)),
        ),
        (
            'cron: {expression: "0 22 * * sat", duration: 4h}',
            Cron("0 22 * * sat", timedelta(hours=4)),
        ),
        (
            "rrule: {rule: FREQ=MONTHLY;BYDAY=-1SU, from: 2026-01-25T02:00, duration: 6h}",
            Rrule("FREQ=MONTHLY;BYDAY=-1SU", datetime(2026, 1, 25, 2), timedelta(hours=6)),  # noqa: DTZ001  # local
        ),
        (
            "once: {start: 2026-12-24T18:00, end: 2026-12-27 06:00:30}",
            Once(datetime(2026, 12, 24, 18), datetime(2026, 12, 27, 6, 0, 30)),  # noqa: DTZ001  # local
        ),
        (
            "once: {start: 2026-12-24T18:00:00+01:00, duration: 90m}",
            Once(datetime.fromisoformat("2026-12-24T18:00+01:00"), None, timedelta(minutes=90)),
        ),
        (
            # As many programs write an instant.
            "once: {start: 2026-12-24T17:00:00.000Z, duration: 90m}",
            Once(datetime.fromisoformat("2026-12-24T17:00+00:00"), None, timedelta(minutes=90)),
        ),
    ],
)
def test_rules_mean_what_they_say(lines: str, rule: object) -> None:
    """Each kind of rule is read into the rule that it names."""
    assert window_of(lines, REPOSITORIES).rule == rule


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([RULE], "8:3: windows.w: the key repositories is missing"),
        ([REPOSITORIES], "8:3: windows.w: one of the keys weekly, monthly, cron, rrule or once is"),
        ([RULE, "once: {start: 2026-01-01T00:00, duration: 1h}"], "10:5: windows.w.once: there is"),
        (["weekly: {start: 02:00, end: 03:00}"], "windows.w.weekly: the key days is missing"),
        (["weekly: {days: [mon], start: 02:00}"], "9:5: windows.w.weekly: one of the keys end or"),
        (["weekly: {days: [mon], start: 02:00, end: 3:00, duration: 1h}"], "there is end already"),
        (["weekly: {days: [], start: 02:00, end: 03:00}"], "days: the list is empty"),
        (["weekly: {days: [mondy], start: 02:00, end: 03:00}"], 'did you mean "monday"?'),
        (["weekly: {days: [mondy], start: 02:00, end: 03:00}"], "9:21: windows.w.weekly.days[0]:"),
        (["weekly: {days: mon-fry, start: 02:00, end: 03:00}"], 'did you mean "friday"?'),
        (["weekly: {days: [\u017fun], start: 02:00, end: 03:00}"], '"\u017fun" is not a day'),
        (["weekly: {days: [fri-fri], start: 02:00, end: 03:00}"], "begins and ends on one day"),
        (["weekly: {days: [1], start: 02:00, end: 03:00}"], "1 is not a day: write monday or mon"),
        (["weekly: {days: [~], start: 02:00, end: 03:00}"], "days[0]: there is no value"),
        (["weekly: {days: [mon], start: 24:00, end: 03:00}"], "24:00 is allowed as an end only"),
        (["weekly: {days: [mon], start: 25:00, end: 03:00}"], '"25:00" is not a time of day'),
        (["weekly: {days: [mon], start: 2, end: 03:00}"], "2 is not a time of day"),
        (["weekly: {days: [mon], start: 02:00, end: 24:01}"], "at most 24:00"),
        (["weekly: {days: [mon], start: 02:00, end: 6}"], "6 is not an end: write a time of day"),
        (["weekly: {days: [mon], start: 02:00, end: monday}"], "monday 06:00 for the next Monday"),
        (["weekly: {days: [mon], start: 02:00, end: mondy 06:00}"], 'did you mean "monday 06:00"?'),
        (["weekly: {days: [mon], start: 02:00, end: 2d 06:00}"], 'did you mean "+2d 06:00"?'),
        (["weekly: {days: [mon], start: 02:00, end: weekend 06:00}"], "is not an end"),
        (["weekly: {days: [mon], start: 02:00, end: mon-fri 06:00}"], "is not an end"),
        (["weekly: {days: [mon], start: 02:00, end: +2d}"], "+2d 06:00 for two days later"),
        (["weekly: {days: [mon], start: 02:00, end: +2d 24:01}"], "is not an end"),
        (["weekly: {days: [mon], start: 02:00, end: +0d 06:00}"], 'write "06:00"'),
        (["weekly: {days: [mon], start: 02:00, end: +400d 06:00}"], "+1d to +366d are allowed"),
        (["weekly: {days: [mon], start: 02:00, end: -2d 06:00}"], "9:46: windows.w.weekly.end: "),
        (["monthly: {on: 1, start: 02:00, end: +367d 06:00}"], "9:41: windows.w.monthly.end: "),
        (["weekly: {days: [mon], start: monday 02:00, end: 03:00}"], "is not a time of day"),
        (["weekly: {days: [mon], start: 02:00, end: 02:00}"], "9:46: windows.w.weekly.end: start"),
        (["weekly: {days: [mon], start: 02:00, duration: 0s}"], "out of bounds"),
        (["weekly: {day: [mon], start: 02:00, end: 03:00}"], 'did you mean "days"?'),
        (["monthly: {on: [0], start: 02:00, end: 03:00}"], "0 is not a day of a month"),
        (["monthly: {on: [-32], start: 02:00, end: 03:00}"], "-32 is not a day of a month"),
        (["monthly: {on: ['32'], start: 02:00, end: 03:00}"], "32 is not a day of a month"),
        (["monthly: {on: [true], start: 02:00, end: 03:00}"], "true is not a day of a month"),
        (["monthly: {on: [fifth monday], start: 02:00, end: 03:00}"], "is not a day of a month"),
        (["monthly: {on: [secnd tuesday], start: 02:00, end: 3:00}"], '"second tuesday"?'),
        (["monthly: {on: 1, offset_days: 32, start: 02:00, end: 03:00}"], "-31 to 31 are allowed"),
        (["cron: {expression: '* * * *', duration: 1h}"], "9:24: windows.w.cron.expression: "),
        (["cron: {expression: '@reboot', duration: 1h}"], "cron.expression: "),
        (["cron: {expression: '0 0 0 30 2 *', duration: 1h}"], "five fields"),
        (["cron: {expression: '0 0 30 2 *', duration: 1h}"], "cron.expression: "),
        (["cron: {expression: 5, duration: 1h}"], "quote it"),
        (["rrule: {rule: FREQ=SECONDLY, from: 2026-01-25T02:00, duration: 1h}"], "rrule.rule: "),
        (["rrule: {rule: nonsense, from: 2026-01-25T02:00, duration: 1h}"], "rrule.rule: "),
        (["rrule: {rule: FREQ=DAILY, from: 2026-01-25, duration: 1h}"], "is not a local time"),
        (["rrule: {rule: FREQ=DAILY, from: 2026-02-30T02:00, duration: 1h}"], "not a local time"),
        (["rrule: {rule: FREQ=DAILY, from_: 2026-02-03T02:00, duration: 1h}"], 'mean "from"?'),
        (["once: {start: 2026-01-01T02:00, end: 2026-01-01T02:00}"], "the end is not after the"),
        (["once: {start: 2026-01-01T02:00, end: 2026-01-02T02:00Z}"], "differ in kind"),
        (["once: {start: 2026-01-01, duration: 1h}"], "is not a time: write 2026-12-24T18:00"),
        (["once: {start: 1026-01-01T02:00, duration: 1h}"], "is not in 1970 to 2999"),
        (["once: {start: 2026-01-01T02:00+01:60, duration: 1h}"], "is not a time: write 2026"),
        (["once: {start: 2026-01-01T02:00:00.5Z, duration: 1h}"], "is not a time: write 2026"),
    ],
)
def test_faults_of_a_rule(lines: list[str], expected: str) -> None:
    """A rule that says too little, too much or nonsense is refused where it does."""
    found = faults(file_with(*lines))

    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize("kind", RuleKeys.model_fields)
def test_the_manual_has_every_kind(kind: str) -> None:
    """The manual's table of windows has each kind of rule, with its keys."""
    first = [row[0] for row in manual.table("windows", "window")]
    (row,) = [cell for cell in first if cell.startswith(f"`{kind}: ")]
    section = get_args(RuleKeys.model_fields[kind].annotation)[0]
    keys = {field.alias or name for name, field in section.model_fields.items()}

    assert set(re.findall(r"\w+", row.partition(":")[2])) == keys
