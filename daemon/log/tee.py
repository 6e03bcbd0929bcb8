"""A log whose lines are passed on to listeners, too: the metrics and the notifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from daemon.log.events import Event, Level
from daemon.log.interface import Log


class Listener(Protocol):
    """Hears of a line; must return at once, and raise nothing."""

    def hear(self, event: Event, level: Level, keys: Mapping[str, object]) -> None:
        """Take a line."""


class TeeLog:
    """Writes to a log, and passes each line on to listeners."""

    def __init__(self, log: Log, *listeners: Listener) -> None:
        """Write to *log* first."""
        self._log = log
        self._listeners = listeners

    def info(self, event: Event, **keys: object) -> None:
        """Write a line of level info."""
        self._log.info(event, **keys)
        self.tell(event, Level.INFO, keys)

    def warning(self, event: Event, **keys: object) -> None:
        """Write a line of level warning."""
        self._log.warning(event, **keys)
        self.tell(event, Level.WARNING, keys)

    def error(self, event: Event, **keys: object) -> None:
        """Write a line of level error."""
        self._log.error(event, **keys)
        self.tell(event, Level.ERROR, keys)

    def critical(self, event: Event, **keys: object) -> None:
        """Write a line of level critical."""
        self._log.critical(event, **keys)
        self.tell(event, Level.CRITICAL, keys)

    def tell(self, event: Event, level: Level, keys: Mapping[str, object]) -> None:
        """Pass a line on that is in the log already."""
        for listener in self._listeners:
            listener.hear(event, level, keys)
