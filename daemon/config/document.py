"""Parse the YAML of schedules.yaml into a tree that keeps the line and column of every value.

YAML 1.2 core schema: `true` and `false`, null and decimal numbers; everything else is text,
including `02:00`, dates and `yes`. The tree is built directly from PyYAML's events, so nothing is
expanded or constructed before it has been checked: anchors, aliases, merge keys, tags, repeated
keys, a second document, deep nesting and whatever is longer than a person would write are faults,
found in the one pass that builds the tree.

Only PyYAML's pure reader is used: its C parser crashes the process on deep nesting.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from daemon.config.tree import (
    Document,
    Entry,
    MappingNode,
    Node,
    Scalar,
    SequenceNode,
    TreePath,
    Unusable,
    dotted,
)
from daemon.errors import Fault
from daemon.wording import cut

SIZE_LIMIT = 4 * 1024 * 1024
DEPTH_LIMIT = 20
SCALAR_LIMIT = 1_000
ENTRIES_LIMIT = 10_000
VALUES_LIMIT = 300_000
"""How many values a file may have altogether: of more than these, reading takes too long."""

# Spelled out because PyYAML's resolvers follow YAML 1.1, where 22:00 is 1320 and `no` is false.
# Longer integers stay text: no field takes them, and Python refuses to convert very long ones.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(
    r"(?=.*[.eE])[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))"
    r"|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

# What no text may contain: control characters, surrogates, invisible marks, and what YAML 1.1 takes
# for a line break although editors, which count the lines that we report, do not.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_FORBIDDEN_SHOWN = 10
_LONGEST_NAME = 60


def read(content: bytes) -> Document:
    """Parse the bytes of a file; the result has the tree, if there is one, and every fault."""
    try:
        text = _decoded(content)
        builder = _Builder(text)
    except _UnreadableError as exc:
        return Document(None, exc.faults)
    return builder.document()


class _UnreadableError(Exception):
    """Raised when parsing cannot go on; carries the reasons."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = faults


def _decoded(content: bytes) -> str:
    """Return the text without its byte order mark."""
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


# PyYAML's words for the most common mistakes, and what to do about them.
_ADVICE = {
    "found character '\\t'": "indent with spaces, not with tabs",
    "scanning an alias": 'a glob that begins with * must be quoted: "*"',
    "a tag, expected": 'quote a pattern that takes away: "!tenant-demo"',
    "undefined tag handle": 'quote a pattern that takes away: "!tenant-demo"',
    "found character '%'": "quote a text that begins with %",
    "found character '@'": "quote a text that begins with @",
    "found character '`'": "quote a text that begins with `",
    "expected <block end>": "look at the indentation",
    "mapping values are not allowed": (
        "put a space after the colon of the key above, or quote a text with a colon and a space"
    ),
    "could not find expected ':'": "put a space after the colon of a key",
    "but got '?'": 'quote a glob that has ? in it: "tenant-?"',
    "flow sequence, expected ',' or ']', but got '<": (
        'a comma is missing, or quotes around a glob: "tenant-[ab]"'
    ),
}


class _Builder:
    """Builds a document from the events of a text; recurses at most `DEPTH_LIMIT` deep."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self._event: Callable[[], Event] = self._loader.get_event
        self._faults: list[Fault] = []
        self._values = 0
        self._is_torn = False

    def document(self) -> Document:
        """Parse everything; after a syntax error, or nested too deep, there is no tree."""
        try:
            root = self._root()
        except _UnreadableError as exc:
            # After a tag that took a bracket away nothing else can be right.
            return Document(None, (*self._faults, *(() if self._is_torn else exc.faults)))
        return Document(root, tuple(self._faults))

    def _root(self) -> Node:
        self._next()
        root: Node = Scalar(1, 1, "", None)
        if isinstance(self._next(), DocumentStartEvent):
            root = self._node(self._next(), ())
            self._next()
            self._end(self._next())
        match root:
            case Scalar(value=None):
                message = "the file is empty: it must have clusters and windows"
                raise _UnreadableError(Fault(1, 1, "", message))
            case _:
                return root

    def _end(self, event: Event) -> None:
        if not isinstance(event, StreamEndEvent):
            message = "a second document begins here: only one is allowed"
            raise _UnreadableError(_fault_at(event, (), message))

    def _next(self) -> Event:
        try:
            return self._event()
        except yaml.MarkedYAMLError as exc:
            raise _UnreadableError(_syntax_fault(exc)) from exc
        except (ValueError, OverflowError) as exc:
            # An escape such as "\UFFFFFFFF", which no character has, is an error of Python's chr().
            line, column = self._loader.line + 1, self._loader.column + 1
            message = "not valid YAML: a number or an escape is out of range"
            raise _UnreadableError(Fault(line, column, "", message)) from exc

    def _node(self, event: Event, path: TreePath) -> Node:
        is_refused = self._refuse_extras(event, path)
        node = self._value(event, path)
        # A tag is all that there is of an unquoted pattern: that it is empty is no other fault.
        is_all = isinstance(node, Scalar) and not node.source
        return Unusable(node.line, node.column) if is_refused and is_all else node

    def _value(self, event: Event, path: TreePath) -> Node:
        self._values += 1
        if self._values > VALUES_LIMIT:
            message = f"the file has more than {VALUES_LIMIT:,} values from here on: split it"
            raise _UnreadableError(_fault_at(event, path[:3], message))
        match event:
            case ScalarEvent() if len(event.value) > SCALAR_LIMIT:
                message = f"longer than {SCALAR_LIMIT:,} characters ({len(event.value):,})"
                self._fault(event, path, message)
                return Unusable(*_position(event))
            case ScalarEvent():
                return self._scalar(event, path)
            case SequenceStartEvent() | MappingStartEvent() if len(path) >= DEPTH_LIMIT:
                message = f"nested deeper than {DEPTH_LIMIT} levels"
                raise _UnreadableError(_fault_at(event, path[:3], message))
            case SequenceStartEvent():
                return SequenceNode(*_position(event), tuple(self._items(path)))
            case MappingStartEvent():
                return MappingNode(*_position(event), self._entries(path))
            case _:
                return Unusable(*_position(event))

    def _items(self, path: TreePath) -> Iterator[Node]:
        for index in itertools.count():
            event = self._next()
            if isinstance(event, SequenceEndEvent):
                return
            self._refuse_more(event, path, index)
            yield self._node(event, (*path, index))

    def _entries(self, path: TreePath) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for index in itertools.count():
            if isinstance(event := self._next(), MappingEndEvent):
                break
            self._refuse_more(event, path, index)
            key = self._key(event, path)
            value = self._node(self._next(), (*path, key.source if key else "?"))
            if key is None:
                continue
            if known := entries.get(key.source):
                message = f"the key is already in line {known.key.line}: delete one of them"
                self._fault(key, (*path, key.source), message)
            else:
                entries[key.source] = Entry(key, value)
        return entries

    def _refuse_more(self, event: Event, path: TreePath, index: int) -> None:
        """End the reading of a list or mapping that is too long."""
        if index >= ENTRIES_LIMIT:
            message = f"more than {ENTRIES_LIMIT:,} entries: the next one stands here"
            raise _UnreadableError(_fault_at(event, path, message))

    def _key(self, event: Event, path: TreePath) -> Scalar | None:
        """Return the key; None if its value cannot be used."""
        if isinstance(event, ScalarEvent) and event.style is None and event.value == "<<":
            self._fault(event, path, "a merge key (<<) is not allowed: write the keys out")
            return None
        match self._node(event, (*path, "?")):
            case Scalar(value=str()) as key:
                return key
            case Scalar(source="") as key:
                self._fault(key, path, "a key is missing before the colon")
            case Scalar(source=source) as key:
                self._fault(key, path, f"the key {source} is not a text: quote it")
                return key
            case SequenceNode() | MappingNode() as key:
                self._fault(key, path, "a key must be a text, not a list or mapping")
            case _:
                pass
        return None

    def _scalar(self, event: ScalarEvent, path: TreePath) -> Node:
        text = event.value
        if found := _FORBIDDEN.search(text):
            message = f"the character {_code_point(found.group())} is not allowed, escaped or not"
            self._fault(event, path, message)
            return Unusable(*_position(event))
        return Scalar(*_position(event), text, text if event.style else _resolved(text))

    def _refuse_extras(self, event: Event, path: TreePath) -> bool:
        """Refuse an alias, an anchor and a tag; return whether there was one."""
        if isinstance(event, AliasEvent):
            name = _cut(event.anchor or "")
            message = f'an alias is not allowed: write the value out; quote a glob: "*{name}"'
            self._fault(event, path, message)
        if not isinstance(event, ScalarEvent | CollectionStartEvent):
            return True
        if event.anchor is not None:
            message = f"an anchor (&{_cut(event.anchor)}) is not allowed: write values out"
            self._fault(event, path, message)
        if event.tag is not None:
            # PyYAML takes a bracket after it for part of the tag.
            tag = _cut(event.tag.replace("tag:yaml.org,2002:", "!!").rstrip("],}:"))
            self._is_torn = self._is_torn or event.tag.endswith(("]", "}"))
            advice = f'; quote a pattern that takes away: "{tag}"'
            if tag.startswith("!!"):
                advice = ": delete it"
            self._fault(event, path, f"a tag ({tag}) is not allowed{advice}")
        return event.anchor is not None or event.tag is not None

    def _fault(self, where: Event | Node, path: TreePath, message: str) -> None:
        self._faults.append(_fault_at(where, path, message))


def _fault_at(where: Event | Node, path: TreePath, message: str) -> Fault:
    line, column = _position(where)
    return Fault(line, column, dotted(path), message)


def _cut(name: str) -> str:
    return cut(name, _LONGEST_NAME)


def _position(where: Event | Node) -> tuple[int, int]:
    if isinstance(where, Node):
        return where.line, where.column
    mark = where.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _resolved(text: str) -> str | float | bool | None:
    """Return the value of an unquoted text by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=[in])", "", text.lower()))
    return text


def _syntax_fault(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = ", ".join(filter(None, (error.context, error.problem)))
    advice = "".join(f" ({advice})" for text, advice in _ADVICE.items() if text in said)
    return Fault(line, column, "", f"not valid YAML: {said}{advice}")
