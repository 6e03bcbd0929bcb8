"""Collects what is wrong with a file: places in its tree, and faults at them.

`Place` is a value with the way to it; `Findings` keeps the faults; `checked` lets pydantic read a
tree and says in our own words what it refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from daemon.errors import Fault
from daemon.fields import NOT_TEXT
from daemon.schema import Section
from daemon.tree import Mapping, Node, Path, Scalar, Sequence, Unusable, dotted
from daemon.wording import listed, nearest, shown

S = TypeVar("S", bound=Section)

# How pydantic marks that it was the key of a mapping that it refused.
_KEY = "[key]"

_PASSWORD_ADVICE = (
    "a password is refused here, since the file is no place for secrets: write it into a file that"
    " only its owner can read and name that as password_file, or use password_env"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the file, the way to it, and the key that it stands under."""

    node: Node
    path: Path = ()
    key: Scalar | None = None

    def has(self, key: str) -> bool:
        """Tell whether this is a mapping with *key*."""
        return isinstance(self.node, Mapping) and key in self.node.entries

    def at(self, *steps: str | int) -> Place:
        """Follow *steps* as far as the file has them; a lone item stands for a list of one."""
        place = self
        for step in steps:
            match place.node, step:
                case Mapping(entries=entries), str() if step in entries:
                    entry = entries[step]
                    place = Place(entry.value, (*place.path, step), entry.key)
                case Sequence(items=items), int() if step < len(items):
                    place = Place(items[step], (*place.path, step), place.key)
                case _:
                    return place
        return place

    def names(self) -> tuple[str, ...]:
        """Give the keys, none if this is no mapping."""
        return tuple(self.node.entries) if isinstance(self.node, Mapping) else ()


class Findings:
    """The faults found so far."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        """Begin with what is known."""
        self._faults = set(faults)

    def add(self, place: Place, message: str) -> None:
        """Note a fault of a value."""
        node = place.node
        self._faults.add(Fault(node.line, node.column, dotted(place.path), message))

    def add_at_key(self, place: Place, message: str) -> None:
        """Note a fault of a key, or of a section as a whole."""
        node = place.key or place.node
        self._faults.add(Fault(node.line, node.column, dotted(place.path), message))

    def faults(self) -> tuple[Fault, ...]:
        """Give them in the order of the file."""
        return tuple(sorted(self._faults))


def checked(root: Place, model: type[S], findings: Findings) -> S:
    """Read a tree as *model*; what is wrong is noted and left out of the result.

    Left out is the innermost key whose value is at fault, so that all the rest can be looked at.
    """
    for place, section in sections(root, model):
        _check_keys(place, section, findings)
    plain = _plain(root, findings)
    while True:
        try:
            return model.model_validate(plain)
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)
        known = {place.path: section for place, section in sections(root, model)}
        for error in errors:
            _note(error, root, known, findings)
        for error in errors:
            _leave_out(plain, error["loc"])


def sections(place: Place, model: type[Section]) -> Iterator[tuple[Place, type[Section]]]:
    """Give every section of a tree with its place, those that are no mappings left out."""
    if not isinstance(place.node, Mapping):
        return
    yield place, model
    for key, inner in model.keys().items():
        if inner is None or not place.has(key):
            continue
        below = place.at(key)
        names = below.names() if key in model.named else None
        for child in [below] if names is None else [below.at(name) for name in names]:
            yield from sections(child, inner)


def _check_keys(place: Place, section: type[Section], findings: Findings) -> None:
    for key in section.required:
        if not place.has(key):
            findings.add_at_key(place, f"{key} is missing")
    present = [key for key in section.exactly_one if place.has(key)]
    allowed = listed(section.exactly_one)
    if section.exactly_one and not present:
        findings.add_at_key(place, f"one of {allowed} is missing")
    for key in present[1:]:
        findings.add_at_key(place.at(key), f"stands beside {present[0]}: only one of {allowed}")


def _plain(place: Place, findings: Findings) -> Any:
    """Give a tree as Python's own values, without what is empty or unusable."""
    match place.node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            below = [place.at(index) for index in range(len(items))]
            return [_plain(item, findings) for item in below if _is_value(item, findings)]
        case Mapping(entries=entries):
            pairs = [(key, place.at(key)) for key in entries]
            return {key: _plain(item, findings) for key, item in pairs if _is_value(item, findings)}
        case _:
            return None


def _is_value(place: Place, findings: Findings) -> bool:
    match place.node:
        case Scalar(value=None):
            findings.add_at_key(place, "has no value: give it one, or delete the key")
            return False
        case node:
            return not isinstance(node, Unusable)


def _note(
    error: ErrorDetails, root: Place, known: dict[Path, type[Section]], findings: Findings
) -> None:
    loc = error["loc"]
    is_key = loc[-1:] == (_KEY,)
    place = root.at(*(loc[:-1] if is_key else loc))
    match error["type"]:
        case "extra_forbidden":
            findings.add_at_key(place, _unknown_key(place.path, known))
        case _ if is_key:
            findings.add_at_key(place, _refusal(error, place))
        case _:
            findings.add(place, _refusal(error, place))


def _unknown_key(path: Path, known: dict[Path, type[Section]]) -> str:
    *above, key = path
    section = known[tuple(above)]
    if str(key).casefold() in {"password", "passwd", "pass", "secret"}:
        return _PASSWORD_ADVICE
    allowed = section.keys()
    return nearest(...)


def _refusal(error: ErrorDetails, place: Place) -> str:
    """Say what pydantic refused, in our own words."""
    found = _described(place.node)
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])
        case str() as kind if kind == NOT_TEXT:
            ...
