"""One request as a call gets it: what it asks for, read as the service reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from daemon.simulator import bodies
from daemon.simulator.go_json import GoJSONError
from daemon.simulator.refusals import Json, Refusal

_LARGEST = 2**63
_DIGITS = 20
"""So many digits are more than the largest number has."""

_BAD_PAIR = re.compile(";|%(?![0-9A-Fa-f]{2})")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def unescaped(text: str) -> str:
    """Return a part of a target without its escapes; each of its characters came as a byte."""
    return unquote_to_bytes(text.encode("latin-1", "replace")).decode(errors="surrogateescape")


def parsed_query(text: str) -> dict[str, list[str]]:
    """Parse a query as Go does, which leaves out a pair with `;` or a wrong escape in it."""
    found: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if pair and not _BAD_PAIR.search(pair):
            name, _, value = pair.partition("=")
            name, value = (unescaped(part.replace("+", " ")) for part in (name, value))
            found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True)
class Request:
    """What a route is given: the matched parts of the path, the query and the body.

    *admits* says whether a user with a password may log in to a target.
    """

    method: str
    parts: tuple[str, ...]
    query: dict[str, list[str]]
    body: bytes
    admits: Callable[[str, str, str], bool]

    def read(self, struct: bodies.Struct) -> Json:
        """Return the body's fields, or refuse in the service's words."""
        try:
            return bodies.read(self.body, struct)
        except GoJSONError as exc:
            raise Refusal(400, "invalid request body", str(exc)) from exc

    def text(self, name: str) -> str:
        """Return a parameter of the query."""
        return self.query.get(name, [""])[0]

    def number(self, name: str) -> int:
        """Return a count from the query; 0 without one."""
        text = self.text(name)
        if not text:
            return 0
        digits = text.lstrip("0")[:_DIGITS] or "0"
        if not (text.isascii() and text.isdecimal()) or int(digits) >= _LARGEST:
            raise Refusal(400, f"invalid {name}", f"'{text}' is not a positive integer")
        return int(digits)

    def instant(self, name: str) -> datetime | None:
        """Return an instant of RFC 3339 from the query; None without one."""
        text = self.text(name)
        if not text:
            return None
        if _RFC_3339.fullmatch(text):
            with suppress(ValueError):
                return datetime.fromisoformat(text)
        raise Refusal(400, f"invalid {name}", f"'{text}' is not an RFC 3339 instant")

    def flag(self, name: str) -> bool:
        """Return a boolean from the query, as Go reads one; without one it is false."""
        text = self.text(name)
        if text and text not in _TRUE | _FALSE:
            raise Refusal(400, f"invalid {name}", f"'{text}' is not a boolean")
        return text in _TRUE

    def page(self, items: list[Json]) -> list[Json]:
        """Return the part of a list that `offset` and `limit` ask for; a limit of 0 is none."""
        limit, offset = self.number("limit"), self.number("offset")
        return items[offset : offset + limit if limit else None]
