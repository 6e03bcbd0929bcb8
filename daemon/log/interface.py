"""The part of a structured logger that the daemon uses."""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """The part of a structured logger that is used here."""

    def info(self, event: str, **keys: object) -> None:
        """Write a line of level info."""

    def warning(self, event: str, **keys: object) -> None:
        """Write a line of level warning."""

    def error(self, event: str, **keys: object) -> None:
        """Write a line of level error."""

    def critical(self, event: str, **keys: object) -> None:
        """Write a line of level critical."""
