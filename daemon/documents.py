"""JSON from a server: bounded before it is parsed, and odd no further than the value that is odd.

1. The values of a document are counted before it is parsed, by the bytes that begin another one:
   each comma and each bracket, also within texts. There are never fewer of these than values.
2. What is no JSON in an otherwise sound document is `ODD`, which no reader takes for anything: NaN
   and infinities, numbers of absurd length, an object that has a key twice.
3. A list is parsed item by item, each of at most 1 MiB, so that whoever reads it may give way
   between two of them. It is read byte by byte, so that one astral character does not make four
   bytes of each: see `text`.
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

LARGEST_ITEM: Final = 1024 * 1024
"""How many bytes one item of a list may have: so much is worked on at once."""

_USUAL_ITEM = 4096
_LONGEST_TOKEN = 16
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
    """Yield the items of a JSON list, each as it is parsed. Raises: ValueError.

    A bytearray is emptied as soon as it is text, so that nobody keeps both.
    """
    check_bounds(body)
    whole = body.decode("latin-1")
    if isinstance(body, bytearray):
        body.clear()
    start = _gap(whole, 0)
    if whole[start : start + 1] != "[":
        raise ValueError(f"the answer {'is not a list' if whole[start:] else 'has no body'}")
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
    """Return the item that begins *at*, and where it ends; no more than its bound is looked at."""
    for size in (_USUAL_ITEM, LARGEST_ITEM):
        piece = whole[at : at + size]
        is_last = at + size >= len(whole)
        try:
            item, end = _DECODER.raw_decode(piece)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
        except json.JSONDecodeError as exc:
            if is_last or not _is_cut(exc, piece):
                raise ValueError("the answer is not JSON") from None
        else:
            # What ends where the piece does may go on after it: a number.
            if is_last or end < len(piece):
                return item, at + end
    raise BoundError(f"an item of the list is larger than {LARGEST_ITEM:,} bytes")


def _is_cut(exc: json.JSONDecodeError, piece: str) -> bool:
    """Check whether nothing is wrong but that *piece* ends."""
    return exc.pos >= len(piece) - _LONGEST_TOKEN or exc.msg.startswith("Unterminated string")


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
