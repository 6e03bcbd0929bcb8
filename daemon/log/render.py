"""A line of the log as text: JSON for machines, words for a terminal.

Control and bidirectional characters are escaped in both forms: a server's message cannot forge a
line or repaint a terminal.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from daemon.log.writer import Entry


class LogFormat(StrEnum):
    """What a line looks like; `auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def renderer(fd: int, log_format: LogFormat, environ: Mapping[str, str]) -> Callable[[Entry], str]:
    """Return what makes a line for `fd`: in colours on a terminal, unless `environ` forbids it."""
    terminal = os.isatty(fd)
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not terminal):
        return json_line
    colours = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return _coloured_line if colours else _console_line


def plain(value: object) -> object:
    """Turn what JSON does not know into what it does."""
    match value:
        case datetime() if value.tzinfo is not None:
            text = value.astimezone(UTC).isoformat(timespec="microseconds")
            return text.replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return str(value)


# ASCII only: whatever is above it, and all that controls a terminal, stands as \uXXXX.
json_line: Final = json.JSONEncoder(default=plain).encode

_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


def _console_line(entry: Entry) -> str:
    return _text_line(entry, lambda text, _sgr: text)


def _coloured_line(entry: Entry) -> str:
    return _text_line(entry, lambda text, sgr: f"\x1b[{sgr}m{text}\x1b[0m")


def _text_line(entry: Entry, paint: Callable[[str, str], str]) -> str:
    """Lay out one entry for a person; a traceback follows, indented so that it cannot pose."""
    keys = dict(entry)
    time, level, event = (plain(keys.pop(head)) for head in ("timestamp", "level", "event"))
    bug = str(keys.pop("traceback", ""))
    pairs = (f"{paint(key + '=', '2')}{_shown(value)}" for key, value in keys.items())
    head = [
        paint(str(time), "2"),
        paint(f"{level:<8}", _COLOURS.get(str(level), "0")),
        paint(_shown(event), "1"),
    ]
    return "\n    ".join(
        [" ".join([*head, *pairs]), *map(_escaped, bug.split("\n") if bug else ())]
    )


def _shown(value: object) -> str:
    """Return words as they are, other text quoted and escaped, the rest as JSON."""
    if not isinstance(value, str):
        return json_line(value)
    if re.search(r"[\s\"'=]", value) or not value.isprintable() or not value:
        return repr(str(value))
    return str(value)


def _escaped(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
