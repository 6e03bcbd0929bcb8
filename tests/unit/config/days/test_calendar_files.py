"""Which days an iCalendar file excludes: those of its all-day events, however they repeat."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.days.calendar_files import all_day_events
from daemon.windows.dates import DateSet


def calendar(*events: str) -> str:
    """Write a calendar with these events, their lines separated by blanks."""
    bodies = [f"BEGIN:VEVENT {event} END:VEVENT" for event in events]
    return " ".join(["BEGIN:VCALENDAR", *bodies, "END:VCALENDAR"]).replace(" ", "\r\n") + "\r\n"


def days(*events: str) -> list[str]:
    """Return the ranges of a calendar with these events."""
    found = DateSet.of(all_day_events(calendar(*events)).ranges).ranges
    return [f"{each.first}..{each.last}" for each in found]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART;VALUE=DATE:20261224", "2026-12-24..2026-12-24"),
        # The end is the first day after it.
        ("DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:20261227", "2026-12-24..2026-12-26"),
        ("DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:20261224", "2026-12-24..2026-12-24"),
        ("DTSTART;VALUE=DATE:20261224 DURATION:P1W", "2026-12-24..2026-12-30"),
        ("DTSTART;VALUE=DATE:20261224 TRANSP:TRANSPARENT", "2026-12-24..2026-12-24"),
        ("DTSTART;VALUE=DATE:19700101", "1970-01-01..1970-01-01"),
    ],
)
def test_an_event_has_its_days(event: str, expected: str) -> None:
    """The days of one event: from its start up to its end, which is not part of it."""
    assert days(event) == [expected]


def test_a_series_has_the_days_of_its_rule() -> None:
    """A rule, dates added, dates taken away: together they are the days of a series."""
    found = days(
        "DTSTART;VALUE=DATE:20261224 RRULE:FREQ=YEARLY;UNTIL=20291224"
        " RDATE;VALUE=DATE:20260601,20260701 EXDATE;VALUE=DATE:20281224"
    )

    expected = ["2026-06-01", "2026-07-01", "2026-12-24", "2027-12-24", "2029-12-24"]
    assert found == [f"{day}..{day}" for day in expected]


def test_a_series_without_an_end_goes_on() -> None:
    """A holiday of every year is known for the years that anybody plans for."""
    found = all_day_events(calendar("DTSTART;VALUE=DATE:19500501 RRULE:FREQ=YEARLY")).ranges

    assert [each.first.year for each in found] == [1950, *range(2000, 2101)]
    assert {(each.first.month, each.first.day) for each in found} == {(5, 1)}


def test_a_moved_day_is_where_it_was_moved_to() -> None:
    """One day of a series that was moved counts where it is now; a cancelled one not at all."""
    series = "UID:a DTSTART;VALUE=DATE:20261201 RRULE:FREQ=DAILY;COUNT=3"
    moved = "UID:a RECURRENCE-ID;VALUE=DATE:20261202 DTSTART;VALUE=DATE:20261210"
    cancelled = (
        "UID:a RECURRENCE-ID;VALUE=DATE:20261203 DTSTART;VALUE=DATE:20261203 STATUS:CANCELLED"
    )
    other = "UID:b DTSTART;VALUE=DATE:20261203 STATUS:CANCELLED"

    assert days(series, moved, cancelled, other) == [
        "2026-12-01..2026-12-01",
        "2026-12-10..2026-12-10",
    ]


def test_events_with_a_time_of_day_are_counted() -> None:
    """What does not last whole days excludes none, and is counted to be told."""
    text = calendar("DTSTART:20261224T180000Z", "DTSTART;VALUE=DATE:20261225")

    found = all_day_events(text)

    assert [each.first for each in found.ranges] == [date(2026, 12, 25)]
    assert found.timed == 1


def test_several_calendars_in_one_file() -> None:
    """A file may hold several calendars, one after the other."""
    text = calendar("DTSTART;VALUE=DATE:20261224") + calendar("DTSTART;VALUE=DATE:20270106")

    assert len(all_day_events(text).ranges) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no part from BEGIN:VCALENDAR"),
        ("<html>", "is no iCalendar file"),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n", "no part from"),
        (calendar("SUMMARY:Easter"), "event 1: DTSTART is missing"),
        (calendar("SUMMARY:Easter DTSTART;VALUE=DATE:2026x"), "event 1: DTSTART"),
        (calendar("DTSTART:20261224T1800"), "DTSTART"),
        (
            calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=SECONDLY"),
            "event 1: its RRULE cannot be",
        ),
        (calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=NEVER"), "RRULE"),
        (calendar("DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:x"), "DTEND"),
        (calendar("DTSTART;VALUE=DATE:20261224 DURATION:later"), "DURATION"),
        (calendar("DTSTART;VALUE=DATE:20261224 EXDATE;VALUE=DATE:never"), "EXDATE"),
        (calendar("DTSTART;VALUE=DATE:20261224 DURATION:P9999999D"), "beyond the calendar"),
        (calendar("DTSTART;VALUE=DATE:20261224 DURATION:P1D DURATION:P2D"), "DURATION is there"),
        (calendar("DTSTART;VALUE=DATE:20261224 DURATION;VALUE=DATE:20260101"), "DURATION"),
        (
            calendar("DTSTART;VALUE=DATE:20261224 RDATE;VALUE=PERIOD:20260101T000000Z/PT1H"),
            "RDATE names what is no date",
        ),
        # The library fails in its own ways at these.
        (calendar("DTSTART;VALUE=DATE,20261224"), "is no iCalendar file|DTSTART"),
        (calendar("DTSTART;VALUE=DATE,DATE:20261224"), "is no iCalendar file"),
        (
            calendar(*["DTSTART;VALUE=DATE:20000101 RRULE:FREQ=DAILY"] * 3),
            "repeat more than 100000 times",
        ),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, expected: str) -> None:
    """No day is left out in silence: a file with a part that makes no sense is refused."""
    with pytest.raises(ValueError, match=expected):
        all_day_events(text)


WHOLE = calendar(
    "UID:a DTSTART;VALUE=DATE:20261224 DURATION:P1D RRULE:FREQ=YEARLY;COUNT=3"
    " RDATE;VALUE=DATE:20260601 EXDATE;VALUE=DATE:20271224",
    "UID:a RECURRENCE-ID;VALUE=DATE:20281224 DTSTART;VALUE=DATE:20281227",
)


@given(st.integers(0, len(WHOLE)), st.integers(0, 6), st.text("ADEPRTUV0269:;=,/-\r\n", max_size=6))
def test_a_spoilt_file_is_a_fault_at_worst(start: int, length: int, insert: str) -> None:
    """Whatever a slip of the pen makes of a calendar, it is read or refused in our own words."""
    spoilt = WHOLE[:start] + insert + WHOLE[start + length :]

    with suppress(ValueError):
        all_day_events(spoilt)
