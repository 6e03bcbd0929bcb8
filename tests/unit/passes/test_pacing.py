"""How long a failed call is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.core.attempt import Action
from daemon.passes.pacing import Pacing

ERRAND = ("orders", Action.PAUSE)
NOW = timedelta(hours=1)


@pytest.mark.parametrize(
    ("resync", "is_transient", "expected"),
    [
        (30, False, [60, 120, 240, 300, 300]),
        (600, False, [300, 300]),
        (30, True, [30, 30, 30]),
        (5, True, [5, 5]),
        (600, True, [30, 30]),
    ],
    ids=["a refusal", "at most 5 minutes", "may pass soon", "a short resync", "at most 30 s"],
)
def test_the_distances_after_failures(
    resync: int, expected: list[int], *, is_transient: bool
) -> None:
    """A refusal is sent again ever later, but 5 minutes after a person mended it at the latest."""
    pacing = Pacing()

    distances = [
        pacing.failed(ERRAND, NOW, timedelta(seconds=resync), is_transient=is_transient)
        for _ in expected
    ]

    assert distances == [timedelta(seconds=seconds) for seconds in expected]
    assert pacing.distance(ERRAND, NOW) == pacing.next_due(NOW) == distances[-1]


def test_a_failure_of_months_has_the_longest_distance() -> None:
    """However often it failed, the number of its failures overflows nothing."""
    pacing = Pacing()

    for _ in range(2000):
        distance = pacing.failed(ERRAND, NOW, timedelta(seconds=30), is_transient=False)

    assert distance == timedelta(minutes=5)
