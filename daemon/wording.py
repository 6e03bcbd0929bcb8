"""How faults speak: what is there is quoted, what was probably meant is suggested."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable
from itertools import islice

_LONGEST_SHOWN = 60
_MOST_LISTED = 16
_SHORTEST_PART = 3
_MOST_COMPARED = 1_000


def shown(text: str) -> str:
    """Return *text* in quotes, control characters escaped, cut where it becomes tiresome."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def nearest(text: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` with the *known* text that is most like *text*, or nothing."""
    # Texts far longer than any name would cost time and mean nothing.
    word = text[:_LONGEST_SHOWN].casefold()
    by_form = {name.casefold(): name for name in islice(known, _MOST_COMPARED)}
    alike = difflib.get_close_matches(word, by_form, n=1)
    parts = [form for form in by_form if word in form] if len(word) >= _SHORTEST_PART else []
    return f"; did you mean {shown(by_form[(alike + parts)[0]])}?" if alike or parts else ""


def nearest_or_all(text: str, known: Collection[str]) -> str:
    """Return what `nearest` gives, or else as many of the *known* texts as anyone would read."""
    if guess := nearest(text, known):
        return guess
    few = tuple(known)[:_MOST_LISTED]
    rest = len(known) - len(few)
    return f"; known are: {', '.join(few) or 'none'}{f' and {rest} more' if rest else ''}"


def listed(names: Iterable[str], last: str = "or") -> str:
    """Return names as a sentence has them: `a, b or c`."""
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end
