"""The lines of the log that the manual shows, in both forms, of one short story."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from textwrap import fill
from typing import Any
from zoneinfo import ZoneInfo

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.log import events
from daemon.log.events import Level
from daemon.log.log import attempt_event
from daemon.log.narration import Narrator
from daemon.log.render import json_line
from daemon.log.writer import Entry

BERLIN = ZoneInfo("Europe/Berlin")
OPENS = datetime(2026, 12, 6, 1, tzinfo=UTC)
_WINDOW: dict[str, Any] = {"windows": ["sunday-patching"]}


def _entry(at_ms: int, event: str, level: str = "info", **keys: Any) -> Entry:
    at = OPENS + timedelta(milliseconds=at_ms)
    return {"timestamp": at, "level": level, "event": event, **keys}


def call(id_: str, action: Action, at: datetime, error: CallError | None = None) -> Attempt:
    """Return a call to a repository that went well, or failed as a locked archive does."""
    base = "https://node2.prod.example.com:18097/api/v1/cluster/self/repository/active"
    found = Attempt(
        *("prod", id_, action, ("sunday-patching",), "POST", f"{base}/{id_}/{action}", 1),
        *(200, Outcome.OK, None, "", at, timedelta(milliseconds=38)),
    )
    if error is None:
        return found
    again = timedelta(milliseconds=412)
    return replace(
        *(found,),
        status=500,
        outcome=Outcome.RETRY,
        error=error,
        message="archive is locked",
        retry_in=again,
    )


def _sent(at_ms: int, attempt: Attempt) -> Entry:
    level, event, keys = attempt_event(attempt)
    return _entry(at_ms, event, Level(level).name.lower(), **keys)


def story() -> list[Entry]:
    """Return what is logged when the README's window opens, and dr does not answer."""
    paused: dict[str, Any] = {"cluster": "prod", **_WINDOW}
    return [
        _entry(
            4,
            events.WINDOW_OPENED,
            window="sunday-patching",
            start=OPENS,
            end=OPENS + timedelta(hours=4),
            repositories=4,
            unanswered=["dr"],
        ),
        _entry(
            9,
            events.CLUSTER_UNREACHABLE,
            "error",
            cluster="dr",
            error="refused",
            message="Connection refused",
            since=OPENS,
        ),
        _sent(52, call("orders", Action.PAUSE, OPENS)),
        _sent(58, call("archive", Action.PAUSE, OPENS, CallError.SERVER_ERROR)),
        *(
            _entry(146, events.REPOSITORY_PAUSED, **paused, repository=id_, after_ms=146)
            for id_ in ("orders", "tenant-a", "tenant-b")
        ),
    ]


def console() -> str:
    """Return the story as a terminal shows it."""
    narrator = Narrator(lambda text, _: text, Level.INFO, lambda at: at.astimezone(BERLIN))
    return "".join(f"{narrator.line(entry)}\n" for entry in narrator.fold(story()))


def lines() -> str:
    """Return the line of one request as JSON, broken to be read."""
    (found,) = [e for e in story() if e.get("outcome") == "retry"]
    line = json_line(found)
    assert json.loads(line)
    return fill(line, 100, break_long_words=False, break_on_hyphens=False) + "\n"


SAMPLES = {"console": console, "json": lines}
