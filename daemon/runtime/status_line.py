"""What the daemon waits for and until when, in the one line that `systemctl status` shows; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.windows.timeline import Timeline

_REJECTED = "the file was REJECTED, the last good configuration is in force"


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand: *overdue* of the *holds* should have been resumed a while ago.

    `problems` say what else somebody should look after; empty ones are left out.
    """

    holds: int
    overdue: int
    problems: tuple[str, ...]
    is_rejected: bool


def in_one_line(status: Status, timeline: Timeline, now: datetime) -> str:
    """Put it together at *now*, in whose zone the next change is told."""
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
