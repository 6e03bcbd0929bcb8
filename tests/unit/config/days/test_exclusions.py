"""Exclusions of a file: dates, calendar files and public holidays, and what is wrong with them."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.settings import parse
from daemon.windows.window import Window
from tests.unit.config.config_files import CLUSTERS, ENVIRON, REPOSITORIES, RULE, faults, read

EVENT = "BEGIN:VEVENT\r\nSUMMARY:{0}\r\nDTSTART{0}\r\nEND:VEVENT\r\n"
CALENDAR = "BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n"
CHRISTMAS = CALENDAR.format(EVENT.format(";VALUE=DATE:20261224"))
PARTY = CALENDAR.format(EVENT.format(":20261224T180000Z"))


def file_with(exclusions: str) -> str:
    """Write a file whose line 6 is what the exclusion `off` is; its window uses it."""
    return (
        f"{CLUSTERS}exclusions:\n  off: {exclusions}\nwindows:\n  w:\n    {RULE}\n"
        f"    {REPOSITORIES}\n    exclude: [off, 2026-10-01]\n"
    )


def excludes(window: Window, text: str) -> bool:
    """Check whether a window does not open on a day."""
    return any(date.fromisoformat(text) in days for days in window.excluded)


def test_a_calendar_file_beside_the_file(tmp_path: Path) -> None:
    """A calendar file is named relative to schedules.yaml, alone or in a list with dates."""
    (tmp_path / "off.ics").write_text(CHRISTMAS)
    alone = read(file_with("{ics: off.ics}"), tmp_path)
    listed = read(file_with(f'[2026-11-01, {{ics: "{tmp_path}/off.ics"}}]'), tmp_path)

    for settings in (alone, listed):
        window = settings.windows["w"]
        assert excludes(window, "2026-12-24")
        assert excludes(window, "2026-10-01")
        assert not excludes(window, "2026-12-25")
        assert settings.warnings == ()
    assert excludes(listed.windows["w"], "2026-11-01")
    assert alone.attached == {"off.ics": CHRISTMAS}


@pytest.mark.parametrize(
    ("off", "holidays", "work"),
    [
        ("{holidays: DE}", ["2026-10-03", "2026-12-25"], ["2026-01-06"]),
        ("{holidays: DE, subdivision: BY}", ["2026-01-06", "2026-12-25"], ["2026-07-04"]),
        ("[{holidays: DE}, {holidays: US}]", ["2026-10-03", "2026-07-04"], ["2026-01-06"]),
        # To YAML 1.1 Norway is false.
        ("{holidays: NO}", ["2026-05-17"], ["2026-10-03"]),
    ],
)
def test_public_holidays(off: str, holidays: list[str], work: list[str]) -> None:
    """A country's public holidays are excluded, those of a part of it where one is named."""
    window = read(file_with(off)).windows["w"]

    assert [day for day in (*holidays, *work) if excludes(window, day)] == holidays


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ("{ics: gone.ics}", ":6:14: exclusions.off.ics: {}/gone.ics: No such file or directory"),
        ("[2026-11-01, {ics: gone.ics}]", ":6:27: exclusions.off[1].ics: {}/gone.ics: No such"),
        ("{ics: fifo}", "exclusions.off.ics: {}/fifo: is not a regular file"),
        ("{ics: circle}", "exclusions.off.ics: {}/circle: Too many levels of symbolic links"),
        ("{ics: /proc/1/environ}", "exclusions.off.ics: /proc/1/environ: is not a file that som"),
        ("{ics: latin1}", "{}/latin1: byte 1 is not UTF-8: export the calendar as UTF-8"),
        ("{ics: text}", "exclusions.off.ics: text: is not an iCalendar file"),
        ("{ics: 5}", "exclusions.off.ics: 5 is a number, and a text is needed: quote it"),
        ("{ics: }", "exclusions.off.ics: there is no value: give one, or delete the key"),
        ("{isc: a}", ':9: exclusions.off.isc: "isc" is not a known key here; did you mean'),
        ("{}", "exclusions.off: one of the keys ics or holidays is missing"),
        ("[{}]", "exclusions.off[0]: one of the keys ics or holidays is missing"),
        ("[2026-11-01, {ics: a, holidays: DE}]", "exclusions.off[1].holidays: there is ics alr"),
        ("[[2026-11-01]]", "exclusions.off[0]: a list is not a date or a range of dates"),
        ("[]", "exclusions.off: the list is empty: name at least one date"),
        ("7", "exclusions.off: 7 is not a date or a range of dates"),
        ("{holidays: XX}", ':19: exclusions.off.holidays: "XX" is not a country'),
        ("{holidays: de}", 'did you mean "DE"?'),
        ("{holidays: DE, subdivision: XX}", ':36: exclusions.off.subdivision: "XX" is no part of'),
        ("{holidays: DE, subdivision: XX}", "known: BB, BE, BW, BY"),
        ("{subdivision: BY}", "exclusions.off: one of the keys ics or holidays is missing"),
        ("{ics: text, subdivision: BY}", "a subdivision is that of a country: name it under hol"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(off: str, expected: str, tmp_path: Path) -> None:
    """A source of days that cannot be used is a fault of the file, where it is named."""
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "latin1").write_bytes(b"\xe4")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "circle").symlink_to("circle")

    found = faults(file_with(off), tmp_path)

    assert expected.format(tmp_path) in "\n".join(found)


def test_what_excludes_nothing_is_warned_about(tmp_path: Path) -> None:
    """A calendar of events with a time of day excludes nothing: that is said, not refused."""
    (tmp_path / "off.ics").write_text(PARTY)

    settings = read(file_with("{ics: off.ics}"), tmp_path)

    assert [warning.text for warning in settings.warnings] == [
        "exclusions.off.ics: off.ics: it has no all-day event and excludes nothing",
        (
            "exclusions.off.ics: off.ics: only all-day events count; 1 with a time of day passed"
            " over, in line 2"
        ),
    ]


def test_holidays_without_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the fault says what to install."""
    monkeypatch.setitem(sys.modules, "holidays", None)

    (fault,) = faults(file_with("{holidays: DE}"))

    assert fault.endswith("need the holidays library: pip install 'cbmaintd[holidays]'")


def test_what_was_kept_stands_for_the_files(tmp_path: Path) -> None:
    """A configuration of the past is read with the calendars that it had then."""
    (tmp_path / "off.ics").write_text(PARTY)
    kept = Attachments(tmp_path, {"off.ics": CHRISTMAS})

    text = file_with("{ics: off.ics}").encode()
    settings = parse(text, "f.yaml", environ=ENVIRON, attachments=kept)

    assert excludes(settings.windows["w"], "2026-12-24")
