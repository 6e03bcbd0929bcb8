"""List the public holidays of a country, from the optional `holidays` library."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from daemon.windows.dates import FIRST_YEAR, LAST_YEAR, DateRange
from daemon.wording import nearest, shown


def subdivisions(country: str) -> tuple[str, ...]:
    """Return the parts of a *country* (ISO 3166) that have holidays of their own (ISO 3166-2).

    Raises:
        ValueError: the library is not installed, or does not know the country.

    """
    known = _library().list_supported_countries(include_aliases=True)
    if country not in known:
        guess = nearest(country, sorted(known))
        raise ValueError(
            f"{shown(country)} is not a country whose holidays are known: write its code, DE{guess}"
        )
    return tuple(known[country])


@lru_cache(maxsize=64)
def public_holidays(country: str, subdivision: str | None) -> tuple[DateRange, ...]:
    """Return the holidays from `FIRST_YEAR` to `LAST_YEAR`; arguments as of `subdivisions`."""
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    days = _library().country_holidays(country, subdiv=subdivision, years=years)
    return tuple(DateRange(day, day) for day in sorted(days))


def _library() -> ModuleType:
    try:
        import holidays  # noqa: PLC0415  # an extra, and used by few files
    except ModuleNotFoundError:
        raise ValueError(
            "public holidays need the holidays library: pip install 'cbmaintd[holidays]'"
        ) from None
    return holidays
