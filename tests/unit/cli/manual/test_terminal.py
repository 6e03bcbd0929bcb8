"""A page of the manual on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.cli.manual import markdown, terminal
from daemon.cli.manual.markdown import Code, Heading, Paragraph, Table
from tests import manual

PAGE = """\
# How is it?

<!-- needs: nothing -->
First **bold** and `code`,
on two lines, with [a link](log.md#events) and [one](https://a.example/).

- an item that is long enough for two lines
- another

## Below

| a | b | c |
|---|---|---|
| <a id="x"></a>`x \\| y` | | last |

```sh
run --this    # as it is, however long the line may be
```
"""


def shown(width: int) -> list[str]:
    """Return the lines of the page."""
    return [line.plain for line in terminal.render(markdown.parse(PAGE), width)]


def test_a_page_is_broken_to_the_width() -> None:
    """Sentences and cells fit into the width, code is whole, comments and marks are gone."""
    assert shown(30) == [
        "How is it?",
        "",
        "First bold and code, on two",
        "lines, with a link (page log)",
        "and one (https://a.example/).",
        "",
        "- an item that is long enough",
        "  for two lines",
        "- another",
        "",
        "Below",
        "",
        "  x | y",
        "      c: last",
        "",
        "    run --this    # as it is, however long the line may be",
    ]


def test_what_is_strong_is_bold() -> None:
    """Headings, and the first cells of rows, are bold."""
    lines = terminal.render(markdown.parse(PAGE), 80)
    bold = [line.plain for line in lines if line.spans and "bold" in str(line.spans[0].style)]

    assert {"How is it?", "Below"} <= {*bold}


@pytest.mark.parametrize("path", manual.PAGES, ids=lambda path: path.stem)
def test_every_page_is_understood(path: Path) -> None:
    """Nothing of the notation is left where a page is taken apart, and its rows are whole."""
    blocks = [*markdown.parse(path.read_text())]
    lines = [
        line
        for block in blocks
        for line in (
            [block.line]
            if isinstance(block, Heading | Paragraph)
            else [cell for row in block.rows for cell in row]
            if isinstance(block, Table)
            else []
        )
    ]
    plain = [piece for line in lines for piece, style in line if style is markdown.Style.PLAIN]

    assert [piece for piece in plain if any(m in piece for m in ("`", "**", "](", "<a "))] == []
    assert all(len(row) == len(b.titles) for b in blocks if isinstance(b, Table) for row in b.rows)
    assert sum(isinstance(b, Code) for b in blocks) == path.read_text().count("```") / 2


@pytest.mark.parametrize(("environ", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_it_rendered(environ: dict[str, str], is_coloured: bool) -> None:
    """On a terminal titles are bold and code has a colour, unless NO_COLOR forbids it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "daemon", "manual", "upgrading"],
        stdout=theirs,
        stdin=theirs,
        cwd=manual.ROOT,
        env={**os.environ, **environ, "TERM": "xterm", "PAGER": "cat", "COLUMNS": "60"},
    ) as process:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # the end of a terminal that nobody has open any more
            while piece := os.read(ours, 65536):
                said += piece
        os.close(ours)

    assert process.returncode == 0
    assert b"\x1b[1" in said
    assert b"## Upgrade" not in said
    assert (b"\x1b[36m" in said) == is_coloured
