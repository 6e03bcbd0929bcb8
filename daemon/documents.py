"""JSON from a server: bounded before it is parsed, and odd no further than the value that is odd.

1. The values of a document are counted before it is parsed, by the bytes that begin another one:
   each comma and each bracket, also within texts. There are never fewer of these than values.
2. What is no JSON in an otherwise sound document is `ODD`, which no reader takes for anything: NaN
   and infinities, numbers of absurd length, an object that has a key twice.
3. A list is parsed item by item, so that whoever reads it may give way between two of them. It is
   read byte by byte, so that one astral character does not make four bytes of each: see `text`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

Body = bytes | bytearray
"""What came; a list is not copied only to be of another type."""

MOST_VALUES: Final = 500_000
"""How many values a document may have."""

ODD: Final = object()
"""Stands for a value that JSON does not have, or that could mean two things."""

_LONGEST_NUMBER = 40
_GAP = re.compile(r"[ \t\r\n]*")


class BoundError(ValueError):
    """Raised when a document is larger than anyone should work on."""


def read_json(body: Body) -> object:
    """Parse a JSON document in UTF-8. Raises: ValueError."""
    check_bounds(body)
    try:
        document: object = _DECODER.decode(body.decode())
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    except ValueError as exc:
        raise ValueError(f"the answer {_fault(body)}") from exc
    return document


def items(body: Body) -> Iterator[object]:
    """Yield the items of a JSON list, each as it is parsed. Raises: ValueError."""
    check_bounds(body)
    whole = body.decode("latin-1")
    start = _gap(whole, 0)
    if whole[start : start + 1] != "[":
        raise ValueError(f"the answer {_fault(body) if not whole[start:] else 'is not a list'}")
    at = _gap(whole, start + 1)
    mark = whole[at : at + 1]
    at += mark == "]"
    while mark != "]":
        item, at = _item(whole, at)
        yield item
        at = _gap(whole, at)
        mark = whole[at : at + 1]
        if mark not in {",", "]"}:
            raise ValueError("the answer is not JSON")
        at = _gap(whole, at + 1)
    if _gap(whole, at) != len(whole):
        raise ValueError("the answer is not JSON")


def text(value: str) -> str:
    """Return a text of `items` as the server meant it, in UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        # It was escaped, or is not UTF-8 at all.
        return value


def check_bounds(body: Body) -> None:
    """Raise BoundError if there are too many values in *body*, which may be no JSON at all."""
    if sum(body.count(mark) for mark in (b",", b"{", b"[")) >= MOST_VALUES:
        raise BoundError(f"the answer has more than {MOST_VALUES:,} values")


def _item(whole: str, at: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(whole, at)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    except ValueError:
        raise ValueError("the answer is not JSON") from None


def _gap(whole: str, at: int) -> int:
    found = _GAP.match(whole, at)
    return found.end() if found else at


def _fault(body: Body) -> str:
    return "is not JSON" if body.strip() else "has no body"


def _object(pairs: list[tuple[str, object]]) -> object:
    made = dict(pairs)
    return made if len(made) == len(pairs) else ODD


def _integer(digits: str) -> object:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else ODD


def _decimal(digits: str) -> object:
    return float(digits) if len(digits) <= _LONGEST_NUMBER else ODD


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=lambda _name: ODD,
    # A control character in a text is that text's fault.
    strict=False,
)
