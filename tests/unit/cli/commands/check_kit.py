"""What the tests of `check` share: files, and what a check said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PASSWORD = "correct horse"
ALWAYS = "once: {start: 2020-01-01T00:00, end: 2090-01-01T00:00}"
RARE = "weekly: {days: [mon], start: 02:00, end: 02:01}"
FINE = "weekly: {days: [mon], start: 12:00, end: 18:00}"
GONE = "once: {start: 2020-01-01T02:00, end: 2020-01-01T03:00}"


@dataclass(frozen=True)
class Ended:
    """How a check ended, and what it said, line by line."""

    code: int
    out: list[str]
    err: list[str]


Check = Callable[..., Ended]


def cluster(name: str, url: str, more: str = "") -> str:
    """Return the lines of a cluster that is not asked for long."""
    retry = "retry: {attempts: 2, first_delay: 1ms, max_delay: 1ms}"
    return f'  {name}: {{url: "{url}", username: u, password_env: PW, {retry}{more}}}\n'


def text(clusters: str, **windows: tuple[str, str]) -> str:
    """Return a file; a window is its rule and its repositories."""
    lines = [
        f"  {name}:\n    {rule}\n    repositories: {repositories}\n"
        for name, (rule, repositories) in windows.items()
    ]
    return f"timezone: Europe/Berlin\nclusters:\n{clusters}windows:\n{''.join(lines)}"
