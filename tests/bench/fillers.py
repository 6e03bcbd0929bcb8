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
