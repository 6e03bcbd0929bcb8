"""Days of a series that are changed, revised or taken away."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.config.days.calendar_files import OLDER, OWN_RULE, all_day_events
from daemon.windows.dates import DateRange
from tests.unit.config.days.calendars import calendar, single_days


@pytest.mark.parametrize(
    "line",
    [
        "CREATED:00001231T000000Z",
        "LAST-MODIFIED:yesterday",
        "X-A;X-B",
        "ATTENDEE;CN=:x",
        "GEO:here",
        "BEGIN:VALARM TRIGGER:soon DTSTART:never END:VALARM",
        "SUMMARY:first second",
    ],
)
def test_what_is_not_used_does_not_matter(line: str) -> None:
    """Whatever else stands in an event, in its parts and beside it, is not looked at."""
    zone = "BEGIN:VTIMEZONE TZID:x DTSTART:never RRULE:FREQ=SECONDLY END:VTIMEZONE"
    event = f"BEGIN:VEVENT DTSTART;VALUE=DATE:20261224 {line} END:VEVENT"
    text = f"BEGIN:VCALENDAR {zone} {event} END:VCALENDAR BEGIN:JUNK {line} END:JUNK"

    assert all_day_events(text.replace(" ", "\n")).ranges == (
        DateRange(date(2026, 12, 24), date(2026, 12, 24)),
    )


SERIES = "UID:a SEQUENCE:1 DTSTART;VALUE=DATE:20261207 RRULE:FREQ=WEEKLY;UNTIL=20261231"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("DTSTART;VALUE=DATE:20261215 RECURRENCE-ID;VALUE=DATE:20261214", [7, 15, 21, 28]),
        # As some programs export it: a rule of its own says nothing.
        (
            "DTSTART;VALUE=DATE:20261215 RECURRENCE-ID;VALUE=DATE:20261214 RRULE:FREQ=DAILY",
            [7, 15, 21, 28],
        ),
        (
            "DTSTART;VALUE=DATE:20261215 RECURRENCE-ID;VALUE=DATE:20261214 RDATE:20261216",
            [7, 15, 21, 28],
        ),
        (
            "DTSTART;VALUE=DATE:20261215 RECURRENCE-ID;RANGE=THISANDFUTURE:20261214",
            [7, 15, 22, 29],
        ),
        ("STATUS:CANCELLED RECURRENCE-ID;RANGE=THISANDFUTURE:20261214", [7]),
        ("STATUS:CANCELLED RECURRENCE-ID:20261214", [7, 21, 28]),
        # It has a time of day from then on.
        ("DTSTART:20261214T100000Z RECURRENCE-ID;VALUE=DATE:20261214", [7, 21, 28]),
        ("DTSTART:20261214T100000Z RECURRENCE-ID;RANGE=THISANDFUTURE:20261214", [7]),
        ("DTSTART:20261215 RECURRENCE-ID:20261213T230000Z", [7, 15, 21, 28]),
        ("DTSTART:20261215 RECURRENCE-ID;TZID=Europe/Berlin:20261214T000000", [7, 15, 21, 28]),
        # A day that is none of the series is one more.
        ("DTSTART:20261216 RECURRENCE-ID:20261216", [7, 14, 16, 21, 28]),
    ],
)
def test_a_day_of_a_series_is_changed(override: str, expected: list[int]) -> None:
    """RECURRENCE-ID names a single day, whatever rule stands with it, or that and later ones."""
    assert single_days(SERIES, f"UID:a SEQUENCE:1 {override}") == expected
    assert single_days(f"UID:a SEQUENCE:1 {override}", SERIES) == expected


def test_changes_of_later_days_follow_each_other() -> None:
    """Each holds up to the next, and a single day among them has its own."""
    found = single_days(
        SERIES,
        "UID:a DTSTART;VALUE=DATE:20261215 RECURRENCE-ID;RANGE=THISANDFUTURE:20261214",
        "UID:a DTSTART;VALUE=DATE:20261225 RECURRENCE-ID:20261221",
        "UID:a DTSTART;VALUE=DATE:20261230 RECURRENCE-ID;RANGE=THISANDFUTURE:20261228",
    )

    assert found == [7, 15, 25, 30]


def test_the_rule_of_a_moved_day_is_told() -> None:
    """It may have been meant: what is passed over is named by line."""
    moved = "UID:a DTSTART:20261215 RECURRENCE-ID:20261214 RRULE:FREQ=DAILY"

    assert all_day_events(calendar(SERIES, moved)).passed_over == {OWN_RULE: (8,)}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("SEQUENCE:1 DTSTART:20261207", "SEQUENCE:2 DTSTART:20261209", [9]),
        ("SEQUENCE:10 DTSTART:20261207", "SEQUENCE:9 DTSTART:20261209", [7]),
        ("DTSTART:20261207", "SEQUENCE:1 DTSTART:20261209", [9]),
        (
            "DTSTAMP:20260101T000000Z DTSTART:20261207",
            "DTSTAMP:20260102T000000Z DTSTART:20261209",
            [9],
        ),
        # Neither is later: two events whose program gives the same UID to all.
        ("SEQUENCE:1 DTSTART:20261207", "SEQUENCE:1 DTSTART:20261209", [7, 9]),
        ("SEQUENCE:1 DTSTART:20261207", "SEQUENCE:2 DTSTART:20261209 STATUS:CANCELLED", []),
        ("SEQUENCE:2 DTSTART:20261207", "SEQUENCE:1 DTSTART:20261209 STATUS:CANCELLED", [7]),
        (
            "SEQUENCE:1 DTSTART:20261207",
            "SEQUENCE:2 DTSTART:20261207 RRULE:FREQ=DAILY;COUNT=3 EXDATE:20261208",
            [7, 9],
        ),
        ("SEQUENCE:?? DTSTART:20261207", "SEQUENCE:1 DTSTART:20261209", [9]),
    ],
)
def test_the_latest_revision_counts(first: str, second: str, expected: list[int]) -> None:
    """Of events with the same UID the one with the highest SEQUENCE, then DTSTAMP, is left."""
    assert single_days(f"UID:a {first}", f"UID:a {second}") == expected
    assert set(all_day_events(calendar(f"UID:a {first}", f"UID:a {second}")).passed_over) <= {OLDER}


def test_a_moved_day_is_revised_too() -> None:
    """Of two changes of one day the later one counts; a cancelled series takes all along."""
    earlier = "UID:a SEQUENCE:1 RECURRENCE-ID:20261214 DTSTART:20261215"
    later = "UID:a SEQUENCE:2 RECURRENCE-ID:20261214 DTSTART:20261216"

    assert single_days(SERIES, later, earlier) == [7, 16, 21, 28]
    assert single_days(f"{SERIES} STATUS:CANCELLED", earlier) == []
    assert single_days(f"{SERIES} STATUS:CANCELLED", later) == [16]


@pytest.mark.parametrize(
    ("sequence", "more", "expected"),
    [
        # As Confluence exports a day that was moved and then deleted.
        (3, "EXDATE;VALUE=DATE:20261214", [7, 21, 28]),
        # As iCal exported a day that was moved.
        (1, "EXDATE;VALUE=DATE:20261214", [7, 15, 21, 28]),
        (3, "", [7, 15, 21, 28]),
    ],
)
def test_a_moved_day_is_taken_back(sequence: int, more: str, expected: list[int]) -> None:
    """A later revision of the series that excludes a day takes back that it was moved."""
    series = f"{SERIES} {more}".replace("SEQUENCE:1", f"SEQUENCE:{sequence}").strip()

    found = single_days(series, "UID:a SEQUENCE:1 DTSTART:20261215 RECURRENCE-ID:20261214")

    assert found == expected


@pytest.mark.parametrize(
    "excluded",
    [
        "EXDATE;VALUE=DATE:20261214,20261221",
        "EXDATE;VALUE=DATE:20261214 EXDATE:20261221",
        "EXDATE;TZID=Europe/Berlin:20261214T000000,20261221T000000",
        "EXDATE:20261213T230000Z,20261220T230000Z",
        "EXDATE:20261214T000000,20261221T000000,",
        "EXRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221",
    ],
)
def test_days_are_excluded_in_every_form(excluded: str) -> None:
    """A date that is taken away may be a day, a time in a zone, none or UTC, or many of them."""
    start = "DTSTART;TZID=Europe/Berlin:20261207T000000 DURATION:P1D"
    rule = "RRULE:FREQ=WEEKLY;UNTIL=20261231T225959Z"

    assert single_days(f"{start} {rule} {excluded}") == [7, 28]
