"""Windows by the thousand, of every kind of rule, none of which opens while it is measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from string import Template

_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")
_RULES = tuple(
    Template(rule)
    for rule in (
        "weekly: {days: [$weekday], start: 02:$minute, end: 06:00}",
        "monthly: {on: [$day], start: 01:$minute, duration: 3h}",
        "cron: {expression: '$minute 3 * * $weekday', duration: 2h}",
        "rrule: {rule: 'FREQ=WEEKLY;INTERVAL=2', from: ${date}T04:$minute, duration: 1h}",
        "once: {start: ${date}T05:$minute, end: ${date}T09:00}",
    )
)


CALENDAR = "days-off.ics"
"""The calendar that `mixed` windows name."""


def calendar(days: int) -> str:
    """Write a calendar with so many all-day events, one in two days, and a yearly one."""
    begin = datetime.now(UTC)
    dates = [begin + timedelta(days=2 * number) for number in range(days)]
    events = [f"UID:{n}\nDTSTART;VALUE=DATE:{day:%Y%m%d}" for n, day in enumerate(dates)]
    events.append(f"UID:y\nDTSTART;VALUE=DATE:{begin:%Y%m%d}\nRRULE:FREQ=YEARLY")
    bodies = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\n{bodies}END:VCALENDAR\n"


def mixed(count: int, targets: str) -> Iterator[str]:
    """Write *count* windows of every kind of rule, one in six beside the days of `CALENDAR`."""
    for index, window in enumerate(fillers(count, targets)):
        yield f"{window}\n    exclude: [days-off]" if index % 6 == 0 else window
    yield f"exclusions: {{days-off: [{{ics: {CALENDAR}}}]}}"


def fillers(count: int, targets: str = "{c0: [spare]}") -> Iterator[str]:
    """Write *count* windows for *targets*; the first opening of each is some days away.

    In *targets* `$index` is the number of the window.
    """
    day = datetime.now(UTC) + timedelta(days=3)
    words = {"weekday": f"{day:%a}".lower(), "day": str(day.day), "date": f"{day:%Y-%m-%d}"}
    for index in range(count):
        rule = _RULES[index % len(_RULES)].substitute(words, minute=f"{index % 60:02}")
        zone = _ZONES[index // len(_RULES) % len(_ZONES)]
        chosen = Template(targets).substitute(index=index)
        yield f"  filler-{index}:\n    {rule}\n    timezone: {zone}\n    repositories: {chosen}"
