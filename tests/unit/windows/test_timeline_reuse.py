"""What a timeline remembers is what it would compute again, and clusters share it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.rules import Once, Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 24, tzinfo=UTC)
"""A day before clocks go back in Berlin."""

MINUTE = timedelta(minutes=1)
EVERYTHING = Patterns(("*",))


class Targets(tuple[tuple[str, Patterns], ...]):
    """Targets that count how often somebody goes through them."""

    __slots__ = ()
    walks = 0

    def __iter__(self) -> Iterator[tuple[str, Patterns]]:
        """Count, and iterate."""
        Targets.walks += 1
        return super().__iter__()


def windows(*clusters: str) -> list[Window]:
    """Return windows with gaps between them: nightly, at noon, and once, all for *clusters*."""
    targets = tuple((cluster, EVERYTHING) for cluster in clusters)
    once = Once(NOW + timedelta(days=1, hours=9), NOW + timedelta(days=1, hours=10))
    return [
        Window(
            "nightly",
            Weekly(frozenset(range(7)), time(2), timedelta(hours=3), None),
            ZONE,
            targets,
            pause_before=15 * MINUTE,
        ),
        Window("noon", Weekly(frozenset({5, 6}), time(12), None, 30 * MINUTE), ZONE, targets),
        Window("once", once, ZONE, targets, pause_before=5 * MINUTE),
    ]


@given(
    steps=st.lists(st.integers(-60 * 24 * 20, 60 * 24 * 40), min_size=2, max_size=30),
    gap=st.sampled_from([0, 20, 50, 120]),
)
def test_what_is_remembered_is_what_would_be_computed(steps: list[int], gap: int) -> None:
    """A timeline that was asked before, in any order, answers as one that never was."""
    asked = Timeline(windows("prod"), gap * MINUTE)
    for step in steps:
        now, fresh = NOW + step * MINUTE, Timeline(windows("prod"), gap * MINUTE)

        assert asked.covering(now) == fresh.covering(now)
        assert asked.is_wanted("prod", now) == fresh.is_wanted("prod", now)
        assert asked.next_change(now, "prod") == fresh.next_change(now, "prod")


@pytest.mark.parametrize("gap", [0, 20, 600])
def test_every_edge_is_noticed(gap: int) -> None:
    """Asked minute after minute for three days, it says when something is wanted."""
    asked = Timeline(windows("prod"), gap * MINUTE)
    for minute in range(3 * 24 * 60):
        now, ids = NOW + minute * MINUTE, ["orders"]

        assert asked.is_wanted("prod", now) == bool(asked.desired("prod", ids, now))


def test_what_is_open_is_one_answer_until_it_changes() -> None:
    """Between two edges the answer is the same object, so that nobody has to compare it."""
    timeline = Timeline(windows("prod"))
    opened = NOW + timedelta(hours=10)

    assert timeline.covering(opened)
    assert timeline.covering(opened) is timeline.covering(opened + 20 * MINUTE)


def test_clusters_are_not_gone_through_for_each_cluster() -> None:
    """A window's clusters are gone through as often for a hundred clusters as for one."""
    counted = []
    for count in (1, 100):
        (window, *_) = windows(*(f"c{number}" for number in range(count)))
        targets, Targets.walks = Targets(window.targets), 0
        timeline = Timeline([Window("w", window.rule, ZONE, targets)])
        for cluster, _ in targets:
            timeline.is_wanted(cluster, NOW)
            timeline.next_change(NOW, cluster)
        counted.append(Targets.walks)

    assert counted[0] == counted[1]
