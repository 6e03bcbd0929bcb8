"""Durations, read and written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.durations import LONGEST, format_duration, milliseconds, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("500ms", timedelta(milliseconds=500)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("5m5ms", timedelta(minutes=5, milliseconds=5)),
        ("0s", timedelta(0)),
    ],
)
def test_numbers_with_units_are_durations(text: str, duration: timedelta) -> None:
    """Units stand from the largest to the smallest, each at most once."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "90", "s", "-1s", "1.5h", "1 h", "1H", "30m1h", "1h1h", "1w", "90s\n", "٩s"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    """Bare numbers, signs, fractions and other units are refused with what is allowed."""
    with pytest.raises(ValueError, match=r"is not a duration.*90s, 15m, 2h, 1d, 1h30m or 500ms"):
        parse_duration(text)


def test_absurd_durations_are_refused() -> None:
    """Ten years are the most."""
    with pytest.raises(ValueError, match="too long: at most 3660d"):
        parse_duration("999999999d999999999h")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(hours=36), "1d12h"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(0), "0s"),
        (timedelta(microseconds=1500), "1ms"),
        (-timedelta(minutes=5), "-5m"),
    ],
)
def test_durations_are_written_with_the_largest_units(duration: timedelta, text: str) -> None:
    """Nothing is written that is nought, and nothing below a millisecond."""
    assert format_duration(duration) == text


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_what_is_written_can_be_read(count: int) -> None:
    """Reading undoes writing."""
    duration = timedelta(milliseconds=count)

    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(seconds=1.5), 1500),
        (timedelta(microseconds=12_400), 12),
        (timedelta(microseconds=12_600), 13),
        (-timedelta(milliseconds=7), -7),
    ],
)
def test_milliseconds_are_whole(duration: timedelta, expected: int) -> None:
    """Logs have the nearest whole number."""
    assert milliseconds(duration) == expected
