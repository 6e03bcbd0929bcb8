"""How spans of time and tables are shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.cli.reports.tables import Row, columns, lay_out, wrapped
from daemon.cli.reports.times import span

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (7800, "2 h 10 min"),
        (7859, "2 h 10 min"),
        (86_400, "1 d"),
        (97_200, "1 d 3 h"),
        (97_260, "1 d 3 h"),
    ],
)
def test_spans_have_two_units(seconds: int, text: str) -> None:
    """A span is said with its two largest units, rounded down; one that is over is nothing."""
    assert span(timedelta(seconds=seconds)) == text


def laid(width: int | None, *rows: Row) -> list[str]:
    """Return the lines of a table of two columns, without its titles."""
    _, *lines = lay_out(("A", "B"), rows, width)
    return [line.plain for row in lines for line in row]


def test_cells_stand_under_each_other() -> None:
    """Columns are as wide as their widest cell, also of a row that needs two lines."""
    rows = (Row(("one", "b")), Row(("two-three", "b")), Row(("w" * 15, "whole cell")))

    assert laid(20, *rows[:2]) == ["one        b", "two-three  b"]
    assert laid(20, rows[0], rows[2]) == [f"one{' ' * 14}b", "w" * 15, "    whole cell"]


def test_a_long_row_does_not_break_others() -> None:
    """A row that needs two lines makes no column so wide that another one needs them, too."""
    rows = (Row(("one", "whole")), Row(("w" * 15, "whole cell")))

    assert laid(20, *rows) == ["one  whole", "w" * 15, "    whole cell"]


def test_a_note_stands_below_its_row() -> None:
    """A note has lines of its own, indented and broken between words."""
    row = Row(("a", "b"), "it was refused,\nthen refused again")

    assert laid(20, row) == ["a  b", "    it was refused,", "    then refused", "    again"]


def test_rows_are_whole_where_nobody_says_how_wide() -> None:
    """Without a width each row is one line, with its note at the end."""
    row = Row(("w" * 90, "b"), "x " * 90 + "\nend")

    (line,) = laid(None, row)

    assert line == f"{'w' * 90}  b  {'x ' * 90}end"


@pytest.mark.parametrize("width", range(12, 60))
def test_a_number_stays_with_its_unit(width: int) -> None:
    """No line ends between a number and its unit, and no space is another than people type."""
    lines = wrapped(f"overdue for {span(2 * HOUR)}, again in {span(HOUR / 60 / 60 * 28)}", width)

    assert not any(line.endswith(("2", "28")) for line in lines)
    assert " ".join(map(str.strip, lines)) == "overdue for 2 h, again in 28 s"
    assert max(map(len, lines)) <= width


def test_a_word_is_broken_only_where_no_line_has_room() -> None:
    """A word that is longer than a line is broken, hyphens or not; others go on below."""
    assert wrapped("a billing-archive-emea", 20) == ["a", "    billing-archive-", "    emea"]
    assert wrapped("a billing-archive", 20) == ["a billing-archive"]


def test_many_rows_fold_their_first_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too wide in the first column goes on below; the other columns stay whole."""
    monkeypatch.setenv("COLUMNS", "20")

    lines = columns(("A", "B"), [(("w" * 15, "12345"), ""), (("x", "1"), "note")])

    assert list(lines) == [
        "A              B",
        f"{'w' * 13}  12345",
        "ww",
        "x              1",
        "    note",
    ]


def test_many_rows_are_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says how wide a line may be each row is one line, with its note."""
    monkeypatch.delenv("COLUMNS", raising=False)

    lines = columns(("A", "B"), [(("w" * 200, "1"), "note"), (("x", "1"), "")])

    assert list(lines)[1:] == [
        f"{'w' * 200}  1  note",
        f"x{' ' * 199}  1",
    ]
