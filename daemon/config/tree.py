"""The tree of a YAML document: values with their line and column, and paths to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.errors import Fault
from daemon.wording import shown

TreePath = tuple[str | int, ...]

# As long as a name may be: longer ones are cut where they are shown.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document; `line` and `column` start at 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Unusable(Node):
    """A value whose fault has been reported already, such as an alias."""


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """A text, number, boolean or null; `source` is its text in the file, without quotes."""

    source: str
    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class SequenceNode(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, and its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class MappingNode(Node):
    """A mapping; entries by the text of their keys, in the order of the file."""

    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: the tree, or None if it could not be built, and the faults of the YAML."""

    root: Node | None
    faults: tuple[Fault, ...]


def dotted(path: TreePath) -> str:
    """Return a path as users write it: `windows.nightly.weekly.days[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f"{'.' if text else ''}{step if _PLAIN_KEY.fullmatch(step) else shown(step)}"
    return text
