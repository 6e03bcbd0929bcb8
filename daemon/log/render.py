"""A line of the log as text: JSON for machines, a narration for people.

Texts are `printable` in both forms, in JSON also once they are decoded: a server's message cannot
forge a line or repaint a terminal, not even that of whoever reads the log with `jq -r`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from daemon.log.bounds import bounded
from daemon.log.events import Level
from daemon.log.narration import Narrator
from daemon.log.writer import Entry
from daemon.wording import has_escapes, printable, visible


class LogFormat(StrEnum):
    """What a line looks like; `auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Form:
    """What makes a line of an entry; `fold` makes fewer entries of those that came together."""

    line: Callable[[Entry], str]
    fold: Callable[[Sequence[Entry]], list[Entry]] | None = None


def renderer(fd: int, log_format: LogFormat, environ: Mapping[str, str], level: Level) -> Form:
    """Return the form of lines for `fd`: in colours on a terminal, unless `environ` forbids it."""
    terminal = os.isatty(fd)
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not terminal):
        return Form(json_line)
    colours = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    narrator = Narrator(_coloured if colours else _uncoloured, level)
    return Form(narrator.line, narrator.fold)


def _coloured(text: str, sgr: str) -> str:
    return f"\x1b[{sgr}m{text}\x1b[0m"


def _uncoloured(text: str, _sgr: str) -> str:
    return text


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
