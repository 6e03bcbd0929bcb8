"""What the passes go by, computed from the file and from people's decisions, ahead of need."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from daemon.config.settings import Settings
from daemon.core.moment import Moment
from daemon.host.thread import WorkerThread
from daemon.passes.rules import Rules
from daemon.runtime.parts import DaemonParts
from daemon.windows import overrides
from daemon.windows.overrides import Override
from daemon.windows.timeline import Timeline

EVERY = timedelta(minutes=10)

MANY = 100_000
"""So many new containers are kept out of later searches for garbage."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Search for no garbage meanwhile, nor later in what was made if that is a lot.

    Openings by the hundred thousand are kept, and in no cycle; a search through them would take
    half a second, on whatever thread, and hold up the event loop.
    """
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            gc.freeze()
        gc.enable()


def rules_at(
    now: datetime,
    settings: Settings,
    decisions: Iterable[Override],
    parts: DaemonParts,
    *,
    may_pause: bool,
) -> Rules:
    """Return the rules of *settings* and of those *decisions* that still matter at *now*."""
    relevant = overrides.relevant(decisions, now)
    windows = overrides.in_force(settings.windows.values(), relevant, settings.timezone)
    timeline = Timeline(windows, settings.merge_gap)
    # Computed here, once: no pass should have to wait for it at a boundary.
    with uncollected():
        timeline.look_ahead(now)
        timeline.next_change(now)
    return Rules(
        timeline,
        settings.resync,
        settings.max_pause,
        dry_run=parts.dry_run,
        has_lost_ledger=parts.loss is not None,
        may_pause=may_pause,
    )


def _look_ahead(timeline: Timeline, now: datetime) -> None:
    with uncollected():
        timeline.look_ahead(now)


class LookAhead:
    """Has a timeline computed ahead of what is asked of it, on a thread that has the time."""

    def __init__(self, planning: WorkerThread) -> None:
        """Look ahead on the thread that computes rules; it is due at once."""
        self._planning = planning
        self._due = timedelta(0)
        self._edge: datetime | None = None

    def is_due(self, now: Moment) -> bool:
        """Check whether it is time to look ahead at *now*: after each change, and now and then."""
        return now.uptime >= self._due or (self._edge is not None and now.wall >= self._edge)

    async def look(self, timeline: Timeline, now: Moment) -> None:
        """Have *timeline* compute what it will be asked for in the hours after *now*."""
        self._due, self._edge = now.uptime + EVERY, None
        await self._planning.run(lambda: _look_ahead(timeline, now.wall))
        self._edge = timeline.next_change(now.wall)
