"""Calendars for the tests of calendar files, and the days that these have."""

from __future__ import annotations

from daemon.config.days.calendar_files import all_day_events
from daemon.windows.dates import DateSet


def calendar(*events: str) -> str:
    """Write a calendar with these events, their lines separated by blanks."""
    bodies = [f"BEGIN:VEVENT {event} END:VEVENT" for event in events]
    return " ".join(["BEGIN:VCALENDAR", *bodies, "END:VCALENDAR"]).replace(" ", "\r\n") + "\r\n"


def days(*events: str) -> list[str]:
    """Return the ranges of a calendar with these events."""
    found = DateSet.of(all_day_events(calendar(*events)).ranges).ranges
    return [f"{each.first}..{each.last}" for each in found]


def single_days(*events: str) -> list[int]:
    """Return the days of December of a calendar with these events."""
    found = all_day_events(calendar(*events)).ranges
    assert all((each.first.year, each.first.month) == (2026, 12) for each in found)
    return sorted(each.first.day for each in found)
