"""Which days an iCalendar file excludes: those of its all-day events, however they repeat."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.days.calendar_files import TIMED, all_day_events
from daemon.config.days.ics_rules import Unused
from tests.unit.config.days.calendars import calendar, days
from tests.unit.counting import calls_of


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
    ("rule", "expected", "remark"),
    [
        ("FREQ=DAILY;INTERVAL=1;COUNT=3;", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226T000000", [24, 25, 26], {}),
        ("FREQ=DAILY;UNTIL=20261226T235959Z", [24, 25, 26], {}),
        ("FREQ=DAILY;COUNT=2;BYHOUR=9,10;BYMINUTE=0;BYSECOND=0", [24, 25], {}),
        ("FREQ=WEEKLY;_BYDAY=TH,_FR;_COUNT=3", [24, 25, 31], {}),
        ("RSCALE=GREGORIAN;FREQ=DAILY;COUNT=2;SKIP=OMIT", [24, 25], {}),
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
    text = calendar(f"DTSTART;VALUE=DATE:20261224 RRULE:{rule}").replace("_", " ")

    found = all_day_events(text)

    assert [each.first.day for each in found.ranges] == expected
    assert found.passed_over == remark


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
            "line 2: with the event that begins here there are more than 500 rules of repetition",
        ),
        (
            "RRULE:FREQ=MONTHLY;BYMONTHDAY=29;BYDAY=MO " * 70,
            "line 2: with the event that begins here there are more than 60,000 months to follow",
        ),
        (
            "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO " * 70,
            "more than 60,000 months to follow",
        ),
        (
            "RRULE:FREQ=YEARLY;BYMONTH=1,2,3,4,5,6;BYDAY=MO,TU;BYSETPOS=-1 " * 135,
            "more than 60,000 months to follow",
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


def test_rules_of_an_ordinary_calendar_are_followed() -> None:
    """The birthdays of five hundred people, and dozens of weekly meetings that end, are no load."""
    birthdays = [f"UID:{n} DTSTART;VALUE=DATE:19700101 RRULE:FREQ=YEARLY" for n in range(495)]
    weekly = "DTSTART;VALUE=DATE:20260101 RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20271231"

    assert len(all_day_events(calendar(*birthdays, *[weekly] * 5)).ranges) > 495 * 101


@pytest.mark.parametrize("series", [1, 1_000])
def test_changed_days_cost_the_same_among_many_series(series: int) -> None:
    """Each of many changes is looked up in the series of its UID, not searched for in all."""
    changes = [
        f"UID:x RECURRENCE-ID;VALUE=DATE:{day:%Y%m%d} DTSTART;VALUE=DATE:20261224"
        for day in (date(2001, 1, 1) + timedelta(days=number) for number in range(1_000))
    ]
    text = calendar(*["UID:x DTSTART;VALUE=DATE:20000101"] * series, *changes)

    found, calls = calls_of(lambda: all_day_events(text))

    assert len(found.ranges) == series + 1_000
    assert calls < 700 * (series + 1_000)


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
        ("<html>", "is not an iCalendar file"),
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
            "RDATE names something that is not a date",
        ),
        # The library fails in its own ways at these.
        (calendar("DTSTART;VALUE=DATE,20261224"), "line 3: DTSTART is not valid"),
        (calendar("DTSTART;VALUE=DATE DTEND:20261224"), "line 3: DTSTART is not valid"),
        (
            calendar("DTSTART;VALUE=DATE:20261224 RDATE:20261225, 20261226"),
            "line 5: it is not a prop",
        ),
        (calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=HOURLY"), "line 4: its RRULE cannot be"),
        (calendar("DTSTART;VALUE=DATE:20261224 END:VTODO"), "line 4: END closes what did not beg"),
        (
            calendar(*["DTSTART;VALUE=DATE:20000101 RRULE:FREQ=DAILY"] * 3),
            "line 10: with the event that begins here there are more than 100,000 days",
        ),
        (
            calendar("DTSTART;VALUE=DATE:20261224 EXDATE" + ";X=a" * 101 + ":20261224"),
            "line 4: EXDATE is too long",
        ),
        (
            calendar("DTSTART;VALUE=DATE:20261224 RRULE:FREQ=YEARLY" + ";BYMONTH=1" * 1_000),
            "line 4: RRULE is too long",
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
    said = ""
    try:
        all_day_events(WHOLE[:start] + insert + WHOLE[start + length :])
    except ValueError as exc:
        said = str(exc)

    assert re.match(r"$|line \d+: |is not an iCalendar file|is cut off", said)
