"""What counts as a clock that was set and as a host that slept, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.moment import Moment
from daemon.runtime.clock_guard import ClockGuard

BEAT = timedelta(seconds=30)
NOTHING = timedelta(0)


def after(seconds: float, *, set_by: float = 0, asleep: float = 0) -> Moment:
    """Return a moment; *asleep* is part of the seconds, by *set_by* the clock was set."""
    passed = timedelta(seconds=seconds)
    start = datetime(2026, 11, 26, tzinfo=UTC)
    wall = start + passed + timedelta(seconds=set_by)
    return Moment(wall, "boot", timedelta(hours=1) + passed, timedelta(seconds=asleep))


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (after(1), None),
        (after(20), None),
        (after(1, set_by=1.5), None),
        (after(1, set_by=-90), timedelta(seconds=-90)),
        (after(20, set_by=3600), timedelta(hours=1)),
        (after(7200, asleep=7199), NOTHING),
        (after(7200, asleep=7199, set_by=5), timedelta(seconds=5)),
        (after(33), NOTHING),
    ],
    ids=[
        "all is well",
        "a look comes late on a busy host",
        "a clock is slewed",
        "it is set back",
        "it is set forward, and the look comes late",
        "the host slept",
        "it is set while the host slept",
        "the beat stays out",
    ],
)
def test_what_is_noticed(now: Moment, found: timedelta | None) -> None:
    """A step of two seconds, a sleep as long, a beat that does not come; a late look is none."""
    assert ClockGuard(after(0)).look(now, BEAT) == found


def test_it_is_noticed_once() -> None:
    """After a step and a sleep the clocks are taken as they are."""
    guard = ClockGuard(after(0))
    guard.look(after(10, set_by=60, asleep=5), BEAT)

    assert guard.look(after(11, set_by=60, asleep=5), BEAT) is None


def test_slewing_never_adds_up_to_a_step() -> None:
    """A clock that is slewed for hours was never set."""
    guard = ClockGuard(after(0))
    found = []
    for second in range(1, 1000):
        guard.beat(after(second))
        found.append(guard.look(after(second, set_by=second * 0.1), BEAT))

    assert found == [None] * 999
