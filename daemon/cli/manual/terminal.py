"""A page of the manual as a terminal shows it: to its width, code as it is, tables row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from rich.text import Text  # noqa: TID251  # as a type

from daemon.cli.manual.markdown import Block, Code, Heading, Line, Paragraph, Style, Table
from daemon.cli.reports.tables import console, styled

WIDEST = 100
"""Longer lines are hard to read, however wide the terminal is."""

_STYLES = {Style.PLAIN: "", Style.CODE: "cyan", Style.STRONG: "bold"}


def render(blocks: Iterable[Block], width: int) -> list[Text]:
    """Return the lines of a page."""
    lines: list[Text] = []
    room = min(width, WIDEST)
    was_item = False
    for block in blocks:
        is_item = isinstance(block, Paragraph) and block.is_item
        if lines and not (is_item and was_item):
            lines.append(styled())
        was_item = is_item
        lines += _lines(block, room)
    return lines


def _lines(block: Block, room: int) -> Iterator[Text]:
    match block:
        case Heading(level, line):
            yield from _wrapped(line, room, style="bold underline" if level == 1 else "bold")
        case Paragraph(line, is_item):
            yield from _wrapped(line, room, *(("- ", "  ") if is_item else ()))
        case Code(lines):
            yield from (styled(f"    {line}") for line in lines)
        case Table(titles, rows):
            for row in rows:
                yield from _row(titles, row, room)
        case _:
            assert_never(block)


def _row(titles: tuple[Line, ...], row: tuple[Line, ...], room: int) -> Iterator[Text]:
    """Yield a row below its first cell; the others say what they are if there are several."""
    first, *others = row
    yield from _wrapped(first, room, "  ", "    ", style="bold")
    for title, cell in zip(titles[1:], others, strict=True):
        if cell:
            is_named = title and len(titles) > 2  # noqa: PLR2004  # else it is clear
            named = (*title, (": ", Style.PLAIN)) if is_named else ()
            yield from _wrapped((*named, *cell), room, "      ", "        " if named else "      ")


def _wrapped(
    line: Line, room: int, first: str = "", others: str | None = None, *, style: str = ""
) -> Iterator[Text]:
    rest = first if others is None else others
    text = Text.assemble(*(styled(piece, _STYLES[kind]) for piece, kind in line), style=style)
    for number, each in enumerate(text.wrap(console(), room - len(rest))):
        each.rstrip()
        yield Text.assemble(rest if number else first, each)
