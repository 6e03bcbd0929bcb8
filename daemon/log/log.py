"""The log: its events, and one line for each, as JSON for machines or as text for a terminal.

- A caller pays for a dictionary and a queue; `log_writer` renders and writes in its own thread.
- Every line has `timestamp` (UTC, RFC 3339, microseconds), `level` and `event` first; what differs
  between two lines of an event stands in keys, never in the text.
- Control and bidirectional characters are escaped in both forms: a server's message cannot forge a
  line or repaint a terminal.
- Secrets do not reach the log. `Log.redact` is the second net, for what slips through: a server
  that repeats its request, an exception that quotes a header.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final, Protocol

import structlog
from structlog.typing import FilteringBoundLogger as Logger

from daemon.core.attempt import Attempt, Outcome
from daemon.host.masking import pattern_of, spellings
from daemon.log.writer import Entry, LogWriter

DAEMON_STARTED: Final = "daemon.started"
DAEMON_STOPPING: Final = "daemon.stopping"
DAEMON_STOPPED: Final = "daemon.stopped"
CONFIG_APPLIED: Final = "config.applied"
CONFIG_REJECTED: Final = "config.rejected"
WINDOW_OPENED: Final = "window.opened"
WINDOW_CLOSED: Final = "window.closed"
HTTP_ATTEMPTED: Final = "http.attempted"
REPOSITORY_PAUSED: Final = "repository.paused"
REPOSITORY_RESUMED: Final = "repository.resumed"
REPOSITORY_FAILED: Final = "repository.failed"
REPOSITORY_LEFT: Final = "repository.left"
REPOSITORY_DRIFTED: Final = "repository.drifted"
REPOSITORY_BUSY: Final = "repository.busy"
CLUSTER_UNREACHABLE: Final = "cluster.unreachable"
CLUSTER_RECOVERED: Final = "cluster.recovered"
CLOCK_STEPPED: Final = "clock.stepped"
LOG_DROPPED: Final = "log.dropped"
NOTIFICATION_SENT: Final = "notification.sent"
NOTIFICATION_FAILED: Final = "notification.failed"
NOTIFICATION_DROPPED: Final = "notification.dropped"
CERTIFICATE_ENDS: Final = "certificate.ends"
CLUSTER_UNKNOWN: Final = "cluster.unknown"
CONFIG_WARNED: Final = "config.warned"
LEDGER_FAILED: Final = "ledger.failed"
LEDGER_RECOVERED: Final = "ledger.recovered"
WINDOW_CHANGED: Final = "window.changed"
LEDGER_REPLACED: Final = "ledger.replaced"
CLUSTERS_CLAIMED: Final = "clusters.claimed"
CLUSTERS_RELEASED: Final = "clusters.released"
CLUSTERS_LOST: Final = "clusters.lost"
CONFIG_DIFFERS: Final = "config.differs"
CONFIG_AGREES: Final = "config.agrees"
CLOCK_DIFFERS: Final = "clock.differs"
CLOCK_AGREES: Final = "clock.agrees"
PASS_CRASHED: Final = "pass.crashed"  # noqa: S105  # a pass over a cluster, not a password

COUNTED: Final = (
    *(DAEMON_STARTED, DAEMON_STOPPING, DAEMON_STOPPED),
    *(CONFIG_APPLIED, CONFIG_REJECTED, CONFIG_WARNED),
    *(WINDOW_OPENED, WINDOW_CLOSED, WINDOW_CHANGED),
    *(REPOSITORY_PAUSED, REPOSITORY_RESUMED, REPOSITORY_FAILED, REPOSITORY_LEFT),
    *(REPOSITORY_DRIFTED, REPOSITORY_BUSY),
    *(CLUSTER_UNREACHABLE, CLUSTER_RECOVERED, CLUSTER_UNKNOWN, CLOCK_STEPPED),
    CERTIFICATE_ENDS,
    *(LEDGER_FAILED, LEDGER_RECOVERED, LEDGER_REPLACED, PASS_CRASHED),
    *(CLUSTERS_CLAIMED, CLUSTERS_RELEASED, CLUSTERS_LOST),
    *(CONFIG_DIFFERS, CONFIG_AGREES, CLOCK_DIFFERS, CLOCK_AGREES),
)
"""The events of which monitoring is given a counter; requests, dropped lines and
notifications have their own."""

MESSAGE_LIMIT: Final = 200
"""Characters of a server's own words that a line carries at most."""


class Level(IntEnum):
    """How much a line matters; the numbers are those of the standard library."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class LogFormat(StrEnum):
    """What a line looks like; `auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Revealing(Protocol):
    """A secret that gives its value only when asked for it by name."""

    def reveal(self) -> str:
        """Return the value itself."""


class Log:
    """The log of one process; `logger` is what the others are given.

    A bug's exception is passed as `exc_info=exc` and becomes the key `traceback`, without locals.
    """

    def __init__(
        self,
        fd: int,
        *,
        log_format: LogFormat,
        level: Level,
        now: Callable[[], datetime],
        environ: Mapping[str, str],
    ) -> None:
        """Log lines of `level` and above to `fd`; `now` gives aware UTC, `environ` NO_COLOR."""
        self._now = now
        self._mask = _Mask()
        self._form = _renderer(fd, log_format, environ)
        self._writer = LogWriter(fd, self._render, self._dropped)
        self.logger: Logger = structlog.wrap_logger(
            _Levels(self._writer.submit),
            processors=[self._hand_over],
            wrapper_class=structlog.make_filtering_bound_logger(int(level)),
        ).bind()

    @property
    def lost(self) -> int:
        """How many lines could not be written since the start."""
        return self._writer.lost

    def redact(self, secret: str | Revealing) -> None:
        """Replace this value by `***` in every later line: plain, base64 or URL-encoded."""
        self._mask.add(secret if isinstance(secret, str) else secret.reveal())

    def mask(self, entry: Entry) -> Entry:
        """Return an entry that leaves this process on another way without the secrets known."""
        return self._mask.apply(entry)

    def close(self, timeout: timedelta) -> bool:
        """Write what waits; False if the reader did not take it within `timeout`."""
        return self._writer.close(timeout)

    def _hand_over(
        self, _logger: object, level: str, event: MutableMapping[str, Any]
    ) -> tuple[tuple[Entry], dict[str, object]]:
        """Complete the entry in the calling thread: the time and the exception are of this call."""
        entry: Entry = {"timestamp": self._now(), "level": level, "event": event.pop("event")}
        exc = event.pop("exc_info", None)
        entry.update(event)
        if exc:
            entry["traceback"] = _traceback(exc)
        return (entry,), {}

    def _render(self, entry: Entry) -> str:
        return self._form(self._mask.apply(entry))

    def _dropped(self, lines: int) -> Entry:
        return {
            "timestamp": self._now(),
            "level": Level.WARNING.name.lower(),
            "event": LOG_DROPPED,
            "lines": lines,
        }


def attempt_event(attempt: Attempt) -> tuple[Level, str, dict[str, object]]:
    """Return level, event and keys of the one line that every HTTP request gets."""
    keys: dict[str, object] = {
        "cluster": attempt.cluster,
        "repository": attempt.repository,
        "action": attempt.action.value,
        "windows": list(attempt.windows),
        "method": attempt.method,
        "url": attempt.url,
        "attempt": attempt.attempt,
        "status": attempt.status,
        "outcome": attempt.outcome.value,
        "error": attempt.error and attempt.error.value,
        "message": attempt.message[:MESSAGE_LIMIT],
        "duration_ms": _milliseconds(attempt.duration),
    }
    if attempt.retry_in is not None:
        keys["retry_in_ms"] = _milliseconds(attempt.retry_in)
    return _ATTEMPT_LEVELS[attempt.outcome], HTTP_ATTEMPTED, keys


_ATTEMPT_LEVELS: Final = {
    Outcome.OK: Level.INFO,
    Outcome.RETRY: Level.WARNING,
    Outcome.FAILED: Level.ERROR,
    Outcome.STALE: Level.ERROR,
}


def _milliseconds(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))


class _Levels:
    """What structlog calls at the end of its chain: one method a level, all the same."""

    def __init__(self, submit: Callable[[Entry], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = submit


def _traceback(exc: object) -> str:
    """Return the text of an exception, or of the one being handled when only told that there is."""
    shown = exc if isinstance(exc, BaseException) else sys.exception()
    return "".join(traceback.format_exception(shown)).rstrip()


def _renderer(fd: int, log_format: LogFormat, environ: Mapping[str, str]) -> Callable[[Entry], str]:
    terminal = os.isatty(fd)
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not terminal):
        return json_line
    colours = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return _coloured_line if colours else _console_line


def _plain(value: object) -> object:
    """Turn what JSON does not know into what it does."""
    match value:
        case datetime() if value.tzinfo is not None:
            text = value.astimezone(UTC).isoformat(timespec="microseconds")
            return text.replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return str(value)


# ASCII only: whatever is above it, and all that controls a terminal, stands as \uXXXX.
json_line: Final = json.JSONEncoder(default=_plain).encode

_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


def _console_line(entry: Entry) -> str:
    return _text_line(entry, lambda text, _sgr: text)


def _coloured_line(entry: Entry) -> str:
    return _text_line(entry, lambda text, sgr: f"\x1b[{sgr}m{text}\x1b[0m")


def _text_line(entry: Entry, paint: Callable[[str, str], str]) -> str:
    """Lay out one entry for a person; a traceback follows, indented so that it cannot pose."""
    keys = dict(entry)
    time, level, event = (_plain(keys.pop(head)) for head in ("timestamp", "level", "event"))
    bug = str(keys.pop("traceback", ""))
    pairs = (f"{paint(key + '=', '2')}{_shown(value)}" for key, value in keys.items())
    head = [
        paint(str(time), "2"),
        paint(f"{level:<8}", _COLOURS.get(str(level), "0")),
        paint(_shown(event), "1"),
    ]
    return "\n    ".join(
        [" ".join([*head, *pairs]), *map(_escaped, bug.split("\n") if bug else ())]
    )


def _shown(value: object) -> str:
    """Return words as they are, other text quoted and escaped, the rest as JSON."""
    if not isinstance(value, str):
        return json_line(value)
    if re.search(r"[\s\"'=]", value) or not value.isprintable() or not value:
        return repr(str(value))
    return str(value)


def _escaped(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


class _Mask:
    """Replaces known secrets in an entry's values; costs one comparison while there are none."""

    def __init__(self) -> None:
        self._forms: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Hide `secret` from now on; a second time changes nothing."""
        self._forms |= spellings(secret)
        if self._forms:
            self._pattern = pattern_of(self._forms)

    def apply(self, entry: Entry) -> Entry:
        """Return the entry with every known secret in its values replaced."""
        pattern = self._pattern
        if pattern is None:
            return entry
        return {key: _masked(value, pattern) for key, value in entry.items()}


def _masked(value: object, pattern: re.Pattern[str]) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return pattern.sub("***", value)
        case dict():
            return {str(key): _masked(inner, pattern) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(inner, pattern) for inner in value]
        case _:
            return _masked(_plain(value), pattern)
