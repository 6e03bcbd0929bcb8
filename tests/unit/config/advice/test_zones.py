"""What is said of texts that name no time zone: never another zone, but what was meant."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from tzlocal import get_localzone_name
from tzlocal.windows_tz import win_tz

from daemon.config.advice.zones import explain, known_zone, names
from daemon.config.notation import zone


@pytest.mark.parametrize(
    ("abbreviation", "places"),
    [
        ("CEST", ["Europe/Berlin"]),
        ("cest", ["Europe/Berlin"]),
        ("AEST", ["Australia/Brisbane", "Australia/Sydney"]),
        ("IST", ["Asia/Calcutta", "Asia/Jerusalem", "Europe/Dublin"]),
        ("BST", ["Europe/London"]),
        ("CST", ["America/Chicago", "Asia/Shanghai"]),
        ("EDT", ["America/New_York"]),
        ("PST", ["America/Los_Angeles"]),
    ],
)
def test_an_abbreviation_is_answered_by_places(abbreviation: str, places: list[str]) -> None:
    """Clocks of each place that is named show it, each kind of them first."""
    said = explain(abbreviation)

    head, _, named = said.partition("whose clocks show it, ")
    found = named.replace(" or ", ", ").split(", ")
    assert "it is an abbreviation, which does not say when clocks change" in head
    assert [place for place in places if place not in found] == []
    for place in found:
        seasons = [datetime(2026, month, 15, tzinfo=ZoneInfo(place)) for month in (1, 7)]
        assert abbreviation.upper() in [at.tzname() for at in seasons]


@pytest.mark.parametrize("text", ["CTE", "MEZ", "XYZ", "EU", "ABCDE"])
def test_an_unknown_abbreviation_is_not_answered_by_another(text: str) -> None:
    """Nothing is guessed of a few letters that no clock shows."""
    assert explain(text) == f'"{text}" is not an IANA time zone such as Europe/Berlin'


def test_every_name_of_windows_has_its_zone() -> None:
    """A zone of Windows is that of CLDR's table, in summer as well."""
    for name, found in ((n, z) for n, z in win_tz.items() if n not in names()):
        assert explain(name).endswith(f"Windows has for {found}; write that")
    assert "has for Europe/Berlin;" in explain("W. Europe Standard Time")
    assert "has for Europe/Berlin;" in explain("W. Europe Daylight Time")
    assert known_zone("w. europe standard time") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Z", "it is how a time in UTC ends; write UTC"),
        ("utc", 'did you mean "UTC"?'),
        ("europe/berlin", 'did you mean "Europe/Berlin"?'),
        ("Rome", 'did you mean "Europe/Rome"?'),
        ("UTC+2", "it is an offset; name a place such as Europe/Berlin, or if clocks are never"),
        ("+02:00", "changed Etc/GMT-2 (with this sign)"),
        ("GMT-3", "changed Etc/GMT+3 (with this sign)"),
        ("+05:30", "it is an offset; name a place such as Europe/Berlin"),
        ("-13:00", "it is an offset; name a place such as Europe/Berlin"),
    ],
)
def test_what_else_is_no_zone(text: str, expected: str) -> None:
    """What was meant is said, and for an offset the zone that has it."""
    said = explain(text)

    assert said.startswith(f'"{text}" is not an IANA time zone')
    assert expected in said


def test_the_zone_of_this_machine_is_named() -> None:
    """Who means the zone that the machine is set to can write its name."""
    said = explain("localtime")

    assert f"whatever this machine is set to: that is {get_localzone_name()}, write it" in said


@pytest.mark.parametrize("text", ["Factory", "localtime", "right/UTC", "posix/UTC", "../UTC", ""])
def test_some_names_are_no_zones(text: str) -> None:
    """What the library would take is a zone only if IANA has it."""
    assert text not in names()
    assert known_zone(text) is None
    with pytest.raises(ValueError, match="is not an IANA time zone"):
        zone(text)
