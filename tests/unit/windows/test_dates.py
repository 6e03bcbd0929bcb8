"""Sets of dates: joined where they touch, and asked for single days."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.windows.dates import DateRange, DateSet

ORIGIN = date(2026, 1, 1)


def day(number: int) -> date:
    """Return the day so many days after the origin."""
    return ORIGIN + timedelta(days=number)


RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(
        lambda pair: DateRange(day(pair[0]), day(pair[0] + pair[1]))
    )
)


@given(RANGES)
def test_a_set_has_the_days_of_its_ranges(ranges: list[DateRange]) -> None:
    """A set has exactly the days that one of its ranges has, and no two ranges that touch."""
    found = DateSet.of(ranges)

    for number in range(-1, 72):
        assert (day(number) in found) is any(day(number) in each for each in ranges)
    for before, after in zip(found.ranges, found.ranges[1:], strict=False):
        assert after.first - before.last > timedelta(days=1)
