"""When each window opens next: remembered, since rare rules take long to look through."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from daemon.windows.timeline import Timeline, ahead
from daemon.windows.window import Opening, Window

BUDGET_S = 0.1
"""How long one question may take: what is not found by then is found by the next ones."""

LOOK_AGAIN = timedelta(days=1)
"""How long it is believed that a window does not open again within 400 days."""


class Upcoming:
    """The next openings by window; for one thread."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._timeline: Timeline | None = None
        self._known: dict[str, tuple[datetime, Opening | None]] = {}

    def at(self, timeline: Timeline, now: datetime) -> dict[str, Opening]:
        """Return the next opening of each window after *now*, as far as there is one and is known.

        A clock that was set back makes it look anew.
        """
        if timeline is not self._timeline:
            self._timeline, self._known = timeline, {}
        end = time.monotonic() + BUDGET_S
        for name, window in timeline.windows.items():
            if not self._is_good(name, now):
                if time.monotonic() > end:
                    break
                self._known[name] = now, next_opening(window, now)
        return {name: found for name, (_, found) in self._known.items() if found}

    def _is_good(self, name: str, now: datetime) -> bool:
        if name not in self._known:
            return False
        looked, found = self._known[name]
        if now < looked:
            return False
        return now < found.start if found else now - looked < LOOK_AGAIN


def next_opening(window: Window, now: datetime) -> Opening | None:
    """Return the first opening of a window that begins after *now*, within 400 days."""
    return next((opening for opening in ahead(window, now) if opening.start > now), None)
