"""A file with windows of every kind around now, for tests of what people decide and ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.unit.cli.ended import Ended

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def once(name: str, start: datetime, end: datetime, more: str = "") -> str:
    """Write a window that opens once."""
    return (
        f'  {name}:\n    once: {{start: "{start.isoformat()}", end: "{end.isoformat()}"}}\n'
        f'    repositories: {{prod: ["*", "!archive"]}}\n{more}'
    )


TEXT = (
    'timezone: Europe/Berlin\nclusters:\n  prod: {url: "http://localhost:1", username: u,'
    ' password_file: gone}\n  prod-us: {url: "http://localhost:2", username: u, password_file: x}\n'
    "windows:\n"
    + once("night", NOW - HOUR, NOW + HOUR)
    + once("later", NOW + 2 * HOUR, NOW + 3 * HOUR)
    + once("over", NOW - 3 * HOUR, NOW - 2 * HOUR)
    + once("frozen", NOW - HOUR, NOW + HOUR, "    valid_until: 2020-01-01\n")
    + once("off", NOW - HOUR, NOW + HOUR, "    enabled: false\n")
    # At a time of day that is far from now, whenever the test runs.
    + f"  elsewhere:\n    weekly: {{days: [daily], start: {NOW + 12 * HOUR:%H:00}, duration: 1h}}\n"
    "    repositories: {prod-us: [orders]}\n"
)

Ask = Callable[..., Ended]


def assert_refused(done: Ended, code: int, complaint: str) -> None:
    """Check that a command was refused with one line, which says so."""
    assert complaint in done.err
    assert done.code == code
    assert len(done.err.splitlines()) == 1
