"""The log of one process: the way of a line from its caller, and the secrets taken out of it.

- A caller pays for a dictionary and a queue; `LogWriter` renders and writes in its own thread.
- Every line has `timestamp` (UTC, RFC 3339, microseconds), `level` and `event` first; what differs
  between two lines of an event stands in keys, never in the text.
- Secrets do not reach the log. `Log.redact` is the second net, for what slips through: a server
  that repeats its request, an exception that quotes a header.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from daemon.core.attempt import MESSAGE_LIMIT, Attempt, Outcome
from daemon.durations import milliseconds
from daemon.host.masking import Censor, spellings
from daemon.log import events
from daemon.log.events import Level
from daemon.log.render import LogFormat, json_line, plain, renderer
from daemon.log.structured import Logger, filtering, wrap_logger
from daemon.log.writer import Entry, LogWriter
from daemon.wording import has_escapes


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
        form = renderer(fd, log_format, environ, level)
        self._line = form.line
        self._writer = LogWriter(fd, self._render, self._dropped, fold=form.fold)
        self.logger: Logger = wrap_logger(
            _Levels(self._writer.submit),
            processors=[self._hand_over],
            wrapper_class=filtering(int(level)),
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
        if self._line is not json_line:
            # A person is told instants in local time, not as they are masked.
            instants = {key: at for key, at in entry.items() if isinstance(at, datetime)}
            return self._line(self._mask.apply(entry) | instants)
        line = json_line(entry)
        # Where nothing is escaped or cut, each text stands there as it is: one look is enough.
        if has_escapes(line) or self._mask.is_in(line):
            line = json_line(self._mask.apply(entry))
        return line

    def _dropped(self, lines: int) -> Entry:
        return {
            "timestamp": self._now(),
            "level": Level.WARNING.name.lower(),
            "event": events.LOG_DROPPED,
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
        "duration_ms": milliseconds(attempt.duration),
    }
    if attempt.retry_in is not None:
        keys["retry_in_ms"] = milliseconds(attempt.retry_in)
    return _ATTEMPT_LEVELS[attempt.outcome], events.HTTP_ATTEMPTED, keys


_ATTEMPT_LEVELS: Final = {
    Outcome.OK: Level.INFO,
    Outcome.RETRY: Level.WARNING,
    Outcome.FAILED: Level.ERROR,
    Outcome.STALE: Level.ERROR,
}


class _Levels:
    """What structlog calls at the end of its chain: one method a level, all the same."""

    def __init__(self, submit: Callable[[Entry], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = submit


def _traceback(exc: object) -> str:
    """Return the text of an exception, or of the one being handled when only told that there is."""
    shown = exc if isinstance(exc, BaseException) else sys.exception()
    return "".join(traceback.format_exception(shown)).rstrip()


class _Mask:
    """Replaces known secrets in an entry's values."""

    def __init__(self) -> None:
        self._censor = Censor()

    def add(self, secret: str) -> None:
        """Hide `secret` from now on; a second time changes nothing."""
        self._censor.add(spellings(secret))

    def is_in(self, text: str) -> bool:
        """Check whether a text has a known secret."""
        return self._censor.is_in(text)

    def apply(self, entry: Entry) -> Entry:
        """Return the entry with every known secret in its values replaced."""
        if self._censor.is_idle:
            return entry
        return {key: self._masked(value) for key, value in entry.items()}

    def _masked(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._censor(value)
            case dict():
                return {str(key): self._masked(inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._masked(inner) for inner in value]
            case _:
                return self._masked(plain(value))
