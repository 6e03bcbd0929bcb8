"""Explain what is meant by a text that names no IANA time zone, and list the zones.

A guess must not be another zone: clocks there may agree with what was meant for half of the year.
"""

from __future__ import annotations

import re
import warnings
from datetime import datetime
from functools import cache
from itertools import islice, zip_longest
from zoneinfo import ZoneInfo, available_timezones

from tzlocal import get_localzone_name
from tzlocal.windows_tz import win_tz

from daemon.wording import listed, nearest, shown

MOST_PLACES = 5
"""How many places are named that share an abbreviation."""

_ABBREVIATION = re.compile(r"[A-Z]{2,5}", re.IGNORECASE)
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)
_SYSTEM = ("localtime", "local", "system")

# Abbreviations as clocks show them now, in winter and in summer.
_SEASONS = (datetime(2026, 1, 15), datetime(2026, 7, 15))  # noqa: DTZ001  # in the zone that is asked

_LARGEST_WEST, _LARGEST_EAST = 12, 14
"""The offsets in hours that have a zone Etc/GMT±N."""


@cache
def names() -> tuple[str, ...]:
    """Return the zones; ZoneInfo would also accept `right/…`, which counts leap seconds."""
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


def known_zone(text: str) -> ZoneInfo | None:
    """Return the zone of a name of IANA or Windows; None for any other text."""
    name = _by_windows_name(text) or text
    return ZoneInfo(name) if name in names() else None


def explain(text: str) -> str:
    """Return what a *text* that is no zone is, and what to write for it."""
    said = f"{shown(text)} is not an IANA time zone"
    if meant := _known_form(text):
        return said + meant
    guess = _city(text)
    if not guess and _ABBREVIATION.fullmatch(text):
        return said + _of_abbreviation(text)
    return f"{said} such as Europe/Berlin{guess or nearest(text, names())}"


def _known_form(text: str) -> str:
    """Return what a text is that others take for a zone; nothing for any other."""
    if text.upper() in {"Z", "ZULU"}:
        return ": it is how a time in UTC ends; write UTC"
    if found := next((zone for zone in names() if zone.casefold() == text.casefold()), None):
        return f"; did you mean {shown(found)}?"
    if text.casefold() in _SYSTEM:
        return f", but whatever this machine is set to{_of_this_machine()}"
    if found := _by_windows_name(text):
        return f": it is the name that Windows has for {found}; write that"
    if match := _OFFSET.fullmatch(text):
        return f": it is an offset; name a place such as Europe/Berlin{_fixed(match)}"
    return ""


def _by_windows_name(text: str) -> str | None:
    wanted = re.sub(r"(daylight|summer) time$", "standard time", text.strip().casefold())
    return next((zone for name, zone in win_tz.items() if name.casefold() == wanted), None)


def _of_this_machine() -> str:
    try:
        with warnings.catch_warnings():
            # Of a machine whose files disagree about its zone.
            warnings.simplefilter("ignore")
            name = get_localzone_name()
    except (LookupError, OSError, ValueError):
        name = ""
    return f": that is {name}, write it" if name in names() else "; name a place"


def _fixed(match: re.Match[str]) -> str:
    """Return the zone of an offset in whole hours, whose sign is the other way round."""
    sign, hours, minutes = match.groups()
    most = _LARGEST_EAST if sign == "+" else _LARGEST_WEST
    if int(minutes or 0) or not 0 < int(hours) <= most:
        return ""
    opposite = "-" if sign == "+" else "+"
    return f", or if clocks are never changed Etc/GMT{opposite}{int(hours)} (with this sign)"


def _of_abbreviation(text: str) -> str:
    places = _places().get(text.upper())
    if not places:
        return " such as Europe/Berlin"
    return (
        ": it is an abbreviation, which does not say when clocks change; name a place whose clocks"
        f" show it, {listed(islice(places, MOST_PLACES))}"
    )


@cache
def _places() -> dict[str, list[str]]:
    """Return the zones by the abbreviations that their clocks show.

    Of those that differ, such as CST in Chicago and in Shanghai, each comes before others like it,
    and before these the best known.
    """
    found: dict[str, dict[object, list[str]]] = {}
    well_known = set(win_tz.values())
    for name in sorted(names(), key=lambda name: (name not in well_known, name)):
        if "/" not in name or name.startswith("Etc/"):
            continue
        seasons = [at.replace(tzinfo=ZoneInfo(name)) for at in _SEASONS]
        offsets = tuple(at.utcoffset() for at in seasons)
        for abbreviation in {at.tzname() or "" for at in seasons}:
            found.setdefault(abbreviation.upper(), {}).setdefault(offsets, []).append(name)
    return {
        abbreviation: [name for rank in zip_longest(*kinds.values()) for name in rank if name]
        for abbreviation, kinds in found.items()
    }


def _city(text: str) -> str:
    """Suggest the zone of a city that has no continent or a wrong one."""
    city = text.rpartition("/")[2].replace(" ", "_").casefold()
    zones = [zone for zone in names() if zone.rpartition("/")[2].casefold() == city]
    return f"; did you mean {listed(map(shown, zones))}?" if zones else ""
