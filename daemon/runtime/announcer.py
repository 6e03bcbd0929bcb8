"""Logging once that a window opened or closed, and for how many repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.log import events
from daemon.log.events import Event
from daemon.log.interface import Log
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening

WAIT_FOR_LISTS = timedelta(seconds=5)
"""How long an opening found at the start waits for clusters that have not been listed yet."""

KnownIds = Mapping[str, frozenset[str]]
"""The ids of each listed cluster's repositories, as of its last list."""


class Announcer:
    """Compares what is open with what was logged."""

    def __init__(self, log: Log, started: datetime) -> None:
        """Begin with nothing logged at *started*."""
        self._log = log
        self._started = started
        self._logged: dict[str, Opening] = {}
        self._settled: tuple[Opening, ...] | None = None

    def is_news(self, timeline: Timeline, now: datetime) -> bool:
        """Check whether an opening began or ended since the last call of `announce`."""
        covering = timeline.covering(now)
        # The timeline gives the same answer, not just an equal one, until it changes.
        if covering is self._settled:
            return False
        is_news = {opening.id: opening for opening in covering} != self._logged
        self._settled = None if is_news else covering
        return is_news

    def announce(self, timeline: Timeline, now: datetime, known: KnownIds) -> None:
        """Log which openings began and ended since the last call."""
        covering = {opening.id: opening for opening in timeline.covering(now)}
        for opening in [o for id_, o in self._logged.items() if id_ not in covering]:
            # A person, or an edit, may have ended it before its time.
            ended = replace(opening, end=min(opening.end, now))
            self._log_change(events.WINDOW_CLOSED, ended, timeline, known)
            del self._logged[opening.id]
        for opening in covering.values():
            self._open(opening, timeline, known, now)

    def _open(self, opening: Opening, timeline: Timeline, known: KnownIds, now: datetime) -> None:
        if opening.id not in self._logged:
            clusters = timeline.clusters_of(opening.window)
            if not clusters <= known.keys() and now - self._started < WAIT_FOR_LISTS:
                return
            self._log_change(events.WINDOW_OPENED, opening, timeline, known)
        # An edit may have moved its end.
        self._logged[opening.id] = opening

    def _log_change(
        self, event: Event, opening: Opening, timeline: Timeline, known: KnownIds
    ) -> None:
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
