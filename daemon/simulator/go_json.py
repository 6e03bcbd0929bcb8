"""JSON as Go writes and reads it: the service's bytes, and its words for what is wrong in a body.

Source: Go's `encoding/json`, whose errors the service passes on (`couchbase/tools-common`,
`cbbs/rest/util`): a decoder reads the *first* value of a body and leaves what comes after it.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_BODY = 10 * 1024 * 1024
"""As many bytes of a body are read."""

_MOST_NESTED = 200
_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEX = frozenset("0123456789abcdefABCDEF")
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_ESCAPES |= dict.fromkeys(range(0xD800, 0xE000), "\\ufffd")
"""What stands for a byte that is no UTF-8 is written as such an escape as well."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class GoJSONError(ValueError):
    """Raised when a body is no JSON, in Go's words."""


def encode(value: object) -> bytes:
    """Return *value* as `json.Marshal` writes it: no blanks, and safe within HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPES).encode()


def characters(text: str) -> str:
    """Return a text of a body as Go has it: what is half of a character is no character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def decode(body: bytes) -> Any:
    """Parse the first value of a body; a number is a `Number`. Raises GoJSONError."""
    # Go looks at bytes: this way each is one character.
    text = body[:MAX_BODY].decode("latin-1")
    start = _blank(text, 0)
    if start == len(text):
        raise GoJSONError("EOF")
    end = _Scanner(text).value(start)
    return _READER.decode(body[start:end].decode(errors="replace"))


_READER = json.JSONDecoder(parse_int=Number, parse_float=Number)


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _Scanner:
    """Finds the end of a value; what it raises has the words of Go's scanner."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, depth: int = 1) -> int:
        if depth > _MOST_NESTED:
            raise GoJSONError("exceeded max depth")
        char = self._at(at)
        if char == "{":
            return self._object(at + 1, depth)
        if char == "[":
            return self._array(at + 1, depth)
        if char == '"':
            return self._string(at + 1)
        if char in "tfn":
            return self._literal(at)
        if char in "-0123456789":
            return self._number(at)
        raise self._wrong(at, "looking for beginning of value")

    def _object(self, at: int, depth: int) -> int:
        at = _blank(self._text, at)
        if self._at(at) == "}":
            return at + 1
        while True:
            if self._at(at) != '"':
                raise self._wrong(at, "looking for beginning of object key string")
            at = _blank(self._text, self._string(at + 1))
            if self._at(at) != ":":
                raise self._wrong(at, "after object key")
            at = _blank(self._text, self.value(_blank(self._text, at + 1), depth + 1))
            if self._at(at) == "}":
                return at + 1
            if self._at(at) != ",":
                raise self._wrong(at, "after object key:value pair")
            at = _blank(self._text, at + 1)

    def _array(self, at: int, depth: int) -> int:
        at = _blank(self._text, at)
        if self._at(at) == "]":
            return at + 1
        while True:
            at = _blank(self._text, self.value(at, depth + 1))
            if self._at(at) == "]":
                return at + 1
            if self._at(at) != ",":
                raise self._wrong(at, "after array element")
            at = _blank(self._text, at + 1)

    def _string(self, at: int) -> int:
        while True:
            found = _PLAIN.match(self._text, at)
            at = found.end() if found else at
            char = self._at(at)
            if char == '"':
                return at + 1
            if char != "\\":
                raise self._wrong(at, "in string literal")
            at = self._escape(at + 1)

    def _escape(self, at: int) -> int:
        char = self._at(at)
        if char == "u":
            for place in range(at + 1, at + 5):
                if self._at(place) not in _HEX:
                    raise self._wrong(place, "in \\u hexadecimal character escape")
            return at + 5
        if char not in '"\\/bfnrt':
            raise self._wrong(at, "in string escape code")
        return at + 1

    def _literal(self, at: int) -> int:
        word = {"t": "true", "f": "false", "n": "null"}[self._text[at]]
        for place, letter in enumerate(word[1:], start=at + 1):
            if self._at(place) != letter:
                raise self._wrong(place, f"in literal {word} (expecting '{letter}')")
        return at + len(word)

    def _number(self, at: int) -> int:
        found = _NUMBER.match(self._text, at)
        end = found.end() if found else at + 1
        if found is None:
            self._at(end)
            raise self._wrong(end, "in numeric literal")
        # A point or an exponent that nothing follows is part of the number, and wrong.
        if self._text[end : end + 1] in {".", "e", "E"}:
            self._at(end + 1)
            where = "after decimal point in" if self._text[end] == "." else "in exponent of"
            raise self._wrong(end + 1, f"{where} numeric literal")
        return end

    def _at(self, at: int) -> str:
        if at >= len(self._text):
            raise GoJSONError("unexpected EOF")
        return self._text[at]

    def _wrong(self, at: int, where: str) -> GoJSONError:
        char = self._text[at]
        quoted = {"'": "'\\''", '"': "'\"'"}.get(char)
        if quoted is None:
            quoted = f"'{json.dumps(char, ensure_ascii=not char.isprintable())[1:-1]}'"
        return GoJSONError(f"invalid character {quoted} {where}")
