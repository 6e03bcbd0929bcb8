"""The part of Markdown that the manual is written in, taken apart; pure.

A page has headings, paragraphs, lists without lists in them, tables and blocks of code. Comments
are for those who write it. What stands in a line is text, code, or strong text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

_BORDER = re.compile(r"(?<!\\)\|")
_ITEM = re.compile(r"(?:-|\d+\.) (.*)")
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<stress>[^*\s][^*]*)\*"
    r'|\[(?P<link>[^]]+)\]\((?P<target>[^)]+)\)|<a id="[^"]*"></a>'
)
_PAGE = re.compile(r"(\w+)\.md(?:#[\w-]+)?")


class Style(Enum):
    """How a piece of a line is shown."""

    PLAIN = auto()
    CODE = auto()
    STRONG = auto()


Line = tuple[tuple[str, Style], ...]
"""A text in pieces, each with its style; it is broken where there is no more room."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; that of the page has level 1."""

    level: int
    line: Line

    @property
    def plain(self) -> str:
        """The title without its styles."""
        return "".join(piece for piece, _ in self.line)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences; those of a list have a mark before them."""

    line: Line
    is_item: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines that are shown as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below their titles."""

    titles: tuple[Line, ...]
    rows: tuple[tuple[Line, ...], ...]


Block = Heading | Paragraph | Code | Table


def parse(text: str) -> Iterator[Block]:
    """Yield the blocks of a page in their order."""
    fenced = False
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("```"):
            yield from [Code(tuple(lines))] if fenced else _prose(lines)
            fenced, lines = not fenced, []
        else:
            lines.append(line)
    yield from _prose(lines)


def _prose(lines: Iterable[str]) -> Iterator[Block]:
    for is_filled, group in groupby(lines, key=lambda line: bool(line.strip())):
        found = [line.strip() for line in group if not line.startswith("<!--")]
        if not (is_filled and found):
            continue
        if found[0].startswith("|"):
            titles, _, *rows = map(_cells, found)
            yield Table(titles, tuple(rows))
        elif found[0].startswith("#"):
            marks, _, title = found[0].partition(" ")
            yield Heading(len(marks), inline(title))
            yield from _prose(found[1:])
        else:
            yield from _sentences(found)


def _sentences(lines: Iterable[str]) -> Iterator[Paragraph]:
    """Yield the paragraph that the lines are, or the items that begin with a mark."""
    parts: list[list[str]] = []
    items: list[bool] = []
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item or not parts:
            parts.append([])
            items.append(bool(item))
        parts[-1].append(item[1] if item else line)
    for part, is_item in zip(parts, items, strict=True):
        yield Paragraph(inline(" ".join(part)), is_item)


def _cells(row: str) -> tuple[Line, ...]:
    return tuple(inline(cell.strip().replace("\\|", "|")) for cell in _BORDER.split(row)[1:-1])


def inline(text: str) -> Line:
    """Return a line in its pieces; a link to another page is followed by the page's topic."""
    return tuple((piece, style) for piece, style in _pieces(text) if piece)


def _pieces(text: str) -> Iterator[tuple[str, Style]]:
    end = 0
    for match in _INLINE.finditer(text):
        yield text[end : match.start()], Style.PLAIN
        end = match.end()
        if match["code"]:
            yield match["code"], Style.CODE
        elif strong := match["strong"] or match["stress"]:
            yield from ((piece, _stronger(style)) for piece, style in _pieces(strong))
        elif match["link"]:
            yield from _pieces(match["link"])
            yield _named(match["target"]), Style.PLAIN
    yield text[end:], Style.PLAIN


def _stronger(style: Style) -> Style:
    return Style.STRONG if style is Style.PLAIN else style


def _named(target: str) -> str:
    """Return what a reader without a mouse is told of where a link leads; nothing on this page."""
    if page := _PAGE.fullmatch(target):
        return f" (page {page[1]})"
    return f" ({target})" if "://" in target else ""
