"""What a command writes: the one way to stdout and stderr for its lines, JSON and CSV.

Every line goes through `printable`, so that no text from outside can control a terminal or pose as
a line of its own. Tables for people do the same, in `reports.tables`. The linter keeps all others
from the streams.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from daemon.wording import json_text, printable

LEAST_WIDTH = 20
_COMMAND = re.compile(r"\bcbmaintd (?:(?![;:,.)] ).)+")
_NO_BREAK = "\x1f"
"""A character that `printable` leaves nowhere, in the place of a space."""

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a text begins with that spreadsheets compute."""


def say(line: str = "") -> None:
    """Write a line to stdout; in a terminal it is broken between words."""
    sys.stdout.write(f"{laid_out(printable(line), _width(sys.stdout))}\n")


def warn(line: str) -> None:
    """Write a line to stderr; in a terminal it is broken between words."""
    sys.stderr.write(f"{laid_out(printable(line), _width(sys.stderr))}\n")


def laid_out(line: str, width: int | None) -> str:
    """Return a line broken between words at *width*, if there is one; what follows is indented.

    A command of ours stays in one piece, so that it can be copied from a terminal.
    """
    if width is None or len(line) <= width:
        return line
    from textwrap import fill  # noqa: PLC0415  # most lines fit

    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    broken = fill(
        whole,
        max(width, LEAST_WIDTH),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return broken.replace(_NO_BREAK, " ")


def _width(stream: TextIO) -> int | None:
    """Return how wide the terminal is that shows a stream; None if none does."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None
    except OSError:
        return None


def write(document: str) -> None:
    """Write a *document* of ours to stdout as it is: a unit, a man page, columns of `printable`."""
    sys.stdout.write(document)


def write_bytes(document: bytes) -> None:
    """Write a *document* in a format that has rules of its own for text to stdout."""
    sys.stdout.flush()
    sys.stdout.buffer.write(document)


def is_terminal() -> bool:
    """Check whether somebody reads stdout in a terminal."""
    return sys.stdout.isatty()


def flush() -> None:
    """Write what stdout has not yet. Raises OSError, as on a full disk."""
    sys.stdout.flush()


def discard() -> None:
    """Write nothing more to stdout, not even what is still to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_json(document: object) -> None:
    """Write one JSON document to stdout; of a list, each item on a line of its own."""
    if isinstance(document, list) and document:
        # Not `indent`: that is a slow encoder, and a year of many windows has 200,000 openings.
        text = "[\n  " + ",\n  ".join(map(json_text, document)) + "\n]"
    else:
        text = json_text(document, indent=2)
    sys.stdout.write(f"{text}\n")


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a line of titles and one for each row to stdout.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
