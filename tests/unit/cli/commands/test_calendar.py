"""`cbmaintd calendar`: which openings it lists, and the three ways in which it shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import icalendar
import pytest

from daemon.cli.main import main

FILE = """\
timezone: Europe/Berlin
clusters:
  a: {url: "http://localhost:8097", username: u, password_env: PATH}
  b: {url: "http://localhost:8098", username: u, password_env: PATH}
windows:
  nightly:
    weekly: {days: [mon-fri], start: 23:30, duration: 2h}
    timezone: America/New_York
    repositories: {a: [orders, "t-*"], b: ["*"]}
    description: "patches; and more"
  sunday:
    weekly: {days: [sun], start: 02:30, end: 03:30}
    repositories: {a: ["*"]}
  early:
    weekly: {days: [mon-fri], start: 05:30, duration: 1h}
    repositories: {a: ["*"]}
  off:
    weekly: {days: [daily], start: 01:00, duration: 1h}
    repositories: {a: ["*"]}
    enabled: false
"""

SHORT = "{days: [sun], start: 02:30, duration: 500ms}"

Calendar = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with windows in two zones."""
    file = tmp_path / "schedules.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def calendar(
    file: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Calendar:
    """Return a way to ask for the calendar, as a terminal of 80 columns shows it."""
    monkeypatch.setenv("COLUMNS", "80")

    def ask(*arguments: str, code: int = 0) -> str:
        ended = main(["-c", str(file), "calendar", *arguments])
        said = capfdbinary.readouterr()
        assert ended == code, said.err
        return (said.err if code else said.out).decode()

    return ask


def openings(calendar: Calendar, *arguments: str) -> list[dict[str, Any]]:
    """Return the openings that are printed as JSON."""
    found: list[dict[str, Any]] = json.loads(calendar("--output", "json", *arguments))
    return found


def test_json_has_exactly_the_documented_keys(calendar: Calendar) -> None:
    """An opening is window, start, end and zone, times with the offset of its own zone."""
    found = openings(calendar, "--from", "2026-11-23", "--days", "2", "--window", "nightly")

    assert found == [
        {
            "window": "nightly",
            "start": "2026-11-23T23:30:00-05:00",
            "end": "2026-11-24T01:30:00-05:00",
            "timezone": "America/New_York",
        }
    ]


def test_dst_is_told_only_where_it_matters(calendar: Calendar) -> None:
    """An opening that a clock change adjusted says how; others have no such key."""
    found = openings(calendar, "--from", "2026-10-18", "--days", "8", "--window", "sunday")

    assert [each.get("dst", "-") for each in found] == ["-", "lengthened"]
    assert (found[1]["start"], found[1]["end"]) == (
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T03:30:00+01:00",
    )


def test_a_start_in_a_gap_is_told(calendar: Calendar) -> None:
    """A start that the clock passes over comes at the first instant after the gap."""
    (found,) = openings(calendar, "--from", "2026-03-29", "--days", "1", "--window", "sunday")

    assert found["dst"] == "shortened"
    assert found["start"] == "2026-03-29T03:00:00+02:00"


def test_openings_are_sorted_by_instant_then_window(calendar: Calendar) -> None:
    """The order is that of the instants, whatever the zones; names decide between equals."""
    found = openings(calendar, "--from", "2026-11-24T05:00", "--days", "1")

    assert [each["window"] for each in found] == ["early", "nightly"]
    assert len({datetime.fromisoformat(each["start"]) for each in found}) == 1


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-11-24T06:29:59+01:00", 1, ["2026-11-24", "2026-11-25"]),
        ("2026-11-24T06:30:00+01:00", 1, ["2026-11-25"]),
        ("2026-11-24T05:30:00Z", 1, ["2026-11-25"]),
        ("2026-11-24T06:30", 1, ["2026-11-25"]),
        ("2026-11-23T05:30", 1, ["2026-11-23"]),
        ("2026-11-28", 2, []),
        ("2026-11-27", 1, ["2026-11-27"]),
    ],
)
def test_from_and_days_select_what_meets_them(
    calendar: Calendar, start: str, days: int, expected: list[str]
) -> None:
    """An opening counts if it meets `[from, from + days)`; a local time is the file's zone's."""
    found = openings(calendar, "--from", start, "--days", str(days), "--window", "early")

    assert [each["start"][:10] for each in found] == expected


def test_the_default_is_fourteen_days_from_now(calendar: Calendar) -> None:
    """Without options, the openings of the next fourteen days are listed."""
    found = openings(calendar, "--window", "early")

    assert 10 <= len(found) <= 11


def test_several_windows_may_be_asked_for(calendar: Calendar) -> None:
    """`--window` may be repeated, also with the same name, and leaves out all others."""
    names = ["--window", "early", "--window", "sunday", "--window", "early"]

    found = openings(calendar, "--from", "2026-11-26", "--days", "4", *names)

    assert [each["window"] for each in found] == ["early", "early", "sunday"]


def test_a_disabled_window_has_no_openings(calendar: Calendar) -> None:
    """What is switched off is not listed, and an empty calendar is an empty list."""
    assert openings(calendar, "--window", "off") == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--window", "nigthly"], "did you mean nightly?"),
        (["--from", "tomorrow"], "not a time"),
        (["--from", ""], "not a time"),
        (["--from", "0001-01-01T00:00:00+14:00"], "--from"),
        (["--days", "3661"], "at most 3660"),
        (["--exit-code"], "--exit-code needs --against"),
        (["--days", "999999999"], "beyond the calendar"),
        (["--from", "9999-12-31"], "beyond the calendar"),
    ],
)
def test_what_makes_no_sense_is_bad_usage(
    calendar: Calendar, arguments: list[str], hint: str
) -> None:
    """An unknown window or an impossible time is one line with advice, and code 2."""
    said = calendar(*arguments, code=2)

    assert hint in said.replace('"', "")
    assert len(said.splitlines()) == 1


def test_the_table_fits_a_terminal(calendar: Calendar, file: Path) -> None:
    """No line is wider than 80 columns, also with the longest name, and no time is cut."""
    long = "n" * 63
    file.write_text(FILE.replace("  sunday:", f"  {long}:"))

    lines = calendar("--from", "2026-10-24", "--days", "7").splitlines()

    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert "".join(word for line in lines if set(word := line.split()[0]) == {"n"}) == long
    assert any("lengthened" in line for line in lines)


def test_an_empty_table_says_so(calendar: Calendar) -> None:
    """Where nothing opens, a sentence stands in place of a table."""
    assert calendar("--window", "off", "--days", "3") == "no window opens within 3 days\n"
    assert calendar("--window", "off", "--days", "1") == "no window opens within 1 day\n"


def test_ics_is_read_by_calendar_programs(calendar: Calendar) -> None:
    """Each opening is one event with its identity, instants and what it is for."""
    text = calendar(
        *("--output", "ics", "--from", "2026-11-23", "--days", "2", "--window", "nightly")
    )

    event: Any
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")

    assert event["UID"] == "nightly@2026-11-24T04:30:00Z"
    assert event["DTSTART"].dt == datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
    assert event["DESCRIPTION"] == "patches; and more\na: orders, t-*\nb: *"


def test_ics_is_the_same_every_time(calendar: Calendar) -> None:
    """A calendar that is fetched again changes nothing by itself."""
    wanted = ("--output", "ics", "--from", "2026-11-23")

    assert calendar(*wanted) == calendar(*wanted)


def test_ics_ends_after_it_starts(calendar: Calendar, file: Path) -> None:
    """An end between two seconds, which the format does not know, is the later of the two."""
    file.write_text(FILE.replace("{days: [sun], start: 02:30, end: 03:30}", SHORT))

    export = calendar("--output", "ics", "--from", "2026-11-23", "--window", "sunday")

    assert "DTSTART:20261129T013000Z\r\nDTEND:20261129T013001Z\r\n" in export


def test_offsets_are_whole_minutes(calendar: Calendar, file: Path) -> None:
    """RFC 3339 has no others: where a zone had seconds, the nearest one is shown."""
    monrovia = "{days: [tue], start: 02:00, end: 03:00}\n    timezone: Africa/Monrovia"
    file.write_text(FILE.replace("{days: [sun], start: 02:30, end: 03:30}", monrovia))

    before, after = openings(calendar, "--from", "1972-01-04", "--days", "8", "--window", "sunday")

    assert (before["start"], before["end"]) == (
        "1972-01-04T02:00:30-00:44",
        "1972-01-04T03:00:30-00:44",
    )
    assert after["start"] == "1972-01-11T02:00:00+00:00"


def test_a_window_over_days(calendar: Calendar, file: Path) -> None:
    """A weekend until Monday at six closes at six by the clock, also when clocks change in it."""
    weekend = "{days: [fri], start: 22:00, end: monday 06:00}"
    file.write_text(FILE.replace("{days: [sun], start: 02:30, end: 03:30}", weekend))
    asked = ("--from", "2027-03-25", "--days", "7", "--window", "sunday")

    table = calendar(*asked).splitlines()[-1].split("  ")
    export = calendar("--output", "ics", *asked)

    assert [word.strip() for word in table if word] == [
        "sunday",
        "Fri 2027-03-26 22:00 CET",
        "Mon 06:00 CEST",
        "2 d 7 h (shortened)",
    ]
    assert "DTSTART:20270326T210000Z\r\nDTEND:20270329T040000Z\r\n" in export
    assert openings(calendar, *asked) == [
        {
            "window": "sunday",
            "start": "2027-03-26T22:00:00+01:00",
            "end": "2027-03-29T06:00:00+02:00",
            "timezone": "Europe/Berlin",
            "dst": "shortened",
        }
    ]
