"""The spellings in which a secret may appear where it should not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from daemon.wording import printable

SHORTEST_MASKED = 4
"""Anything shorter occurs in ordinary words, and masking it there would tell what it is."""


_FEW = 400
"""Up to so many beginnings of secrets it costs less to look for each than to look them up."""


def spellings(secret: str) -> frozenset[str]:
    """Return the ways in which a secret may appear, without those too short to mask.

    Inside a longer text (`user:password`) base64 has three faces, by the secret's offset modulo
    three; its first and last characters depend on the neighbours and are left out.
    """
    data = secret.encode("utf-8", "surrogatepass")
    quoted = {quote(data), quote(data, safe=""), quote_plus(data)}
    forms = {secret, json.dumps(secret)[1:-1], printable(secret), *quoted}
    forms.update(map(_in_lower_case, quoted))
    for shift in range(3):
        inner = slice(-(-8 * shift // 6), 8 * (shift + len(data)) // 6)
        padded = bytes(shift) + data
        forms.add(base64.b64encode(padded).decode()[inner])
        forms.add(base64.urlsafe_b64encode(padded).decode()[inner])
    return frozenset(form for form in forms if len(form) >= SHORTEST_MASKED)


class Censor:
    """Replaces what a text has of some forms of secrets by `***`.

    Hundreds of clusters have as many passwords, each of which has several spellings: where there
    are many, only those are looked for whose beginning stands in the text.
    """

    def __init__(self, forms: Iterable[str] = ()) -> None:
        """Look for these *forms*, none of which is empty."""
        self._by_start: dict[str, tuple[str, ...]] = {}
        self.add(forms)

    def add(self, forms: Iterable[str]) -> None:
        """Look for these *forms* as well, none of which is empty; a second time changes nothing."""
        for form in forms:
            # What is shorter than a beginning is always looked for.
            start = form[:SHORTEST_MASKED] if len(form) >= SHORTEST_MASKED else ""
            known = self._by_start.get(start, ())
            if form not in known:
                self._by_start[start] = (*known, form)

    @property
    def is_idle(self) -> bool:
        """Check whether it looks for nothing yet."""
        return not self._by_start

    def is_in(self, text: str) -> bool:
        """Check whether there is anything to replace; much faster than to replace nothing."""
        return bool(self._found(text))

    def __call__(self, text: str) -> str:
        """Return *text* without it."""
        found = self._found(text)
        return _pattern_of(found).sub("***", text) if found else text

    def _found(self, text: str) -> frozenset[str]:
        by_start = self._by_start
        # A list of all values is made in one step, whatever another thread adds.
        likely = list(by_start.values()) if len(by_start) <= _FEW else _met(text, by_start)
        return frozenset(form for forms in likely for form in forms if form in text)


def _met(text: str, by_start: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the forms of those beginnings that stand in *text*."""
    ends = range(SHORTEST_MASKED, len(text) + 1)
    starts = {at for end in ends if (at := text[end - SHORTEST_MASKED : end]) in by_start}
    return [by_start.get("", ()), *(by_start[start] for start in starts)]


@lru_cache(maxsize=8)
def _pattern_of(forms: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of *forms*, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))


def _in_lower_case(quoted: str) -> str:
    """Write the hexadecimal digits of a quoted text in lower case, as some do."""
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
