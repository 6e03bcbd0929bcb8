"""What an opening is compared with: no daemon could go below the limit that is stated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.bench.fan_out import Limit


@pytest.mark.parametrize(
    ("repositories", "waves", "seconds"),
    [(100, 7, 0.45), (112, 7, 0.45), (113, 8, 0.5), (1, 1, 0.15)],
)
def test_the_limit_counts_whole_waves_and_lists(
    repositories: int, waves: int, seconds: float
) -> None:
    """100 calls, 16 at once, are 7 waves; one list comes before them and one after."""
    limit = Limit.of(repositories, timedelta(milliseconds=50))

    assert limit.waves == waves
    assert limit.seconds == pytest.approx(seconds)
