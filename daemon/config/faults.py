"""Collect the faults of a file, each with its place.

A `Place` is a value and the path to it; `checked` has pydantic validate a tree and words its errors
for the people who edit the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, takewhile
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from daemon.config.fields import NOT_TEXT, Section
from daemon.config.tree import MappingNode, Node, Scalar, SequenceNode, TreePath, Unusable, dotted
from daemon.errors import MOST_FAULTS, Fault
from daemon.wording import listed, nearest, nearest_or_all, shown

S = TypeVar("S", bound=Section)

# How pydantic marks an error in the key of a mapping.
_KEY = "[key]"

# What is expected where pydantic found something else.
_WANTED = {
    "bool_type": "a boolean: write true or false",
    "int_type": "a whole number",
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of names to values",
}

_NO_VALUE = "there is no value: give one, or delete the key"

_ADVICE = (
    "a password is refused, because the file is no place for secrets: write it into a file that"
    " only its owner can read and name that as password_file, or use password_env"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the file, the path to it, and its key."""

    node: Node
    path: TreePath = ()
    key: Scalar | None = None

    def has(self, key: str) -> bool:
        """Check whether this is a mapping with *key*."""
        return isinstance(self.node, MappingNode) and key in self.node.entries

    def at(self, *steps: str | int) -> Place:
        """Follow *steps* as far as the file has them; a single item counts as a list of one."""
        place = self
        for step in steps:
            match place.node, step:
                case MappingNode(entries=entries), str() if step in entries:
                    entry = entries[step]
                    place = Place(entry.value, (*place.path, step), entry.key)
                case SequenceNode(items=items), int() if step < len(items):
                    place = Place(items[step], (*place.path, step))
                case ((MappingNode() | Scalar()), int()):
                    pass
                case _:
                    return place
        return place

    def under(self, key: str) -> dict[str, Place]:
        """Return the entries of the mapping under *key* by name; none without such a mapping."""
        below = self.at(key)
        if self.has(key) and isinstance(below.node, MappingNode):
            return {name: below.at(name) for name in below.node.entries}
        return {}


class Faults:
    """The faults found so far, and warnings of what works but is unwise."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        """Start with *faults*."""
        self._faults = set(faults)
        self._warnings: set[Fault] = set()
        self._explained: set[Node] = set()

    def warn(self, place: Place, message: str) -> None:
        """Add a warning of a value."""
        node = place.node
        self._warnings.add(Fault(node.line, node.column, dotted(place.path), message))

    def add(self, place: Place, message: str) -> None:
        """Add a fault of a value."""
        node = place.node
        self._faults.add(Fault(node.line, node.column, dotted(place.path), message))

    def add_at_key(self, place: Place, message: str) -> None:
        """Add a fault of a key, or of a section as a whole."""
        node = place.key or place.node
        self._faults.add(Fault(node.line, node.column, dotted(place.path), message))

    def explain(self, places: Sequence[Place], message: str) -> None:
        """Add a fault of the first key, which also says what is wrong with the others."""
        self.add_at_key(places[0], message)
        self._explained.update(place.key for place in places if place.key)

    def has_explained(self, place: Place) -> bool:
        """Check whether a fault says already what is wrong with a key."""
        return place.key in self._explained

    def in_order(self) -> tuple[Fault, ...]:
        """Return them in the order of the file."""
        return tuple(sorted(self._faults))

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The warnings in the order of the file."""
        return tuple(sorted(self._warnings))


def checked(root: Place, model: type[S], faults: Faults) -> S:
    """Parse a mapping as *model*; errors are added to *faults*, their values left out.

    What is left out is the innermost key of a wrong value, so that everything else can be checked.
    """
    for place, section in sections(root, model):
        _check_keys(place, section, faults)
    plain = _plain(root, faults)
    try:
        return model.model_validate(plain)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
    known = {place.path: section for place, section in sections(root, model)}
    located = sorted(((_place_of(error, root), error) for error in errors), key=_position)
    for number, (place, error) in enumerate(located):
        _note(error, place, known, faults, root=root, is_shown=number < MOST_FAULTS)
        _leave_out(_steps(error), plain)
    return model.model_validate(plain)


def _is_of_name(error: ErrorDetails) -> bool:
    """Check whether an error is of a name in a mapping, not of an unknown key called `[key]`."""
    return error["loc"][-1] == _KEY and error["type"] != "extra_forbidden"


def _steps(error: ErrorDetails) -> TreePath:
    """Return the path to the entry of an error."""
    return error["loc"][:-1] if _is_of_name(error) else error["loc"]


def _place_of(error: ErrorDetails, root: Place) -> Place:
    return root.at(*_steps(error))


def _position(found: tuple[Place, ErrorDetails]) -> tuple[int, int]:
    place, error = found
    is_of_key = error["type"] == "extra_forbidden" or _is_of_name(error)
    node = place.key if is_of_key and place.key else place.node
    return node.line, node.column


def sections(place: Place, model: type[Section]) -> Iterator[tuple[Place, type[Section]]]:
    """Yield every section of a tree with its place, except those that are not mappings."""
    if isinstance(place.node, SequenceNode) and model.is_listed:
        for index in range(len(place.node.items)):
            yield from sections(place.at(index), model)
    if not isinstance(place.node, MappingNode):
        return
    yield place, model
    for key, inner in model.known_keys().items():
        if inner is not None and place.has(key):
            below = place.under(key).values() if key in model.named else (place.at(key),)
            for child in below:
                yield from sections(child, inner)


def _check_keys(place: Place, section: type[Section], faults: Faults) -> None:
    for key in section.required:
        if not place.has(key):
            faults.add_at_key(place, f"the key {key} is missing")
    present = [key for key in section.exactly_one if place.has(key)]
    if section.exactly_one and not present:
        faults.add_at_key(place, f"one of the keys {listed(section.exactly_one)} is missing")
    for key in present[1:]:
        allowed = listed(section.exactly_one)
        message = f"there is {present[0]} already: only one of {allowed} is allowed"
        faults.add_at_key(place.at(key), message)
    _check_braces(place, section, faults)


def _check_braces(place: Place, section: type[Section], faults: Faults) -> None:
    """Report what braces make of `{days: mon, tue}` and of `{duration:4h}`: keys without values."""
    entries = place.node.entries if isinstance(place.node, MappingNode) else {}
    # Cheap for the thousands of sections that have no such key.
    if not any(isinstance(e.value, Scalar) and e.value.value is None for e in entries.values()):
        return
    items = [place.at(key) for key in entries]
    for item in items:
        name, colon, value = str(item.path[-1]).partition(":")
        if colon and value and name in section.known_keys() and _is_bare(item):
            message = f"a space has to follow the colon: write {shown(f'{name}: {value}')[1:-1]}"
            faults.explain([item], message)
    for first, second in pairwise(items):
        is_said = second.path[-1] in section.known_keys() or faults.has_explained(second)
        if is_said or not _is_beside(first, second):
            continue
        rest = list(takewhile(partial(_is_beside, first), items[items.index(second) :]))
        words = [first.node.source] if isinstance(first.node, Scalar) else []
        names = ", ".join([*words, *(str(each.path[-1]) for each in rest)])
        message = f"within braces a comma begins another key: write {first.path[-1]}: [{names}]"
        faults.explain(rest, message)


def _is_beside(first: Place, second: Place) -> bool:
    """Check whether a key without a value stands in the line of another one, after its text."""
    has_text = isinstance(first.node, Scalar) and isinstance(first.node.value, str)
    is_bare = _is_bare(second)
    return has_text and is_bare and second.key is not None and first.node.line == second.key.line


def _is_bare(place: Place) -> bool:
    return isinstance(place.node, Scalar) and place.node.source == ""


def _plain(place: Place, faults: Faults) -> Any:
    """Return a tree as plain Python values; keys without a usable value are left out."""
    match place.node:
        case Scalar(value=value):
            return value
        case SequenceNode(items=items):
            return [_plain(place.at(index), faults) for index in range(len(items))]
        case MappingNode(entries=entries):
            below = {key: place.at(key) for key in entries}
            return {
                k: _plain(item, faults) for k, item in below.items() if _has_value(item, faults)
            }
        case _:
            return None


def _has_value(place: Place, faults: Faults) -> bool:
    match place.node:
        case Scalar(value=None):
            if not faults.has_explained(place):
                faults.add_at_key(place, _NO_VALUE)
            return False
        case node:
            return not isinstance(node, Unusable)


def _note(  # noqa: PLR0913  # all that is known of it
    error: ErrorDetails,
    place: Place,
    known: dict[TreePath, type[Section]],
    faults: Faults,
    *,
    root: Place,
    is_shown: bool,
) -> None:
    """Add the fault of an error; one that is only counted is not worded, which takes long."""
    if isinstance(place.node, Unusable):
        return
    if error["type"] == "extra_forbidden":
        section = known[place.path[:-1]]
        faults.add_at_key(place, _unknown_key(str(error["loc"][-1]), section) if is_shown else "")
    elif _is_of_name(error):
        faults.add_at_key(place, _refusal(error, place.key or place.node, place.path, root))
    else:
        faults.add(place, _refusal(error, place.node, place.path, root))


def _leave_out(path: TreePath, plain: Any) -> None:
    """Delete the innermost key on the path to an error; an earlier error may have done so."""
    holder: dict[Any, Any] = {}
    key: str | int = ""
    for step in path:
        if isinstance(plain, dict) and isinstance(step, str):
            if step not in plain:
                return
            holder, key = plain, step
        elif not (isinstance(plain, list) and isinstance(step, int)):
            break
        plain = plain[step]
    del holder[key]


def _unknown_key(key: str, section: type[Section]) -> str:
    known = tuple(section.known_keys())
    guess = nearest(key, (*known, "password"))
    if "password_file" in known and guess == nearest("password", ["password"]):
        return _ADVICE
    return f"{shown(key)} is not a known key here{nearest_or_all(key, known)}"


def _refusal(error: ErrorDetails, node: Node, path: TreePath, root: Place) -> str:
    """Return the message for an error of pydantic."""
    kind = error["type"]
    if isinstance(node, Scalar) and node.value is None:
        return _NO_VALUE
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == NOT_TEXT:
        return _not_text(node, error["ctx"]["wanted"])
    return f"{_described(node)} is not {_WANTED[kind]}{_instead(path, node, root)}"


def _instead(path: TreePath, node: Node, root: Place) -> str:
    """Return how what stands here is written as a mapping, where that is known."""
    match path:
        case ("windows" | "clusters" | "exclusions" as key,) if isinstance(node, SequenceNode):
            return f": each stands under its name, as {_NAMED[key]}"
        case ("windows", _, "repositories"):
            return _by_cluster(node, tuple(root.under("clusters")))
        case ("windows", _, "cron" | "rrule" as kind) if isinstance(node, Scalar):
            return f": write {_RULES[kind].format(shown(node.source))}"
        case ("windows", _, "weekly" | "monthly" | "once" as kind):
            return f": write {_RULES[kind]}"
        case _:
            return ""


def _by_cluster(node: Node, clusters: Sequence[str]) -> str:
    """Return how patterns are written that name no cluster, with the clusters that there are."""
    items = node.items if isinstance(node, SequenceNode) else (node,)
    sources = [item.source for item in items if isinstance(item, Scalar)]
    named = [source for source in sources if source in clusters] or list(clusters) or ["prod"]
    ids = [shown(source) for source in sources if source not in clusters] or ['"*"']
    few = ", ".join(ids[:_MOST_SHOWN]) + (", …" if len(ids) > _MOST_SHOWN else "")
    others = f"; clusters of this file: {listed(clusters, 'and')}" if clusters else ""
    return f": write {{{named[0]}: [{few}]}}{others}"


_MOST_SHOWN = 5
_NAMED = {
    "windows": "nightly: {weekly: …, repositories: …}",
    "clusters": "prod: {url: …}",
    "exclusions": 'freeze: ["2026-12-20..2027-01-03"]',
}
_RULES = {
    "cron": "cron: {{expression: {}, duration: 4h}}",
    "rrule": "rrule: {{rule: {}, from: 2026-01-25T02:00, duration: 6h}}",
    "weekly": "weekly: {days: [sunday], start: 02:00, end: 06:00}",
    "monthly": "monthly: {on: [second tuesday], start: 20:00, duration: 3h}",
    "once": "once: {start: 2026-12-24T18:00, end: 2026-12-27T06:00}",
}


def _not_text(node: Node, wanted: str) -> str:
    if isinstance(node, Scalar) and not wanted:
        kind = "boolean" if isinstance(node.value, bool) else "number"
        return f"{node.source} is a {kind}, and a text is needed: quote it: {shown(node.source)}"
    return f"{_described(node)} is not {wanted or 'a text'}"


def _described(node: Node) -> str:
    match node:
        case Scalar(value=str() as text):
            return shown(text)
        case Scalar(source=source):
            return source
        case SequenceNode():
            return "a list"
        case _:
            return "a mapping"
