"""Find which parts of a cron expression are wrong, and which steps do not divide evenly.

No file, no clock, no log. Whether an expression is accepted is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day-of-month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day-of-week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART = re.compile(r"(?:\*|([A-Z0-9]+)(?:-([A-Z0-9]+))?)(?:/([0-9]+))?", re.IGNORECASE)
# What is more than crontab(5), as the last Friday: 5L, or the first Saturday: SAT#1.
_EXTENSIONS = {
    "day-of-month": re.compile("LW?", re.IGNORECASE),
    "day-of-week": re.compile(f"[0-7]L|([0-7]|{'|'.join(_DAYS)})#[1-5]", re.IGNORECASE),
}
_SHOWN = 20
_MOST_SHOWN = 5
# How many steps there are in an hour and in a day, after which a field begins anew.
_CYCLES = {"minute": 60, "hour": 24}


def explain(expression: str) -> str:
    """Return each value of an *expression* that is out of its range, with the range, or nothing."""
    found: list[str] = []
    for (name, low, high, names), text in zip(_FIELDS, expression.split(), strict=False):
        allowed = f"{low} to {high}" + (f" or {min(names)} and the like" if names else "")
        extension = _EXTENSIONS.get(name)
        found += (
            f"{name} {bad[:_SHOWN]}: {allowed}"
            for bad in _bad(text, low, high, names)
            if not (extension and extension.fullmatch(bad))
        )
    return "; ".join(found[:_MOST_SHOWN])


def uneven_steps(expression: str) -> Iterator[str]:
    """Yield the steps after which a field begins anew before the next one is over."""
    for (name, *_), text in zip(_FIELDS, expression.split(), strict=False):
        for part in text.split(","):
            match = _PART.fullmatch(part)
            step = int(match[3][:6]) if match and match[3] and part.startswith("*/") else 0
            if step and name in _CYCLES and _CYCLES[name] % step:
                yield f"{part} in the {name}"


def _bad(text: str, low: int, high: int, names: dict[str, int]) -> Iterator[str]:
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            yield part or "(empty)"
            continue
        ends = [names.get(end.upper(), _number(end)) for end in match.groups()[:2] if end]
        is_zero_step = match[3] and not int(match[3][:6])
        if is_zero_step or ends != sorted(ends) or any(not low <= end <= high for end in ends):
            yield part


def _number(text: str) -> int:
    return int(text[:6]) if text.isdecimal() else -1
