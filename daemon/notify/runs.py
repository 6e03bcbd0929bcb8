"""Openings as runs that begin, fail and succeed, for services that watch whether jobs do; pure.

A run lasts from the start of its opening until nothing is held for it any more: it succeeds when
all of its repositories are active again, and only then. It fails, once, when one of them could not
be paused or resumed or is overdue, or when one of its clusters does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from daemon.log import events
from daemon.notify.notices import OVERDUE, RUN_FAILED, RUN_STARTED, RUN_SUCCEEDED, Notice
from daemon.windows.window import window_of

_FAILURES = frozenset({events.REPOSITORY_FAILED, OVERDUE, events.CLUSTER_UNREACHABLE})
WATCHED = _FAILURES | {events.CLUSTER_RECOVERED}
"""The events that a run has to hear of."""


class Runs:
    """The runs under way; not safe for two threads at once."""

    def __init__(self, clusters_of: Callable[[str], frozenset[str]]) -> None:
        """Begin with none; *clusters_of* names the clusters of a window."""
        self._clusters_of = clusters_of
        self._running: set[str] = set()
        self._failed: set[str] = set()
        self._unreachable: dict[str, Notice] = {}

    def follow(self, openings: Iterable[str], now: datetime) -> list[Notice]:
        """Return notices of the runs that began and ended.

        *openings* are those open or still held for.
        """
        running = set(openings)
        ended, begun = self._running - running, running - self._running
        self._running = running
        self._failed &= running
        said = [_run(RUN_SUCCEEDED, id_, now) for id_ in sorted(ended)]
        for id_ in sorted(begun):
            said.append(_run(RUN_STARTED, id_, now))
            for cluster in sorted(self._unreachable.keys() & self._clusters_of(window_of(id_))):
                said += self._fail([id_], self._unreachable[cluster])
        return said

    def hear(self, found: Notice) -> list[Notice]:
        """Return notices of the runs that *found* makes fail for the first time."""
        cluster = str(found.keys.get("cluster"))
        match found.event:
            case events.CLUSTER_RECOVERED:
                self._unreachable.pop(cluster, None)
                return []
            case events.CLUSTER_UNREACHABLE:
                self._unreachable[cluster] = found
                concerned = [i for i in self._running if cluster in self._clusters_of(window_of(i))]
            case event if event in _FAILURES:
                concerned = [i for i in self._running if window_of(i) in found.windows]
            case _:
                return []
        return self._fail(concerned, found)

    def _fail(self, openings: Iterable[str], why: Notice) -> list[Notice]:
        news = sorted(set(openings) - self._failed)
        self._failed.update(news)
        return [_run(RUN_FAILED, id_, why.at, why.summary) for id_ in news]


def _run(event: events.Event, opening: str, at: datetime, why: str = "") -> Notice:
    keys = {"window": window_of(opening), "opening": opening, "why": why}
    return Notice(event, "error" if why else "info", at, keys)
