"""What a command writes: the one way to stdout and stderr for its lines, JSON and CSV.

Every line goes through `printable`, so that no text from outside can control a terminal or pose as
a line of its own. Tables for people do the same, in `reports.tables`. The linter keeps all others
from the streams.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from daemon.wording import json_text, printable

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a text begins with that spreadsheets compute."""


def say(line: str = "") -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{printable(line)}\n")


def warn(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{printable(line)}\n")


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
