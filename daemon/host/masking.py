"""The spellings in which a secret may appear where it should not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from daemon.wording import printable

SHORTEST_MASKED = 4
"""Anything shorter occurs in ordinary words, and masking it there would tell what it is."""


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


def pattern_of(forms: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of *forms*, the longest first."""
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


class Censor:
    """Replaces what a text has of some forms of a secret by `***`."""

    def __init__(self, forms: Iterable[str] = ()) -> None:
        """Look for these *forms*, none of which is empty."""
        self._forms = frozenset(forms)
        self._pattern = pattern_of(self._forms)

    def is_in(self, text: str) -> bool:
        """Check whether there is anything to replace; much faster than to replace nothing."""
        return any(form in text for form in self._forms)

    def __call__(self, text: str) -> str:
        """Return *text* without it."""
        return self._pattern.sub("***", text) if self.is_in(text) else text


def _in_lower_case(quoted: str) -> str:
    """Write the hexadecimal digits of a quoted text in lower case, as some do."""
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
