"""Rules that tests of windows share, and what they open, as text."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.windows.rules import MonthDay, Monthly, Rule, Weekly, intervals

DAILY = frozenset(range(7))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    """Read a local time, or an instant if it has an offset."""
    return datetime.fromisoformat(text)


def clock(text: str) -> timedelta:
    """Read an end on the clock: the time since midnight, up to 24:00."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def daily(start: str, end: str) -> Weekly:
    """Return a window that is open every day from *start* to *end* on the clock."""
    return Weekly(DAILY, time.fromisoformat(start), clock(end))


def monthly(*on: MonthDay, offset_days: int = 0) -> Monthly:
    """Return a window for an hour from 02:00 on some days of the month."""
    return Monthly(on, offset_days, time(2), None, HOUR)


def opened(rule: Rule, zone: str, first: str, last: str = "") -> list[str]:
    """List what opens on the days from *first* to *last* as `start/end mark`, with offsets."""
    in_zone = ZoneInfo(zone)
    days = date.fromisoformat(first), date.fromisoformat(last or first)
    around = [datetime.combine(day, time(), in_zone) for day in days]
    found = intervals(rule, in_zone, around[0] - 3 * DAY, around[1] + 3 * DAY)
    return [
        f"{each.start.astimezone(in_zone):%m-%dT%H:%M%z}/{each.end.astimezone(in_zone):%m-%dT%H:%M%z}"
        + (f" {each.dst}" if each.dst else "")
        for each in found
        if days[0] <= each.day <= days[1]
    ]


def days_of(rule: Rule, first: str, last: str) -> list[str]:
    """List the days on which *rule* opens in UTC, from *first* to *last*."""
    return [start[:5] for start in opened(rule, "UTC", first, last)]
