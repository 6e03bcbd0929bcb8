"""`cbmaintd calendar --against OLD.yaml`: what an edit does to the openings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.ended import Ended, ended

OLD = """\
timezone: Europe/Berlin
clusters:
  a: {url: "http://localhost:8097", username: u, password_env: PATH}
windows:
  nightly:
    weekly: {days: [mon], start: 02:00, duration: 1h}
    repositories: {a: [orders]}
  sunday:
    weekly: {days: [sun], start: 02:00, duration: 1h}
    repositories: {a: [orders]}
"""

Against = Callable[..., Ended]


@pytest.fixture
def against(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Against:
    """Return a way to compare a new file with the old one, over a week from Monday on."""

    def compare(new: str, *arguments: str) -> Ended:
        old_file, new_file = tmp_path / "old.yaml", tmp_path / "new.yaml"
        old_file.write_text(OLD)
        new_file.write_text(new)
        period = ("--from", "2026-11-23", "--days", "7")
        return ended(
            capsys, "-c", str(new_file), "calendar", "--against", str(old_file), *period, *arguments
        )

    return compare


def changes(done: Ended) -> list[tuple[str, str | None, str | None]]:
    """Return each change with the starts before and after it, as clocks show them."""
    return [
        (
            each["change"],
            each["before"] and each["before"]["start"][:16],
            each["after"] and each["after"]["start"][:16],
        )
        for each in done.document["openings"]
    ]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("", ""), []),
        (("[mon], start: 02:00", "[mon], start: 03:00"), [("moves", "T02:00", "T03:00")]),
        (("[mon], start: 02:00, duration: 1h", "[mon], start: 02:00, duration: 2h"), ["T02:00"]),
        (("[mon]", "[mon, tue]"), [("appears", None, "2026-11-24T02:00")]),
        (("[mon], start: 02:00, ", "[wed], start: 02:00, "), ["vanishes", "appears"]),
    ],
)
def test_what_an_edit_does(against: Against, edit: tuple[str, str], expected: list[object]) -> None:
    """An opening that another one replaces on its day has moved; others appear or vanish."""
    found = changes(against(OLD.replace(*edit), "--output", "json"))

    assert len(found) == len(expected)
    for change, wanted in zip(found, expected, strict=True):
        words = wanted if isinstance(wanted, tuple) else (wanted,)
        assert all(word is None or word in str(change) for word in words)


def test_the_edge_of_the_period_is_no_edge_of_a_day(against: Against) -> None:
    """What moves over either end of the period has moved, and is told once."""
    earlier = OLD.replace("[mon], start: 02:00", "[mon], start: 01:05")

    last = changes(against(earlier, "--output", "json", "--from", "2026-11-23T01:30"))
    first = changes(against(earlier, "--output", "json", "--from", "2026-11-23T02:30"))
    none = changes(against(earlier, "--output", "json", "--from", "2026-11-23T03:00"))

    start = ("moves", "2026-11-23T02:00", "2026-11-23T01:05")
    end = ("moves", "2026-11-30T02:00", "2026-11-30T01:05")
    assert last == [start, end]
    assert first == [start, end]
    assert none == [end]


def test_a_day_before_time_begins(against: Against) -> None:
    """Where there is no day more to look at, that is said in one line."""
    refused = against(OLD, "--from", "0001-01-01T12:00Z")

    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1


def test_a_window_that_is_gone_or_new(against: Against) -> None:
    """A window that one of the files lacks takes or brings all of its openings."""
    found = changes(against(OLD.replace("sunday", "weekend"), "--output", "json"))

    assert found == [
        ("vanishes", "2026-11-29T02:00", None),
        ("appears", None, "2026-11-29T02:00"),
    ]


def test_other_repositories_are_told(against: Against) -> None:
    """A window whose openings stay but not its repositories is named."""
    done = against(OLD.replace("[orders]", "[archive]", 1))

    assert "no opening within 7 days has changed" in done.words
    assert "nightly: is for different repositories than before" in done.words


def test_people_see_a_table(against: Against) -> None:
    """The table has both times of what moved, with their zones."""
    done = against(OLD.replace("[mon], start: 02:00", "[mon], start: 03:00"))

    assert "WINDOW CHANGE BEFORE AFTER" in done.words
    assert "nightly moves Mon 2026-11-23 02:00-03:00 CET Mon 2026-11-23 03:00-04:00 CET" in (
        done.words
    )


def test_one_window_alone(against: Against) -> None:
    """`--window` may name a window of either file; one that neither has is an error."""
    edited = OLD.replace("sunday", "weekend")

    assert len(changes(against(edited, "--output", "json", "--window", "sunday"))) == 1
    refused = against(edited, "--window", "sundays")
    assert refused.code == 2
    assert 'there is no window sundays; did you mean "sunday"?' in refused.err


def test_scripts_learn_that_something_differs(against: Against) -> None:
    """`--exit-code` ends with 3 if an opening or a window's repositories differ, 0 if none does."""
    moved = against(OLD.replace("start: 02:00", "start: 03:00"), "--exit-code")
    others = against(OLD.replace("[orders]", "[archive]", 1), "--exit-code", "--output", "json")

    assert (moved.code, others.code, against(OLD, "--exit-code").code) == (3, 3, 0)


def test_there_is_no_such_calendar_file(against: Against) -> None:
    """A difference cannot be given to a calendar program."""
    assert against(OLD, "--output", "ics").code == 2
