"""The README and the manual as tests read them: pages, their tables, blocks and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "daemon" / "manual").glob("*.md"))

_CELL = re.compile(r"(?<!\\)\|")
"""What separates cells: not `\\|`, which is a bar within one."""


def page(topic: str) -> str:
    """Return a page of the manual."""
    return (ROOT / "daemon" / "manual" / f"{topic}.md").read_text()


def table(topic: str, *titles: str) -> list[list[str]]:
    """Return the rows of the page's table whose titles begin with these, a text for each cell."""
    (found,) = [rows for rows in tables(page(topic)) if tuple(rows[0][: len(titles)]) == titles]
    return found[2:]


def rows(topic: str, *titles: str) -> list[list[str]]:
    """Return the rows of all tables of a page whose titles begin with these."""
    found = [rows for rows in tables(page(topic)) if tuple(rows[0][: len(titles)]) == titles]
    return [row for rows in found for row in rows[2:]]


def tables(text: str) -> Iterator[list[list[str]]]:
    """Return the tables of a page: their titles, the line below them, and their rows."""
    for block in re.findall(r"(?:^\|.*\n)+", prose(text), re.MULTILINE):
        yield [
            [cell.strip() for cell in _CELL.split(line.strip())[1:-1]]
            for line in block.split("\n")[:-1]
        ]


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the line above it, and its text without indentation."""

    language: str
    above: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """Return the blocks of code of a page."""
    lines = iter(["", *text.splitlines()])
    above = ""
    for line in lines:
        if line.lstrip().startswith("```"):
            inside = "\n".join(iter(lambda: next(lines), line[: line.index("`")] + "```"))
            yield Block(line.strip(" `"), above, dedent(inside) + "\n")
        above = line.strip()


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code(cell: str) -> list[str]:
    """Return what stands as code in a text."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(text: str) -> set[str]:
    """Return the places of a page that a link can name."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    named = re.findall(r'<a id="([\w-]+)"></a>', text)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles} | {*named}
