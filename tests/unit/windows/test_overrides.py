"""What people decide beside the file: the windows that are in force then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.dates import DateRange
from daemon.windows.overrides import Override, OverrideKind, in_force, relevant, skips
from daemon.windows.rules import Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

DAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = DAY + 2 * HOUR
UTC_ZONE = ZoneInfo("UTC")
NIGHTLY = Window(
    name="nightly",
    rule=Weekly(frozenset(range(7)), time(2), duration=4 * HOUR),
    zone=UTC_ZONE,
    targets=(("prod", Patterns(("*",))),),
)


def decision(kind: OverrideKind, end: datetime | None = None, start: datetime = START) -> Override:
    """Build a decision about the opening of `nightly` on the day."""
    return Override(kind, "nightly", start, end, made=START + HOUR, by="ana@host")


def spans(*overrides: Override, days: int = 1) -> list[tuple[float, float]]:
    """List the openings of some days, in hours since the day began."""
    (window,) = in_force([NIGHTLY], overrides, UTC_ZONE)
    found = window.openings(DAY, DAY + timedelta(days=days))
    return [((o.start - DAY) / HOUR, (o.end - DAY) / HOUR) for o in found]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], [(2, 6), (26, 30)]),
        ([decision(OverrideKind.CLOSE, START + HOUR)], [(2, 3), (26, 30)]),
        ([decision(OverrideKind.EXTEND, DAY + 8 * HOUR)], [(2, 8), (26, 30)]),
        ([decision(OverrideKind.SKIP)], [(26, 30)]),
        ([decision(OverrideKind.EXTEND, DAY + 8 * HOUR),
          decision(OverrideKind.CLOSE, DAY + 7 * HOUR)], [(2, 7), (26, 30)]),
        ([decision(OverrideKind.SKIP), decision(OverrideKind.UNSKIP)], [(2, 6), (26, 30)]),
        ([decision(OverrideKind.SKIP), decision(OverrideKind.UNSKIP),
          decision(OverrideKind.SKIP)], [(26, 30)]),
        ([decision(OverrideKind.OPEN, DAY + 9 * HOUR, DAY + 8 * HOUR)],
         [(2, 6), (8, 9), (26, 30)]),
        ([decision(OverrideKind.OPEN, DAY + 9 * HOUR, DAY + 8 * HOUR),
          decision(OverrideKind.EXTEND, DAY + 11 * HOUR, DAY + 8 * HOUR)],
         [(2, 6), (8, 11), (26, 30)]),
        ([decision(OverrideKind.OPEN, DAY + 9 * HOUR, DAY + 8 * HOUR),
          decision(OverrideKind.CLOSE, DAY + 8 * HOUR, DAY + 8 * HOUR),
          decision(OverrideKind.OPEN, DAY + 10 * HOUR, DAY + 8 * HOUR)],
         [(2, 6), (8, 10), (26, 30)]),
        ([decision(OverrideKind.CLOSE, START)], [(26, 30)]),
        ([decision(OverrideKind.SKIP, start=START + HOUR)], [(2, 6), (26, 30)]),
    ],
)  # fmt: skip
def test_decisions_change_one_opening(
    overrides: list[Override], expected: list[tuple[float, float]]
) -> None:
    """A decision ends, moves or cancels the opening that it names, and no other."""
    assert spans(*overrides, days=2) == expected


def test_an_extended_opening_is_found_beyond_its_old_end() -> None:
    """Who asks about a time after the planned end, and before the moved one, finds the opening."""
    extended = decision(OverrideKind.EXTEND, DAY + 100 * HOUR)
    (window,) = in_force([NIGHTLY], [extended], UTC_ZONE)

    found = window.openings(DAY + 75 * HOUR, DAY + 76 * HOUR)

    assert [(o.start, o.end) for o in found if o.start == START] == [(START, DAY + 100 * HOUR)]
    assert found == sorted(found, key=lambda opening: opening.start)


def test_a_window_opened_by_hand_has_its_own_settings() -> None:
    """Excluded, over or switched off: a person opens it all the same, for its own repositories."""
    planned = replace(
        NIGHTLY, enabled=False, excluded=(DateRange(START.date(), START.date()),), description="d"
    )
    opened = decision(OverrideKind.OPEN, START + HOUR)

    (window,) = in_force([planned], [opened], UTC_ZONE)
    found = window.openings(DAY, DAY + 48 * HOUR)

    assert [(o.start, o.end, o.window) for o in found] == [(START, START + HOUR, "nightly")]
    assert (window.targets, window.description) == (NIGHTLY.targets, "d")


def test_an_opening_by_hand_goes_with_its_window() -> None:
    """What was opened by hand and has left the file is for no repository, so for nothing."""
    assert in_force([], [decision(OverrideKind.OPEN, START + HOUR)], UTC_ZONE) == ()


def test_what_is_cancelled_is_known() -> None:
    """Who asks which openings were cancelled finds those, and not one that was taken back."""
    tomorrow = START + timedelta(days=1)
    decided = [
        decision(OverrideKind.SKIP),
        decision(OverrideKind.SKIP, start=tomorrow),
        decision(OverrideKind.UNSKIP),
    ]

    (window,) = in_force([NIGHTLY], decided, UTC_ZONE)

    assert [o.start for o in window.cancelled(DAY, DAY + 72 * HOUR)] == [tomorrow]
    assert skips(decided) == {("nightly", tomorrow): decided[1]}


def test_what_was_extended_for_days_still_matters() -> None:
    """An unplanned window that a person extended stays, however long its first end is over."""
    opened = replace(decision(OverrideKind.OPEN, START + HOUR), targets=NIGHTLY.targets)
    extended = decision(OverrideKind.EXTEND, START + timedelta(days=9))

    assert relevant([opened, extended], START + timedelta(days=8)) == [opened, extended]
    assert relevant([opened], START + timedelta(days=8)) == []


def test_an_unplanned_window_opens_once() -> None:
    """A window that a person opened is for the repositories they named, until the end they gave."""
    opened = Override(
        OverrideKind.OPEN,
        "patch",
        START,
        START + HOUR,
        START,
        "ana@host",
        "kernel",
        (("prod", Patterns(("orders",))),),
    )
    found = Timeline(in_force([NIGHTLY], [opened], UTC_ZONE))

    wanted = found.desired("prod", ["orders", "other"], START)

    assert wanted["orders"].windows == ("nightly", "patch")
    assert wanted["other"].windows == ("nightly",)
    assert [o.window for o in found.covering(START + timedelta(minutes=59))] == ["nightly", "patch"]
    assert [o.window for o in found.covering(START + HOUR)] == ["nightly"]


def test_a_new_window_of_the_same_name_takes_nothing_away() -> None:
    """An unplanned window goes on beside one that the file gets under its name later."""
    opened = replace(decision(OverrideKind.OPEN, START + HOUR), targets=NIGHTLY.targets)

    names = [window.name for window in in_force([NIGHTLY], [opened], UTC_ZONE)]

    assert names == ["nightly", "nightly (unplanned)"]


def test_a_decision_on_a_window_that_is_gone_is_idle() -> None:
    """What people decided about a window that an edit removed changes nothing else."""
    gone = replace(decision(OverrideKind.SKIP), window="gone")

    assert in_force([NIGHTLY], [gone], UTC_ZONE) == (NIGHTLY,)


def test_a_name_can_be_used_again() -> None:
    """A second unplanned window of a name takes the place of the first, which is over."""
    first = Override(
        OverrideKind.OPEN,
        "patch",
        START,
        START + HOUR,
        START,
        "ana@host",
        targets=NIGHTLY.targets,
    )
    second = replace(first, start=START + 2 * HOUR, end=START + 3 * HOUR)

    (window,) = in_force([], [first, second], UTC_ZONE)

    assert [o.start for o in window.openings(DAY, DAY + 24 * HOUR)] == [second.start]


def test_old_decisions_do_not_matter() -> None:
    """What people opened long ago is no longer carried along; what they skipped is for a year."""
    opened = Override(OverrideKind.OPEN, "patch", START, START + HOUR, START, "ana@host")

    assert opened.matters(START + timedelta(days=1))
    assert not opened.matters(START + timedelta(days=3))
    assert decision(OverrideKind.SKIP).matters(START + timedelta(days=300))
    assert not decision(OverrideKind.SKIP).matters(START + timedelta(days=500))
