"""What takes long gives way: calls of functions are counted between two turns of others."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from daemon.core.listing import Listing
from daemon.core.progress import ClusterView, progress_in_steps
from daemon.windows.rules import Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from daemon.windows.work import MUCH, Steps
from tests.unit.counting import counted
from tests.unit.windows.rule_samples import HOUR
from tests.unit.windows.window_samples import at

MANY = 3_000
FEW = 300
IDS = [f"repo-{number:05}" for number in range(MANY)]
CALLS_OF_WORK = 20
"""So many calls of functions may one piece of work take."""


def window(name: str, *patterns: str) -> Window:
    """Return a window that is open from two to three."""
    rule = Once(at("02:00"), duration=HOUR)
    return Window(name, rule, ZoneInfo("UTC"), (("prod", Patterns(patterns)),))


def each_its_own(shape: str, count: int) -> list[Window]:
    """Return *count* windows, each for what its one pattern matches."""
    return [window(f"w{number}", shape.format(number)) for number in range(count)]


def all_in_one(shape: str, count: int) -> list[Window]:
    """Return one window that is for what any of *count* patterns matches."""
    return [window("w", *(shape.format(number) for number in range(count)))]


Make = Callable[[str, int], list[Window]]


@pytest.mark.parametrize("make", [each_its_own, all_in_one])
@pytest.mark.parametrize("shape", ["repo-{:05}", "repo-{:05}*", "*-{:05}", "repo?{:05}"])
def test_a_repository_costs_the_same_among_many_patterns(make: Make, shape: str) -> None:
    """What a name matches is found, not searched for: ten times as much costs ten times as much."""
    sizes = []
    for count in (FEW, MANY):
        timeline, now = Timeline(make(shape, count)), at("02:30")
        timeline.look_ahead(now)

        wanted, calls = counted(timeline.desired_in_steps("prod", IDS[:count], now))

        assert len(wanted) == count
        sizes.append(sum(calls))
    assert sizes[1] < 12 * sizes[0]


@pytest.mark.parametrize("make", [each_its_own, all_in_one])
def test_others_have_their_turn_while_thousands_are_decided(make: Make) -> None:
    """Between two turns little is done, the first time and each time after it."""
    timeline, now = Timeline(make("repo-{:05}", MANY)), at("02:30")
    timeline.look_ahead(now)
    view = ClusterView("prod", Listing(frozenset(IDS)))

    for _ in range(2):
        _, desired = counted(timeline.desired_in_steps("prod", IDS, now))
        found, progress = counted(progress_in_steps(timeline, view, now))

        assert sum(each.wanted for each in found.values()) == MANY
        assert max(desired + progress) < CALLS_OF_WORK * MUCH


def test_windows_without_number_give_way_within_one_repository() -> None:
    """A repository that thousands of windows are for is no single step."""
    windows = [window(f"w{number:05}", "*") for number in range(MANY)]
    timeline, now = Timeline(windows), at("02:30")
    timeline.look_ahead(now)

    wanted, calls = counted(timeline.desired_in_steps("prod", ["orders"], now))

    assert len(wanted["orders"].openings) == MANY
    assert len(calls) > 1


def test_what_opens_next_is_found_ahead() -> None:
    """When thousands open at once, the answers from then on were found before."""
    timeline = Timeline(each_its_own("repo-{:05}", MANY))
    timeline.look_ahead(at("01:00"))

    def ask() -> Steps[int]:
        now = at("02:00")
        yield
        found = (timeline.covering(now), timeline.holding("prod", now))
        assert timeline.is_wanted("prod", now)
        assert timeline.next_change(now, "prod") == at("03:00")
        return min(map(len, found))

    found, calls = counted(ask())

    assert found == MANY
    assert max(calls) < FEW
