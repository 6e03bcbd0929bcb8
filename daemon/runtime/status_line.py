"""What the daemon waits for and until when, in one line for `systemctl status`; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.windows.timeline import Timeline

_REJECTED = "the file was REJECTED, the last good configuration is in force"


@dataclass(frozen=True, slots=True)
class Status:
    """What is held and what is wrong: `overdue` of the `holds` should have been resumed long ago.

    `problems` say what else needs somebody's attention; empty ones are left out.
    """

    holds: int
    overdue: int
    problems: tuple[str, ...]
    is_rejected: bool


def in_one_line(status: Status, timeline: Timeline, now: datetime) -> str:
    """Return the line as of *now*, whose time zone is used for the next change."""
    open_now = [f"{o.window} until {o.local_end:%a %H:%M %Z}" for o in timeline.covering(now)]
    change = timeline.next_change(now)
    local = change.astimezone(now.tzinfo) if change else None
    parts = (
        f"open: {', '.join(open_now)}" if open_now else "no window open",
        f"next change {local:%a %F %H:%M %Z}" if local else "no opening ahead",
        f"{status.holds} held",
        f"{status.overdue} OVERDUE" if status.overdue else "",
        *status.problems,
        _REJECTED if status.is_rejected else "",
    )
    return "; ".join(filter(None, parts))
