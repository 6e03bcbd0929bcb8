"""Texts that would control whoever shows them, and values that have one in every text field."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

NASTY = {
    "nul": "\0",
    "cr": "\r",
    "lf": "\n",
    "csi": "\x1b[2J",
    "osc 52": "\x1b]52;c;eA==\x07",
    "del": "\x7f",
    "c1": "\x85",
    "c1 csi": "\x9b2J",
    "soft hyphen": "\xad",
    "zero width": "\u200b",
    "line separator": "\u2028",
    "override": "\u202e",
    "isolate": "\u2066",
    "byte order mark": "\ufeff",
    "surrogate": "\udcff",
    "tag": "\U000e0041",
}
EVERY = "x".join(("", *NASTY.values(), ""))
"""All of them in one text."""

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
_PLAIN: dict[object, object] = {
    datetime: NOW,
    date: NOW.date(),
    timedelta: timedelta(minutes=90),
    ZoneInfo: ZoneInfo("Europe/Berlin"),
    Path: Path("/etc/cbmaintd"),
    int: 3,
    float: 1.5,
    bool: True,
    bytes: b"",
    types.NoneType: None,
}


def is_harmless(line: str) -> bool:
    """Check whether a line has visible characters and spaces alone."""
    return line.isprintable()


def texts_in(document: object) -> Iterator[str]:
    """Return every text in a JSON document, also the keys."""
    match document:
        case str():
            yield document
        case list():
            for item in document:
                yield from texts_in(item)
        case dict():
            for key, value in document.items():
                yield from (key, *texts_in(value))
        case _:
            pass


def filled(kind: Any, text: str) -> Any:
    """Return a value of a type, with *text* in each of its text fields, also those to come."""
    origin = typing.get_origin(kind)
    if origin is not None:
        return _collection(kind, origin, text)
    if kind is str:
        return text
    if kind in _PLAIN:
        return _PLAIN[kind]
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    hints = typing.get_type_hints(kind)
    return kind(**{f.name: filled(hints[f.name], text) for f in dataclasses.fields(kind) if f.init})


def _collection(kind: Any, origin: Any, text: str) -> Any:
    """Return one of the alternatives, or a collection of one."""
    kinds = [each for each in typing.get_args(kind) if each is not Ellipsis]
    found = [filled(each, text) for each in kinds]
    if origin in {types.UnionType, typing.Union}:
        return found[0]
    if issubclass(origin, Mapping):
        return dict([found])
    return origin(found) if origin in {tuple, list, frozenset} else found
