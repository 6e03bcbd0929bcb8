"""The text of schedules.yaml → a tree that remembers where everything stands.

YAML 1.2 core rules: `true` and `false`, null, decimal numbers; all else is text, `02:00`, dates and
`yes` included. The tree is built straight from PyYAML's events, so that nothing is expanded,
constructed or walked before it was checked: anchors, aliases, merge keys, tags, repeated keys, a
second document and deep nesting are faults, found in the one pass that builds the tree.

Only PyYAML's pure reader is used: its C parser crashes the process on deep nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from daemon.errors import Fault

SIZE_LIMIT = 4 * 1024 * 1024
DEPTH_LIMIT = 20

Path = tuple[str | int, ...]

# Spelled out because PyYAML's resolvers follow YAML 1.1, where 22:00 is 1320 and `no` is false.
# Longer integers stay text: no field takes them, and Python refuses to convert very long ones.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))"
    r"|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

# What no text may hold: controls, halves of characters, invisible marks, and what YAML 1.1 takes for
# a line break while editors, which count the lines that we report, do not.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_FORBIDDEN_SHOWN = 10

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document; `line` and `column` count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Unusable(Node):
    """A value that a fault was already reported for, such as an alias."""


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """A text, number, boolean or null; `source` is how it is written, without quotes."""

    source: str
    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, where it stands, and its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping(Node):
    """Entries by the text of their keys, in the order of the file."""

    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Document:
    """What could be read: the tree, or None where it breaks off, and the faults of the YAML."""

    root: Node | None
    faults: tuple[Fault, ...]


def read(content: bytes) -> Document:
    """Read the bytes of a file; whatever they are, all that is wrong with them is in the result."""
    try:
        text = _decoded(content)
        builder = _Builder(text)
    except _UnreadableError as exc:
        return Document(None, exc.faults)
    return builder.document()


def dotted(path: Path) -> str:
    """Give a path as users read it: `windows.nightly.weekly.days[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f"{'.' if text else ''}{step if _PLAIN_KEY.fullmatch(step) else shown(step)}"
    return text


def shown(text: str) -> str:
    """Give *text* in quotes, control characters escaped, cut where it becomes tiresome."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


class _UnreadableError(Exception):
    """Raised when reading cannot go on; carries why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = faults


def _decoded(content: bytes) -> str:
    """Give the text without its byte order mark."""
    if len(content) > SIZE_LIMIT:
        raise _UnreadableError(Fault(1, 1, "", "the file is larger than 4 MiB"))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
        raise _UnreadableError(Fault(1, 1, "", "the file is UTF-16 or UTF-32: save it as UTF-8"))
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        before = content[: exc.start].decode().removeprefix("\ufeff")
        message = f"byte 0x{content[exc.start]:02x} is not UTF-8: save the file as UTF-8"
        raise _UnreadableError(_fault_after(before, message)) from exc
    if _FORBIDDEN.search(text):
        raise _UnreadableError(*_forbidden(text))
    return text


def _forbidden(text: str) -> Iterator[Fault]:
    for match in itertools.islice(_FORBIDDEN.finditer(text), _FORBIDDEN_SHOWN):
        message = f"the character {_code_point(match.group())} is not allowed: delete it"
        yield _fault_after(text[: match.start()], message)


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _fault_after(before: str, message: str) -> Fault:
    lines = re.split(r"\r\n|\r|\n", before)
    return Fault(len(lines), len(lines[-1]) + 1, "", message)


class _Builder:
    """Turns one text's events into a document; recursion is as deep as `DEPTH_LIMIT` at most."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self._faults: list[Fault] = []

    def document(self) -> Document:
        """Read all; a syntax error or too deep a nesting ends the reading, and there is no tree."""
        root: Node | None = None
        try:
            self._next()
            if isinstance(start := self._next(), DocumentStartEvent):
                root = self._node(self._next(), ())
                self._end()
            if _is_nothing(root, start):
                root = None
                ...
        except _UnreadableError as exc:
            return Document(None, (*self._faults, *exc.faults))
        return Document(root, tuple(self._faults))
