"""Text, and pages of the manual, as roff with the macros of man(7); pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from daemon.cli.manual.markdown import Block, Code, Heading, Line, Paragraph, Style, Table

_FONTS = {Style.PLAIN: "", Style.CODE: r"\fB", Style.STRONG: r"\fI"}


def escape(text: str) -> str:
    """Return *text* so that roff prints it, hyphens as they are typed."""
    return text.replace("\\", r"\e").replace("-", r"\-")


def lines(text: str | None) -> list[str]:
    """Return the lines of a text, none of which roff takes for a request."""
    return [_harmless(line) for line in escape(text or "").splitlines()]


def title(name: str, section: int, source: str, kind: str) -> str:
    """Return the line with which a page begins."""
    return f'.TH {name} {section} "" "{source}" "{kind}"'


def explained(term: str, text: Iterable[str]) -> Iterator[str]:
    """Yield a term in bold, and below it what it means."""
    yield from (".TP", f".B {escape(term)}", *(list(text) or [r"\&"]))


def verbatim(text: Iterable[str]) -> Iterator[str]:
    """Yield lines as they are, indented."""
    yield from (".PP", ".nf", ".RS 4", *text, ".RE", ".fi")


def of(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield blocks of the manual; their headings are those of sections within one."""
    for block in blocks:
        match block:
            case Heading():
                yield f".SS {escape(block.plain)}"
            case Paragraph(line, is_item):
                yield r".IP \(bu 2" if is_item else ".PP"
                yield _styled(line)
            case Code(code):
                yield from verbatim(line for each in code for line in lines(each) or [""])
            case Table(titles, rows):
                for row in rows:
                    yield from (".TP", _styled(row[0]), *_cells(titles, row))
            case _:
                assert_never(block)


def _cells(titles: tuple[Line, ...], row: tuple[Line, ...]) -> Iterator[str]:
    """Yield what stands beside the first cell; several say what they are."""
    cells = [(title, cell) for title, cell in zip(titles[1:], row[1:], strict=True) if cell]
    for number, (name, cell) in enumerate(cells):
        yield from [".br"] if number else []
        is_named = name and len(titles) > 2  # noqa: PLR2004  # else it is clear
        yield _styled((*name, (": ", Style.PLAIN), *cell) if is_named else cell)
    if not cells:
        yield r"\&"


def _styled(line: Line) -> str:
    pieces = (
        f"{_FONTS[style]}{escape(piece)}\\fR" if _FONTS[style] else escape(piece)
        for piece, style in line
    )
    return _harmless("".join(pieces))


def _harmless(line: str) -> str:
    return rf"\&{line}" if line.startswith((".", "'")) else line
