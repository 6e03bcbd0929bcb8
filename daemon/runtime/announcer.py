"""Says once that a window opened or closed, and how many repositories it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.events import Event
from daemon.log.interface import Log
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening

WAIT_FOR_LOOK = timedelta(seconds=5)
"""How long an opening found at the start stays unsaid while clusters have not been listed yet."""

KnownIds = Mapping[str, frozenset[str]]
"""The repositories of each cluster that was listed, as of its last list."""


class Announcer:
    """Compares what is open with what was said; any thread may ask it to."""

    def __init__(self, log: Log, started: datetime) -> None:
        """Begin with nothing said at *started*."""
        self._log = log
        self._started = started
        self._said: dict[str, Opening] = {}
        self._turn = threading.Lock()

    def announce(
        self,
        timeline: Callable[[], Timeline],
        clock: Callable[[], datetime],
        known_ids: Callable[[], KnownIds],
    ) -> None:
        """Say which openings began and ended since the last time."""
        with self._turn:
            # Asked for in here: who had to wait would speak of an earlier time than who was first.
            line, now = timeline(), clock()
            covering = {opening.id: opening for opening in line.covering(now)}
            if covering == self._said:
                return
            known = known_ids()
            for opening in [o for id_, o in self._said.items() if id_ not in covering]:
                # A person, or an edit, may have ended it before its time.
                ended = replace(opening, end=min(opening.end, now))
                self._say(events.WINDOW_CLOSED, ended, line, known)
                del self._said[opening.id]
            for opening in covering.values():
                self._open(opening, line, known, now)

    def _open(self, opening: Opening, timeline: Timeline, known: KnownIds, now: datetime) -> None:
        if opening.id not in self._said:
            clusters = timeline.clusters_of(opening.window)
            if not clusters <= known.keys() and now - self._started < WAIT_FOR_LOOK:
                return
            self._say(events.WINDOW_OPENED, opening, timeline, known)
        # An edit may have moved its end.
        self._said[opening.id] = opening

    def _say(self, event: Event, opening: Opening, timeline: Timeline, known: KnownIds) -> None:
        count = sum(
            timeline.count(opening.window, cluster, known.get(cluster, frozenset()))
            for cluster in timeline.clusters_of(opening.window)
        )
        self._log.info(
            event,
            window=opening.window,
            start=opening.start,
            end=opening.end,
            repositories=count,
        )
