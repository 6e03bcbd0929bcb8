"""What people are told of, whom, and in which words; pure.

A notice is a line of the log on its way to somebody. Which lines, a target chooses by their events:
those of the log, and `overdue` for a hold that lasts longer than `max_pause`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from daemon.core.attempt import PassError
from daemon.log import events, words
from daemon.log.events import Event, Level

# Events for people, of which the log has no lines.
OVERDUE: Final = Event(
    "overdue",
    Level.ERROR,
    words="{where} has been held longer than max_pause allows ({windows})",
    is_urgent=True,
)
TEST: Final = Event("notify.test", Level.INFO, words="this is a test, and nothing has happened")
RUN_STARTED: Final = Event("run.started", Level.INFO, words="window {window} is open")
RUN_FAILED: Final = Event("run.failed", Level.ERROR, words="{why}")
RUN_SUCCEEDED: Final = Event(
    "run.succeeded",
    Level.INFO,
    words="window {window} is over, and nothing is held for it any more",
)

SILENCE_WANTED: Final = Event(
    "silence.wanted", Level.INFO, words="window {window} is open until {end}"
)
SILENCE_OVER: Final = Event("silence.over", Level.INFO, words="window {window} is over")
SILENCES_KNOWN: Final = Event("silences.known", Level.INFO, words="open now: {openings}")

NOTABLE: Final = (*events.COUNTED, OVERDUE)
"""The events of which a target may ask to be told."""

URGENT: Final = frozenset(event for event in NOTABLE if event.is_urgent)
"""What a target is told of that names no events."""

REPEAT_AFTER: Final = timedelta(hours=1)
"""How long a failure that goes on is kept silent; each pass says it anew."""

_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened at *at* (UTC); `keys` are those of its line in the log."""

    event: Event
    level: str
    at: datetime
    keys: Mapping[str, Any]

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows that it is about, if any."""
        if "window" in self.keys:
            return (self.keys["window"],)
        windows = self.keys.get("windows")
        # Of a start it is their number.
        return tuple(windows) if isinstance(windows, list | tuple) else ()

    @property
    def subject(self) -> tuple[str, ...]:
        """What is the same in a notice that only says once more what another one said."""
        parts = ("cluster", "repository", "action", "error")
        return (self.event, *(str(self.keys.get(part)) for part in parts))

    @property
    def summary(self) -> str:
        """Return the notice as one line for people."""
        return self.event.words.format_map(words.Filled(self.event, self.keys, _utc))


def notice(event: Event, level: str, at: datetime, keys: Mapping[str, Any]) -> Notice:
    """Make a notice of a line of the log."""
    is_overdue = event == events.REPOSITORY_FAILED and keys.get("error") == PassError.MAX_PAUSE
    return Notice(OVERDUE if is_overdue else event, level, at, keys)


class Repeats:
    """Remembers failures that were told a short while ago."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[tuple[str, ...], timedelta] = {}

    @property
    def remembered(self) -> int:
        """How many failures are remembered."""
        return len(self._told)

    def is_news(self, found: Notice, uptime: timedelta) -> bool:
        """Check whether *found* is to be told at *uptime*, and remember that it was."""
        if found.event != events.REPOSITORY_FAILED:
            return True
        told = self._told.get(found.subject)
        if told is not None and uptime - told < REPEAT_AFTER:
            return False
        if len(self._told) > _MOST_REMEMBERED:
            self._told = {s: at for s, at in self._told.items() if uptime - at < REPEAT_AFTER}
        self._told[found.subject] = uptime
        return True


def plain(value: object) -> str:
    """Return a value of the log for people, `printable`: times in UTC, lists with commas."""
    return words.plain(value, _utc)


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
