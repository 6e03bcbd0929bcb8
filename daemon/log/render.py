"""A line of the log as text: JSON for machines, words for a terminal.

Texts are `printable` in both forms, in JSON also once they are decoded: a server's message cannot
forge a line or repaint a terminal, not even that of whoever reads the log with `jq -r`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from daemon.log.bounds import bounded
from daemon.log.writer import Entry
from daemon.wording import has_escapes, printable, visible


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
    return bounded(_coloured_line if colours else _console_line)


def plain(value: object) -> object:
    """Turn what JSON does not know into what it does."""
    match value:
        case datetime() if value.tzinfo is not None:
            text = value.astimezone(UTC).isoformat(timespec="microseconds")
            return text.replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return printable(str(value))


# ASCII only.
_encode: Final = json.JSONEncoder(default=plain).encode


def _json(value: object) -> str:
    text = _encode(value)
    return _encode(visible(value)) if has_escapes(text) else text


def _json_line(entry: Entry) -> str:
    line = _encode(entry)
    if has_escapes(line):
        harmless = {printable(key): visible(value) for key, value in entry.items()}
        if "traceback" in entry:
            harmless["traceback"] = "\n".join(map(printable, str(entry["traceback"]).split("\n")))
        line = _encode(harmless)
    return line


json_line: Final = bounded(_json_line)
"""Return an entry as a line of JSON."""

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
    pairs = (f"{paint(printable(key) + '=', '2')}{_shown(value)}" for key, value in keys.items())
    head = [
        paint(str(time), "2"),
        paint(f"{level:<8}", _COLOURS.get(str(level), "0")),
        paint(_shown(event), "1"),
    ]
    return "\n    ".join(
        [" ".join([*head, *pairs]), *map(printable, bug.split("\n") if bug else ())]
    )


def _shown(value: object) -> str:
    """Return words as they are, other text quoted and escaped, the rest as JSON."""
    if not isinstance(value, str):
        return _json(value)
    if re.search(r"[\s\"'=]", value) or not value.isprintable() or not value:
        return repr(str(value))
    return str(value)
