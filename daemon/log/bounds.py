"""How long a line of the log may be, and what is cut so that it is not longer.

journald cuts a line at 48 KiB, container engines at 16 KiB, and what they leave is no JSON. So a
line has at most 16 KiB. Of a list only the first 50 entries stand in it, and `KEY_total` says how
many there are. Beyond that texts are cut, with a mark, then more of the lists, and last whole keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from daemon.log.writer import Entry

LIMIT: Final = 16 * 1024
"""Bytes of a line in UTF-8, with its end."""

MOST_ENTRIES: Final = 50
MARK: Final = "…"

_HEAD: Final = ("timestamp", "level", "event")
# How many entries of a list and characters of a text stay, the first that is short enough.
_STEPS: Final = (
    *((MOST_ENTRIES, LIMIT), (MOST_ENTRIES, 4000), (MOST_ENTRIES, 200)),
    *((10, 200), (3, 40)),
)


def bounded(form: Callable[[Entry], str]) -> Callable[[Entry], str]:
    """Return what makes a line by *form*, of an entry that it shortens where that is needed."""

    def make(entry: Entry) -> str:
        line = form(entry)
        # A list that is too long has as many commas.
        if line.count(",") < MOST_ENTRIES and len(line) * 4 < LIMIT:
            return line
        return _shortened(entry, line, form)

    return make


def _shortened(entry: Entry, line: str, form: Callable[[Entry], str]) -> str:
    if not _has_long_list(entry) and _fits(line):
        return line
    for entries, characters in _STEPS:
        line = form(_cut(entry, entries, characters))
        if _fits(line):
            return line
    kept: Entry = {key: entry[key] for key in _HEAD if key in entry}
    left_out = 0
    for key, value in _cut(entry, *_STEPS[-1]).items():
        if _fits(form(kept | {key: value, "keys_cut": len(entry)})):
            kept[key] = value
        else:
            left_out += 1
    return form(kept | {"keys_cut": left_out})


def _fits(line: str) -> bool:
    return len(line) < LIMIT and len(line.encode("utf-8", "backslashreplace")) < LIMIT


def _has_long_list(value: object) -> bool:
    match value:
        case list() | tuple():
            return len(value) > MOST_ENTRIES or any(map(_has_long_list, value))
        case dict():
            return any(map(_has_long_list, value.values()))
        case _:
            return False


def _cut(entry: Entry, entries: int, characters: int) -> Entry:
    """Return *entry* with at most so many entries in each list and characters in each text."""
    cut: Entry = {}
    for key, value in entry.items():
        cut[key] = _part(value, entries, characters)
        if isinstance(value, list | tuple) and len(value) > entries:
            cut[f"{key}_total"] = len(value)
    return cut


def _part(value: object, entries: int, characters: int) -> object:
    match value:
        case str() if len(value) > characters:
            # Of a traceback, the end says the most.
            half = characters // 2
            return f"{value[:half]}{MARK}{value[-half:]}"
        case list() | tuple():
            return [_part(inner, entries, characters) for inner in value[:entries]]
        case dict():
            return _cut(value, entries, characters)
        case _:
            return value
