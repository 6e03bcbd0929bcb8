"""How text is shown: harmless, quoted, listed, and with what was probably meant.

Nearly every text may come from somebody else: a server, another user, a file, a database. Before it
is shown or stored it goes through `printable`, which leaves nothing in it that could control a
terminal, reorder or hide what stands beside it, or begin a line. What is ours, such as line breaks
and colours, is added after that.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Collection, Iterable
from itertools import islice

MOST_LISTED = 20
"""How many names a sentence has at most."""

_LONGEST_SHOWN = 60
_MOST_KNOWN = 16
_SHORTEST_PART = 3
_MOST_COMPARED = 1_000


def printable(text: str) -> str:
    """Return *text* on one line, with all that is no visible character or space escaped.

    These are controls, line separators, format characters (bidirectional and zero-width ones),
    surrogates, and characters that Unicode has not assigned. Spaces of any kind become usual ones.
    """
    if text.isprintable():
        return str(text)
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return " " if unicodedata.category(char) == "Zs" else ascii(char)[1:-1]


def visible(value: object) -> object:
    """Return *value* with every text in it, also in keys, as `printable` makes it."""
    match value:
        case str():
            return printable(value)
        case dict():
            return {visible(key): visible(inner) for key, inner in value.items()}
        case list() | tuple():
            return [visible(inner) for inner in value]
        case _:
            return value


def json_text(document: object, indent: int | None = None) -> str:
    """Return *document* as JSON, whose texts are `printable` also when they are decoded."""
    text = json.dumps(document, indent=indent)
    if has_escapes(text):
        text = json.dumps(visible(document), indent=indent)
    return text


def has_escapes(text: str) -> bool:
    """Check whether JSON in ASCII may stand for more than visible characters."""
    return "\\" in text


def shown(text: str) -> str:
    """Return *text* in quotes and `printable`, cut where it becomes tiresome."""
    short = cut(text, _LONGEST_SHOWN)
    return json.dumps(short, ensure_ascii=not short.isprintable())


def cut(text: str, most: int) -> str:
    """Return the first *most* characters of *text*; a mark shows that there are more."""
    return text if len(text) <= most else f"{text[:most]}…"


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
    return f"; known: {enumerated(known, _MOST_KNOWN) or 'none'}"


def listed(names: Iterable[str], last: str = "or") -> str:
    """Return names as a sentence has them: `a, b or c`; of very many the first, and a count."""
    found = iter(names)
    *most, end = islice(found, MOST_LISTED)
    if rest := sum(1 for _ in found):
        return f"{', '.join([*most, end])} and {rest} more"
    return f"{', '.join(most)} {last} {end}" if most else end


def counted(number: int, one: str, many: str) -> str:
    """Return how many there are, as `1 repository` or `2 repositories`."""
    return f"{number} {one if number == 1 else many}"


def enumerated(names: Iterable[str], most: int = MOST_LISTED) -> str:
    """Return names with commas; of more than *most* the first, and a count. Nothing for none."""
    found = iter(names)
    first = ", ".join(islice(found, most))
    rest = sum(1 for _ in found)
    return f"{first} and {rest} more" if rest else first
