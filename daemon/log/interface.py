"""The part of a structured logger that the daemon uses."""

from __future__ import annotations

from typing import Protocol

from daemon.log.events import Event


class Log(Protocol):
    """The part of a structured logger that is used here."""

    def info(self, event: Event, **keys: object) -> None:
        """Write a line of level info."""

    def warning(self, event: Event, **keys: object) -> None:
        """Write a line of level warning."""

    def error(self, event: Event, **keys: object) -> None:
        """Write a line of level error."""

    def critical(self, event: Event, **keys: object) -> None:
        """Write a line of level critical."""
