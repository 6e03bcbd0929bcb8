"""System events of the service: what happened to repositories, plans and tasks, and when.

The numbers are those of the vendor's reference of system events, of which the newest 10,000 are
kept; an event names no user.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from daemon.simulator.refusals import Json, Refusal

_KEPT = 10_000
_LISTED = "250"
_DESCRIPTIONS = {
    6144: "Backup configuration changed",
    6145: "Backup plan created",
    6146: "Backup plan updated",
    6147: "Backup plan deleted",
    6148: "Backup task started",
    6149: "Backup task completed",
    6150: "Backup task failed",
    6151: "Restore task started",
    6152: "Restore task completed",
    6153: "Restore task failed",
    6154: "Merge task started",
    6155: "Merge task completed",
    6156: "Merge task failed",
    6157: "Repository created",
    6158: "Repository deleted",
    6159: "Repository archived",
    6160: "Repository imported",
    6161: "Repository paused",
    6162: "Repository resumed",
    6168: "Prune task started",
    6169: "Prune task completed",
    6170: "Prune task failed",
}
_FIRST_OF_TASK = {"BACKUP": 6148, "RESTORE": 6151, "MERGE": 6154, "PRUNE": 6168}
_COMPLETED, _FAILED = 1, 2


class Events:
    """The events so far, oldest first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: deque[Json] = deque(maxlen=_KEPT)

    def record(self, number: int, name: str, at: str) -> None:
        """Keep that something happened to what has this name, at an instant of RFC 3339."""
        failed = {first + _FAILED for first in _FIRST_OF_TASK.values()}
        self._found.append(
            {
                "timestamp": at,
                "uuid": str(uuid.uuid4()),
                "event_id": number,
                "component": "backup",
                "description": _DESCRIPTIONS[number],
                "severity": "error" if number in failed else "info",
                "extra_attributes": {"cluster": "self", "name": name},
                "node": "127.0.0.1",
                "otp_node": "n_0@127.0.0.1",
            }
        )

    def record_task(self, run: Json, repository: str) -> None:
        """Keep what a task has come to: its start, its end or its failure."""
        first = _FIRST_OF_TASK[run["type"]]
        if run["status"] == "running":
            self.record(first, repository, run["start"])
        elif run["status"] != "skipped":
            self.record(
                first + (_COMPLETED if run["status"] == "done" else _FAILED), repository, run["end"]
            )

    def listed(self, query: Mapping[str, Sequence[str]]) -> list[Json]:
        """Return the events that a query asks for: since when, of which kind, and how many.

        Without an instant to begin at, a limit leaves the newest ones.

        Raises:
            Refusal: a value makes no sense.

        """
        wanted: Json = {}
        for name in ("component", "severity"):
            if value := _value(query, name):
                wanted[name] = value
        if number := _value(query, "event_id"):
            wanted["event_id"] = _number("event_id", number)
        since = _value(query, "sinceTime")
        limit = _number("limit", _value(query, "limit") or _LISTED)
        first = _instant(since) if since else None
        found = [
            each
            # A task is looked at when somebody asks, and may have ended before what came since.
            for each in sorted(self._found, key=lambda each: _instant(each["timestamp"]))
            if (first is None or _instant(each["timestamp"]) >= first)
            and all(each[key] == value for key, value in wanted.items())
        ]
        if limit < 0:
            return found
        return found[:limit] if first else found[max(0, len(found) - limit) :]


def _value(query: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(query.get(name, ())), "")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refusal(400, "sinceTime has to be an instant of RFC 3339")
    return found


def _number(name: str, text: str) -> int:
    try:
        return int(text[:20])
    except ValueError as exc:
        raise Refusal(400, f"{name} has to be a number") from exc
