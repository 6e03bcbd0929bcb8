"""Times on the clock, read in zones whose clocks jump: rule 2 of windows and time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.wallclock import end_instant, every_instant, exists, start_instant

Case = tuple[str, str, str, str]

# zone, local time, the instant as a start, the instant as an end
PLAIN: list[Case] = [
    ("UTC", "2026-03-29T02:30", "2026-03-29T02:30Z", "2026-03-29T02:30Z"),
    ("Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"),
    ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z", "2026-10-24T23:59:59Z"),
    ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00Z", "2026-10-25T02:00Z"),
    ("Asia/Kathmandu", "2026-03-29T02:00", "2026-03-28T20:15Z", "2026-03-28T20:15Z"),
    ("Pacific/Apia", "2011-12-29T23:59", "2011-12-30T09:59Z", "2011-12-30T09:59Z"),
    ("Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00Z", "2011-12-30T10:00Z"),
]
GAPS: list[Case] = [
    ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00Z", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00Z", "2026-03-29T01:30Z"),
    ("America/New_York", "2026-03-08T02:59:59", "2026-03-08T07:00Z", "2026-03-08T07:59:59Z"),
    ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00Z", "2018-11-04T03:00Z"),
    ("America/Sao_Paulo", "2018-11-04T00:45", "2018-11-04T03:00Z", "2018-11-04T03:45Z"),
    ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30Z", "2026-10-03T15:45Z"),
    ("Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00Z", "2011-12-30T10:00Z"),
    ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00Z", "2011-12-30T22:00Z"),
    ("Asia/Kathmandu", "1986-01-01T00:10", "1985-12-31T18:30Z", "1985-12-31T18:40Z"),
    ("Africa/Casablanca", "2024-04-14T02:30", "2024-04-14T02:00Z", "2024-04-14T02:30Z"),
]
REPEATED: list[Case] = [
    ("Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:00Z", "2026-10-25T01:00Z"),
    ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
    ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30Z", "2026-11-01T06:30Z"),
    ("America/Sao_Paulo", "2018-02-17T23:30", "2018-02-18T01:30Z", "2018-02-18T02:30Z"),
    ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45Z", "2026-04-04T15:15Z"),
    ("Africa/Casablanca", "2024-03-10T02:30", "2024-03-10T01:30Z", "2024-03-10T02:30Z"),
    ("Europe/Dublin", "2026-10-25T01:30", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
]


@pytest.mark.parametrize(("zone", "local", "start", "end"), [*PLAIN, *GAPS, *REPEATED])
def test_the_widest_reading(zone: str, local: str, start: str, end: str) -> None:
    """Rule 2: a start is the first instant or the end of its gap, an end the last or shifted."""
    at, in_zone = datetime.fromisoformat(local), ZoneInfo(zone)

    assert start_instant(at, in_zone) == datetime.fromisoformat(start)
    assert end_instant(at, in_zone) == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("cases", "count"), [(PLAIN, 1), (GAPS, 0), (REPEATED, 2)], ids=["plain", "gap", "repeated"]
)
def test_every_instant(cases: list[Case], count: int) -> None:
    """Rule 2: a clock time comes once, never in a gap, and twice in a repeated hour."""
    for zone, local, start, end in cases:
        at, in_zone = datetime.fromisoformat(local), ZoneInfo(zone)

        found = every_instant(at, in_zone)

        assert len(found) == count
        assert exists(at, in_zone) is (count > 0)
        assert not found or [found[0], found[-1]] == [
            datetime.fromisoformat(start),
            datetime.fromisoformat(end),
        ]


@pytest.mark.parametrize("second", ["00.250000", "59.999999"])
def test_a_fraction_of_a_second_in_a_gap(second: str) -> None:
    """Rule 2: the first instant after a gap is whole, whatever fraction the missing time has."""
    at = datetime.fromisoformat(f"2026-03-29T02:00:{second}")

    found = start_instant(at, ZoneInfo("Europe/Berlin"))

    assert found == datetime(2026, 3, 29, 1, tzinfo=UTC)
