"""Which days an iCalendar file excludes: those of its all-day events, however they repeat."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.days.calendar_files import OLDER, OWN_RULE, TIMED, all_day_events
from daemon.config.days.ics_rules import Unused
from daemon.windows.dates import DateRange, DateSet


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


@pytest.mark.parametrize(
    "event",
    [
        "DTSTART:20261224 DTEND:20261226",
        "DTSTART;VALUE=DATE:20261224 DURATION:P2D",
        "DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE-TIME:20261225T235900",
        "DTSTART;TZID=Europe/Berlin:20261224T000000 DTEND;TZID=Europe/Berlin:20261226T000000",
        "DTSTART;TZID=W._Europe:20261224T000000 DTEND;TZID=W._Europe:20261226T000000",
        "DTSTART;TZID=Europe/Berlin:20261224T000000 DURATION:PT48H",
        "DTSTART;TZID=Europe/Berlin:20261224T000000 DTEND;VALUE=DATE:20261226",
        "DTSTART;TZID=Europe/Berlin:20261224T000000 DTEND:20261225T230000Z",
        "DTSTART:20261224T000000Z DTEND:20261226T000000Z",
        "DTSTART:20261224T000000 DTEND:20261226T000000",
        "DTSTART:20261224T000000 DURATION:P2D",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE DTSTART:20261223T230000Z DTEND:20261225T230000Z",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE DTSTART:20261224T050000Z DTEND:20261226T050000Z",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE DTSTART:20261223T110000Z DTEND:20261225T110000Z",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE DTSTART:20261224T000000 DTEND:20261225T235959",
        "X-FUNAMBOL-ALLDAY:1 DTSTART:20261224T000000 DTEND:20261225T235900",
    ],
)
def test_whole_days_in_every_form(event: str) -> None:
    """Programs write two days as such, from midnight to midnight, or with a mark of their own."""
    assert days(event) == ["2026-12-24..2026-12-25"]
    assert not all_day_events(calendar(event)).passed_over


def test_a_calendar_says_for_which_zone_its_times_are() -> None:
    """A midnight there is one although it is another time in UTC, also in a series."""
    event = (
        "BEGIN:VEVENT DTSTART:20261223T230000Z DTEND:20261224T230000Z"
        " RRULE:FREQ=DAILY;UNTIL=20261227T230000Z EXDATE:20261224T230000Z END:VEVENT"
    )
    text = f"BEGIN:VCALENDAR X-WR-TIMEZONE:Europe/Berlin {event} END:VCALENDAR"

    found = all_day_events(text.replace(" ", "\n")).ranges

    assert [each.first.day for each in found] == [24, 26, 27, 28]
    assert days(event[len("BEGIN:VEVENT ") : -len(" END:VEVENT")]) == []


@pytest.mark.parametrize(
    "event",
    [
        "DTSTART:20261224T180000Z DTEND:this-is-not-looked-at",
        "DTSTART;TZID=Europe/Berlin:20261224T000000 DTEND;TZID=Europe/Berlin:20261224T235900",
        "DTSTART:20261224T000000",
        "DTSTART:20261224T000000 DTEND:20261224T000000",
        "DTSTART;VALUE=DATE:20261224T180000",
        "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE DTSTART:20261224T090000 DTEND:20261225T090000",
    ],
)
def test_what_has_a_time_of_day_is_no_whole_day(event: str) -> None:
    """An event that does not last to a midnight is passed over, and named by its line."""
    found = all_day_events(calendar(event))

    assert found.ranges == ()
    assert found.passed_over == {TIMED: (2,)}


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


def single_days(*events: str) -> list[int]:
    """Return the days of December of a calendar with these events."""
    found = all_day_events(calendar(*events)).ranges
    assert all((each.first.year, each.first.month) == (2026, 12) for each in found)
    return sorted(each.first.day for each in found)


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


@pytest.mark.parametrize(
    ("rule", "expected", "remark"),
    [
        ("FREQ=DAILY;INTERVAL=1;COUNT=3;", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226T000000", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226T235959Z", [24, 25, 26], {}),
        ("FREQ=DAILY;COUNT=2;BYHOUR=9,10;BYMINUTE=0;BYSECOND=0", [24, 25], {}),
        ("FREQ=DAILY;COUNT=-1;UNTIL=20261225", [24, 25], {}),
        ("FREQ=DAILY;UNTIL=20261224", [24], {}),
        ("FREQ=DAILY;UNTIL=20261223", [24], {Unused.ENDED: (2,)}),
        ("", [24], {Unused.EMPTY: (2,)}),
        (";", [24], {Unused.EMPTY: (2,)}),
    ],
)
def test_a_rule_as_programs_write_it(
    rule: str, expected: list[int], remark: dict[str, tuple[int, ...]]
) -> None:
    """Empty parts say nothing, an end includes its day, and the first day always counts."""
    event = f"DTSTART;VALUE=DATE:20261224 RRULE:{rule}"

    assert single_days(event) == expected
    assert all_day_events(calendar(event)).passed_over == remark


def test_an_end_in_utc_is_read_in_the_zone_of_the_start() -> None:
    """23:00 in UTC is midnight in Berlin: the day that begins then is the last."""
    start = "DTSTART;TZID=W._Europe_Standard_Time:20261224T000000 DURATION:P1D"

    text = calendar(f"{start} RRULE:FREQ=DAILY;UNTIL=20261226T230000Z").replace("_", " ")

    assert [each.first.day for each in all_day_events(text).ranges] == [24, 25, 26, 27]


def test_lines_are_unfolded_and_counted() -> None:
    """A line that goes on in the next is one, and a message names where it begins."""
    text = (
        "\ufeffBEGIN:VCALENDAR\n\nbegin:vevent\nDTSTART;VALUE=\n DATE:2026\n\t1224\n"
        'end:VEVENT\nBEGIN:VEVENT\nDTSTART;X="\n a:b;c":20261226\nDTEND:2026122\n x\nEND:VEVENT\n'
        "END:VCALENDAR"
    )

    with pytest.raises(ValueError, match=r"^line 11: DTEND is not valid$"):
        all_day_events(text)
    found = all_day_events(text.replace("122\n x", "122\n 8"))
    assert [each.first.day for each in found.ranges] == [24, 26]
    assert [each.last.day for each in found.ranges] == [24, 27]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "RRULE:FREQ=YEARLY;COUNT=1 " * 501,
            "has 501 rules of repetition .RRULE. of all-day events; at most 500",
        ),
        (
            "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO " * 40,
            "over more than 1,000,000 days, weeks, months and years up to 2100",
        ),
    ],
)
def test_the_work_for_rules_is_bounded(rules: str, expected: str) -> None:
    """Rules are counted, and what they have to go through: nobody waits for what is rare."""
    event = f"DTSTART;VALUE=DATE:20261224 {rules}".strip()

    with pytest.raises(ValueError, match=expected):
        all_day_events(calendar(event))
    assert (
        all_day_events(calendar(event.replace("20261224", "20261224T1000"[:13] + "00"))).ranges
        == ()
    )


def test_events_with_a_time_of_day_are_counted() -> None:
    """What does not last whole days excludes none, and is counted to be told."""
    text = calendar("DTSTART:20261224T180000Z", "DTSTART;VALUE=DATE:20261225")

    found = all_day_events(text)

    assert [each.first for each in found.ranges] == [date(2026, 12, 25)]
    assert found.passed_over == {TIMED: (2,)}


def test_several_calendars_in_one_file() -> None:
    """A file may hold several calendars, one after the other."""
    text = calendar("DTSTART;VALUE=DATE:20261224") + calendar("DTSTART;VALUE=DATE:20270106")

    assert len(all_day_events(text).ranges) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no part from BEGIN:VCALENDAR"),
        ("<html>", "is no iCalendar file"),
        (
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n",
            "is cut off: a part",
        ),
        (calendar("SUMMARY:Easter"), "line 2: DTSTART is missing in the event"),
        (calendar("SUMMARY:Easter DTSTART;VALUE=DATE:2026x"), "line 4: DTSTART is not valid"),
        (calendar("DTSTART:20261224T1800"), "DTSTART"),
        (
            calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=SECONDLY"),
            "line 4: its RRULE cannot be",
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
        (calendar("DTSTART;VALUE=DATE,20261224"), "line 3: DTSTART is not valid"),
        (calendar("DTSTART;VALUE=DATE DTEND:20261224"), "line 3: DTSTART is not valid"),
        (calendar("DTSTART;VALUE=DATE:20261224 RDATE:20261225, 20261226"), "line 5: it is no prop"),
        (calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=HOURLY"), "line 4: its RRULE cannot be"),
        (calendar("DTSTART;VALUE=DATE:20261224 END:VTODO"), "line 4: END closes what did not beg"),
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
