"""Instants as people write them: forms, zones, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.instants import read_future, read_instant, read_past
from daemon.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-30T23:00+00:00"),
        ("2026-01-31T02:00", "2026-01-31T01:00+00:00"),
        ("2026-01-31T02:00:00Z", "2026-01-31T02:00+00:00"),
        ("2026-01-31T02:00+05:00", "2026-01-30T21:00+00:00"),
    ],
)
def test_an_instant_without_an_offset_is_local(text: str, expected: str) -> None:
    """A time is read in the file's zone unless it names an offset."""
    assert read_instant("--at", text, BERLIN) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("soon", "not a time; write 2026-01-31"), ("0001-01-01", "beyond the calendar")],
)
def test_what_is_no_instant_is_refused(text: str, complaint: str) -> None:
    """What cannot be read is named with its option."""
    with pytest.raises(UsageError, match=f"^--at {text}: .*{complaint}"):
        read_instant("--at", text, BERLIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:00", "2026-10-24T16:00+00:00"),
        ("14:00", "2026-10-25T13:00+00:00"),
        ("9:30", "2026-10-25T08:30+00:00"),
    ],
)
def test_a_time_of_day_is_the_next_one(text: str, expected: str) -> None:
    """A time of day lies after now, by the clocks of the day that it falls on."""
    assert read_future("--until", text, BERLIN, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-25T02:30", "2026-10-25T01:30+00:00"),
        ("02:30", "2026-10-25T01:30+00:00"),
        ("2027-03-28T02:30", "2027-03-28T01:30+00:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30+00:00"),
    ],
)
def test_an_end_at_a_clock_change_is_the_later_reading(text: str, expected: str) -> None:
    """What is to last until a time that comes twice, or not at all, does not end early."""
    assert read_future("--until", text, BERLIN, NOW) == datetime.fromisoformat(expected)


def test_each_option_names_its_forms() -> None:
    """An end may be a time of day, and a beginning so long ago: a refusal says so."""
    with pytest.raises(UsageError, match="write 18:00, 2026"):
        read_future("--until", "soon", BERLIN, NOW)
    with pytest.raises(UsageError, match="write 2h, 2026"):
        read_past("--since", "soon", BERLIN, NOW)


def test_a_past_instant_is_no_future() -> None:
    """A time that has passed is refused."""
    with pytest.raises(UsageError, match="is in the past"):
        read_future("--until", NOW.isoformat(), BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", NOW - timedelta(hours=2)), ("2026-10-24T02:00Z", NOW - timedelta(hours=10))],
)
def test_the_past_may_be_a_duration(text: str, expected: datetime) -> None:
    """How long ago it was is as good as the time itself."""
    assert read_past("--since", text, BERLIN, NOW) == expected
