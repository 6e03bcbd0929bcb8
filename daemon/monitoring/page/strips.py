"""Two weeks of each window as a strip: what is drawn where, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.monitoring.page.scene import Scene
from daemon.monitoring.status import cancelled
from daemon.windows.clock_changes import ClockChange, changes_between
from daemon.windows.interval import DstEffect
from daemon.windows.overrides import Override
from daemon.windows.wallclock import start_instant
from daemon.windows.window import Opening, Window

DAYS = 14
WIDTH = 1400
"""How many units a strip is wide: 100 a day."""

MOST_MARKS = 200
"""How many openings of one window are drawn and told; what comes later is counted."""

_LEAST_WIDTH = 3.0


class Kind(StrEnum):
    """Why a strip has a mark."""

    OPEN = "open"
    SKIPPED = "skipped"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of a strip: `x` and `width` in its units, and the opening that it stands for.

    `skip` is the decision by which it was cancelled, `dst` what a clock change did to it.
    """

    kind: Kind
    x: float
    width: float
    opening: Opening
    dst: DstEffect | None = None
    skip: Override | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """Two weeks of one window; `more` openings are not drawn."""

    window: Window
    marks: tuple[Mark, ...]
    changes: tuple[ClockChange, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The time that strips show, from a local midnight on; `days` are its midnights in UTC."""

    zone: ZoneInfo
    days: tuple[datetime, ...]

    @classmethod
    def around(cls, now: datetime, zone: ZoneInfo) -> Span:
        """Return the two weeks that begin with the day of *now*, as clocks in *zone* show it."""
        today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        days = (start_instant(today + timedelta(days=day), zone) for day in range(DAYS + 1))
        return cls(zone, tuple(days))

    @property
    def start(self) -> datetime:
        """Where it begins."""
        return self.days[0]

    @property
    def end(self) -> datetime:
        """Where it ends."""
        return self.days[-1]

    def x(self, at: datetime) -> float:
        """Return where an instant is on a strip, or the edge that it is beyond."""
        share = (at - self.start) / (self.end - self.start)
        return round(WIDTH * min(max(share, 0.0), 1.0), 1)


def strip(window: Window, span: Span, skips: Mapping[tuple[str, datetime], Override]) -> Strip:
    """Return what is drawn of a window."""
    openings = window.openings(span.start, span.end)
    marks = [_mark(Kind.OPEN, opening, span) for opening in openings]
    marks += [
        replace(_mark(Kind.SKIPPED, each.opening, span), skip=each.decision)
        for each in cancelled([window], skips, span.start, span.end)
    ]
    if window.excluded:
        shown = {mark.opening.start for mark in marks}
        every = replace(window, excluded=()).openings(span.start, span.end)
        marks += [_mark(Kind.EXCLUDED, each, span) for each in every if each.start not in shown]
    marks.sort(key=lambda mark: mark.opening.start)
    changes = tuple(changes_between(window.zone, span.start, span.end))
    return Strip(window, tuple(marks[:MOST_MARKS]), changes, max(len(marks) - MOST_MARKS, 0))


def _mark(kind: Kind, opening: Opening, span: Span) -> Mark:
    x, end = span.x(opening.start), span.x(opening.end)
    width = max(round(end - x, 1), _LEAST_WIDTH)
    return Mark(kind, min(x, WIDTH - width), width, opening, opening.dst)


class Strips:
    """The strips of all windows, kept as long as nothing that they show has changed."""

    def __init__(self) -> None:
        """Begin with nothing computed."""
        self._known: tuple[Scene, Span, dict[str, Strip]] | None = None

    def of(self, scene: Scene) -> tuple[Span, Mapping[str, Strip]]:
        """Return the two weeks around now, and what is drawn of each window, by its name."""
        span = Span.around(scene.now, scene.zone)
        if self._known is not None:
            before, known, strips = self._known
            if before.timeline is scene.timeline and before.skips == scene.skips and known == span:
                return span, strips
        windows = scene.timeline.windows
        strips = {name: strip(windows[name], span, scene.skips) for name in sorted(windows)}
        self._known = scene, span, strips
        return span, strips
