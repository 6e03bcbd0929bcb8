"""Tables and lines for people, laid out to the width of a terminal.

Every report gets its tables here: from `columns` if there may be very many rows, from
`lay_out` or `show_rows` if cells may be long or rows have notes. In a pipe a row is one line.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from daemon.wording import printable

LEAST_WIDTH = 10
"""How narrow the first column, or a line, may become where there is no room."""

_INDENT = "    "
_NO_BREAK = "\N{NO-BREAK SPACE}"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:d|h|min|s)\b)")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table for people: cells, a note below them, and rich's style for both."""

    cells: tuple[str, ...]
    note: str = ""
    style: str = ""


def columns(titles: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Iterator[str]:
    """Yield the lines of rows, each with its note, and of their titles.

    The first column is folded for room.

    A note follows its row, on lines of its own where there is a width. For tables of any length: a
    year of a thousand windows has 200,000 rows.
    """
    width = line_width()
    table = [(titles, ""), *((tuple(map(printable, cells)), note) for cells, note in rows)]
    widths = _widths([cells for cells, _ in table])
    if width is not None:
        room = width - sum(each + 2 for each in widths[1:])
        widths[0] = min(widths[0], max(room, LEAST_WIDTH))
    for cells, note in table:
        if note and width is None:
            yield f"{_padded(cells, widths)}  {printable(note)}"
            continue
        yield from _folded(cells, widths)
        yield from wrapped(f"{_INDENT}{printable(note)}", width or sys.maxsize) if note else ()


def print_paged(lines: Sequence[Text]) -> None:
    """Print lines, by `$PAGER` where there are more than a terminal shows at once."""
    out = console()
    if out.is_terminal and len(lines) >= out.height:
        # As git does: keep colours, and end by itself if it fits on a page.
        os.environ.setdefault("LESS", "FRX")
        with out.pager(styles=True):
            out.print(*lines, sep="\n", soft_wrap=True)
    else:
        out.print(*lines, sep="\n", soft_wrap=True)


def lay_out(titles: Sequence[str], rows: Iterable[Row], width: int | None) -> list[list[Text]]:
    """Return the lines of each row, those of the titles first.

    What does not fit into *width* goes on below, indented, and so does a note. A word is broken
    only if it is longer than a line. Without a width each row is one line, its note at the end.
    """
    table = [Row(tuple(titles), style="dim"), *map(_harmless, rows)]
    every, most = [row.cells for row in table], sys.maxsize if width is None else width
    fitting = [cells for cells in every if len("  ".join(cells)) <= most]
    widths = _widths(every)
    if any(len(_padded(cells, widths)) > most for cells in fitting):
        # A row that needs several lines anyway should not make others need them.
        widths = _widths(fitting)
    return [[Text(line, row.style) for line in _lines(row, widths, width)] for row in table]


def show_rows(titles: Sequence[str], rows: Iterable[Row]) -> None:
    """Print rows as `lay_out` does: to the width of a terminal, in a pipe each on one line."""
    lines = (line for row in lay_out(titles, rows, line_width()) for line in row)
    console().print(*lines, sep="\n", soft_wrap=True)


def _harmless(row: Row) -> Row:
    note = printable(" ".join(row.note.split()))
    return Row(tuple(map(printable, row.cells)), note, row.style)


def styled(text: str = "", style: str = "") -> Text:
    """Return one line in a style of rich; what looks like markup in it is none."""
    return Text(printable(text), style)


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _padded(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(map(str.ljust, cells, widths)).rstrip()


def _lines(row: Row, widths: Sequence[int], width: int | None) -> Iterator[str]:
    note = row.note
    if width is None:
        yield "  ".join(filter(None, (_padded(row.cells, widths), note)))
        return
    longest = width - len(_INDENT)
    kept = (unbreakable(cell) if len(cell) <= longest else cell for cell in row.cells)
    yield from wrapped(_padded(kept, widths), width)
    if note:
        yield from wrapped(f"{_INDENT}{note}", width)


def wrapped(text: str, width: int) -> list[str]:
    """Break a line between words, and not between a number and its unit; go on indented.

    Spaces at which it must not break are no-break ones. They become usual ones again: rich breaks
    at them too, and nobody who searches the output expects them.
    """
    lines = textwrap.wrap(
        _BEFORE_UNIT.sub(_NO_BREAK, text),
        max(width, LEAST_WIDTH),
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


def unbreakable(words: str) -> str:
    """Return *words* so that `wrapped` keeps them on one line."""
    return words.replace(" ", _NO_BREAK)


def _folded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, *others = row
    cells = [first[: widths[0]], *others]
    yield _padded(cells, widths)
    for start in range(widths[0], len(first), widths[0]):
        yield first[start : start + widths[0]]


def console(*, stderr: bool = False) -> Console:
    """Return the terminal; colours and width follow NO_COLOR, COLUMNS and whether it is one.

    What is printed there is made by `styled` or `lay_out`.
    """
    return Console(highlight=False, soft_wrap=False, stderr=stderr)


def line_width() -> int | None:
    """Return how wide a line may be; None in a pipe without COLUMNS: `grep` wants rows whole."""
    out = console()
    return out.width if out.is_terminal or "COLUMNS" in os.environ else None
