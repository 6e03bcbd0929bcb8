"""Windows that tests of windows and of timelines share."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from daemon.windows.rules import Weekly
from daemon.windows.window import Patterns, Window

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
DAILY = frozenset(range(7))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYTHING = (("prod", Patterns(("*",))),)


def at(text: str) -> datetime:
    """Read a time on 23 November 2026 (UTC), or a date and a time."""
    return datetime.fromisoformat(text if "T" in text else f"2026-11-23T{text}").replace(tzinfo=UTC)


def daily(name: str, start: int, duration: timedelta, **more: Any) -> Window:
    """Return a window that opens every day at an hour, UTC unless told."""
    zone = more.pop("zone", UTC_ZONE)
    targets = more.pop("targets", EVERYTHING)
    return Window(name, Weekly(DAILY, time(start), None, duration), zone, targets, **more)
