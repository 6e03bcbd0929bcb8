"""Logging once that a window opened or closed, for how many repositories, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from daemon.core.progress import Progress
from daemon.core.summary import ProgressNote, outcome_of_none, summarize, summary_json
from daemon.log import events
from daemon.log.interface import Log
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening

WAIT_FOR_LISTS = timedelta(seconds=5)
"""How long an opening found at the start waits for clusters that have not been listed yet."""

WAIT_FOR_RESUMES = timedelta(seconds=10)
"""How long the line of an opening's end waits for what is still to be resumed."""


class Standing(Protocol):
    """What is known of the clusters, and of how far openings are on them."""

    def known_ids(self) -> Mapping[str, frozenset[str]]:
        """Return the repositories of each cluster that was listed or found unreachable."""

    def never_listed(self) -> frozenset[str]:
        """Name the clusters of which no list is known."""

    async def progress(self, timeline: Timeline, now: datetime) -> Mapping[str, Progress]:
        """Return how far each opening that holds anything is, by its id; give way meanwhile."""

    def notes(self, opening: str) -> Sequence[ProgressNote]:
        """Return what was noted of an opening."""

    def is_settled(self, opening: str) -> bool:
        """Check whether nothing is held for an opening where a cluster answers."""


class Announcer:
    """Compares what is open with what was logged."""

    def __init__(self, log: Log, started: datetime) -> None:
        """Begin with nothing logged at *started*."""
        self._log = log
        self._started = started
        self._logged: dict[str, Opening] = {}
        self._ended: dict[str, Opening] = {}
        self._settled: tuple[Opening, ...] | None = None
        self._turn = asyncio.Lock()

    def _is_news(self, timeline: Timeline, now: datetime) -> bool:
        """Check whether an opening began or ended since the last call of `announce`."""
        covering = timeline.covering(now)
        # The timeline gives the same answer, not just an equal one, until it changes.
        if covering is self._settled:
            return False
        is_news = {opening.id: opening for opening in covering} != self._logged
        self._settled = None if is_news else covering
        return is_news

    async def announce(self, timeline: Timeline, now: datetime, standing: Standing) -> None:
        """Log which openings began since the last call, and notice which ended."""
        # Others may come while it is worked out how far openings are.
        async with self._turn:
            if self._is_news(timeline, now):
                await self._announce(timeline, now, standing)

    async def _announce(self, timeline: Timeline, now: datetime, standing: Standing) -> None:
        covering = {opening.id: opening for opening in timeline.covering(now)}
        for opening in [o for id_, o in self._logged.items() if id_ not in covering]:
            # A person, or an edit, may have ended it before its time.
            self._ended[opening.id] = replace(opening, end=min(opening.end, now))
            del self._logged[opening.id]
        # One that left an edited file for a moment goes on.
        self._logged |= {id_: o for id_, o in covering.items() if self._ended.pop(id_, None)}
        new = covering.keys() - self._logged.keys()
        # Asked once for all that open together: they may be thousands.
        awaited = {id_: timeline.clusters_of(covering[id_].window) for id_ in new}
        if new and now - self._started < WAIT_FOR_LISTS:
            known = standing.known_ids().keys()
            new = {id_ for id_ in new if awaited[id_] <= known}
        never_listed = standing.never_listed() if new else frozenset()
        found = await standing.progress(timeline, now) if new else {}
        for id_, opening in covering.items():
            if id_ in new:
                unknown = awaited[id_] & never_listed
                self._log_opened(opening, unknown, found.get(id_, Progress()))
            if id_ in new or id_ in self._logged:
                # An edit may have moved its end.
                self._logged[id_] = opening

    def _log_opened(self, opening: Opening, unknown: frozenset[str], found: Progress) -> None:
        silent = sorted(unknown | set(found.silent))
        # None of a cluster that was never listed would be a claim that nobody can make.
        self._log.info(
            events.WINDOW_OPENED,
            window=opening.window,
            start=opening.start,
            end=opening.end,
            repositories=found.wanted if found.wanted or not unknown else None,
            **({"unanswered": silent} if silent else {}),
        )

    def settle(self, now: datetime, standing: Standing, *, is_last: bool = False) -> None:
        """Log what became of openings that have ended, once all is resumed or it takes too long."""
        for id_, opening in list(self._ended.items()):
            waited = abs(now - opening.end)
            if is_last or waited > WAIT_FOR_RESUMES or standing.is_settled(id_):
                del self._ended[id_]
                self._log_closed(opening, standing.notes(id_))

    def _log_closed(self, opening: Opening, notes: Sequence[ProgressNote]) -> None:
        found = summary_json(summarize(notes)) if notes else outcome_of_none()
        keys = {"window": opening.window, "start": opening.start, "end": opening.end}
        self._log.info(events.WINDOW_CLOSED, **found | keys, repositories=found["wanted"])
