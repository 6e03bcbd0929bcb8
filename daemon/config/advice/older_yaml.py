"""Recognise a file that a tool for YAML 1.1 has read and written again, and undo that.

To such a tool (Ansible, Helm, PyYAML by itself) `on` and `NO` are booleans, `22:00` is the number
1320 (60 times 22), and a date is a time. What it wrote is read as what it was, so that all such
places are one fault, which hides no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from daemon.config.tree import Document, Entry, MappingNode, Node, Scalar, SequenceNode, TreePath
from daemon.errors import Fault
from daemon.wording import shown

MOST_NAMED = 3
"""How many different examples the fault has."""

_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]00:00:00(?:\.0+)?(?:Z|\+00:00)?")
_HOUR, _DAY = 60, 24 * 60
_OF_DAYS = ("weekly", "monthly")
_DATES = ("valid_from", "valid_until", "exclude")


def undone(document: Document) -> Document:
    """Return the document as it was before; one that was not rewritten as it is."""
    if document.root is None:
        return document
    if not _Undoing().has_found(document.root):
        return document
    undoing = _Undoing(is_sure=True)
    root = undoing.node(document.root, ())
    kept = (each for each in document.faults if (each.line, each.column) not in undoing.places)
    return Document(root, (undoing.fault(), *kept))


@dataclass(slots=True)
class _Undoing:
    """Collects what a tool has changed: the places, and what became of what.

    Where it `is_sure` that a tool did, `words` are what texts became of which nothing in the file
    says what they were: by themselves they might be slips of the pen.
    """

    is_sure: bool = False
    places: list[tuple[int, int]] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    words: dict[str, None] = field(default_factory=dict)

    def has_found(self, root: Node) -> bool:
        """Check whether a tool has changed anything for sure."""
        self.node(root, ())
        return bool(self.places)

    def fault(self) -> Fault:
        """Return the one fault of all places, which stands at the first."""
        line, column = min(self.places)
        examples = list(self.changes.items())[:MOST_NAMED]
        named = ", ".join(f"{was} has become {now}" for was, now in examples)
        quoted = " ".join(shown(was) for was, _ in examples)
        more = len(self.places) - 1
        where = f" (and in {more} more place{'s' if more > 1 else ''})" if more else ""
        words = ", ".join(list(self.words)[:MOST_NAMED])
        others = (
            f"; what is {words} now was another word, such as on, yes, off or 0123" if words else ""
        )
        return Fault(
            line,
            column,
            "",
            f"a tool for YAML 1.1, as Ansible, Helm or PyYAML, has rewritten this file: {named}"
            f"{where}{others}; quote such words, times of day and dates where the tool reads them,"
            f" as in {quoted}, and write the file again",
        )

    def node(self, node: Node, path: TreePath) -> Node:
        """Return a value, and all in it, as it was."""
        match node:
            case MappingNode(entries=entries):
                found = [self._entry(entry, path, entries) for entry in entries.values()]
                is_same = all(a is b for a, b in zip(found, entries.values(), strict=True))
                return node if is_same else replace(node, entries={e.key.source: e for e in found})
            case SequenceNode(items=items):
                new = tuple(self.node(item, path) for item in items)
                is_same = all(a is b for a, b in zip(new, items, strict=True))
                return node if is_same else replace(node, items=new)
            case Scalar() if was := _was(node, path):
                return self._changed(node, was)
            case Scalar(value=bool() | int()) if self.is_sure and _is_text(path):
                return self._word(node)
            case _:
                return node

    def _entry(self, entry: Entry, path: TreePath, beside: dict[str, Entry]) -> Entry:
        key = entry.key
        is_on = path[:1] == ("windows",) and path[2:] == ("monthly",) and "on" not in beside
        if is_on and key.source.casefold() == "true":
            key = self._changed(key, "on")
        elif self.is_sure and _has_names(path) and not isinstance(key.value, str):
            key = self._word(key)
        value = self.node(entry.value, (*path, key.source))
        return entry if key is entry.key and value is entry.value else Entry(key, value)

    def _changed(self, node: Scalar, was: str) -> Scalar:
        self.places.append((node.line, node.column))
        self.changes.setdefault(was, shown(node.source).strip('"'))
        return replace(node, source=was, value=was)

    def _word(self, node: Scalar) -> Scalar:
        self.places.append((node.line, node.column))
        self.words[shown(node.source).strip('"')] = None
        return replace(node, value=node.source)


def _has_names(path: TreePath) -> bool:
    """Check whether the keys of a mapping are names that users give."""
    match path:
        case ("windows" | "exclusions" | "clusters",) | (_, _, "repositories" | "labels"):
            return True
        case _:
            return False


def _is_text(path: TreePath) -> bool:
    """Check whether a value is a text of any kind."""
    match path:
        case ("windows", _, "repositories", *_) | ("clusters", _, "labels", _):
            return True
        case ("windows", _, "exclude" | "description") | ("exclusions", *_, "subdivision"):
            return True
        case _:
            return False


def _was(node: Scalar, path: TreePath) -> str:
    """Return what a value was in a file of ours, nothing for what it may be itself."""
    match path, node.value:
        case ("windows", _, kind, "start" | "end"), int(number) if kind in _OF_DAYS:
            return _time(number)
        case ("exclusions", *_, "holidays"), False:
            return "NO"
        case ((("windows", _, key) | ("exclusions", key, *_)), str(text)):
            is_date = path[0] == "exclusions" or key in _DATES
            match = _MIDNIGHT.fullmatch(text) if is_date else None
            return match[1] if match else ""
        case _:
            return ""


def _time(number: int) -> str:
    """Return the time of day that became a *number*: minutes, or seconds if it had them."""
    if isinstance(number, bool):
        return ""
    if _HOUR <= number <= _DAY:
        return f"{number // 60:02}:{number % 60:02}"
    if _HOUR * 60 <= number <= _DAY * 60:
        return f"{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
    return ""
