"""Windows, and the timeline that they make together: what is open when, and for which repository.

No file, no clock, no log. Everything compares instants in UTC: two aware datetimes that share a
zone compare by wall clock, which is wrong in the repeated hour.
"""

from __future__ import annotations

import fnmatch
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from daemon.recurrence import DstEffect, Rule, intervals

LOOK_AHEAD = timedelta(days=400)
"""How far ahead the next change is looked for."""

_FIRST_REACH = timedelta(days=9)


class CatchUp(StrEnum):
    """When one backup is started after a resume."""

    NONE = "none"
    MISSED = "missed"
    ALWAYS = "always"


class OnDrift(StrEnum):
    """What is done when a person resumes a repository during an opening."""

    REPORT = "report"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Patterns:
    """Shell globs over repository ids, case-sensitive; `!` takes away."""

    patterns: tuple[str, ...]

    @property
    def plain(self) -> tuple[str, ...]:
        """The ids that are named outright."""
        return tuple(p for p in self.patterns if not p.startswith("!") and not set(p) & set("*?["))

    def matches(self, repository: str) -> bool:
        """Tell whether some pattern includes the id and none takes it away."""
        included, excluded = _compiled(self.patterns)
        return bool(included.match(repository)) and not excluded.match(repository)


@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    included = [fnmatch.translate(p) for p in patterns if not p.startswith("!")]
    excluded = [fnmatch.translate(p[1:]) for p in patterns if p.startswith("!")]
    nothing = "(?!)"
    return re.compile("|".join(included) or nothing), re.compile("|".join(excluded) or nothing)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Dates from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Tell whether *day* is one of them."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a window, `[start, end)` in UTC; paused from `pause_from` on.

    `day` is the local date on which it opens, `dst` what a clock change did to it.
    """

    window: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    day: date
    dst: DstEffect | None
    pause_from: datetime

    @property
    def id(self) -> str:
        """Its identity: the window's name and the start in UTC."""
        return f"{self.window}@{self.start:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def local_start(self) -> datetime:
        """The start as clocks in the window's zone show it."""
        return self.start.astimezone(self.zone)

    @property
    def local_end(self) -> datetime:
        """The end as clocks in the window's zone show it."""
        return self.end.astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class Window:
    """A named rule of the file, and what it is for; targets are clusters with their patterns."""

    name: str
    rule: Rule
    zone: ZoneInfo
    targets: tuple[tuple[str, Patterns], ...]
    excluded: tuple[DateRange, ...] = ()
    pause_before: timedelta = timedelta(0)
    catch_up: CatchUp = CatchUp.NONE
    on_drift: OnDrift = OnDrift.REPORT
    enabled: bool = True
    description: str = ""
    valid_from: date | None = None
    valid_until: date | None = None

    def openings(self, start: datetime, end: datetime) -> list[Opening]:
        """List the openings that meet `[start, end)`, sorted by start."""
        if not self.enabled:
            return []
        return [
            Opening(
                self.name,
                interval.start,
                interval.end,
                self.zone,
                interval.day,
                interval.dst,
                interval.start - self.pause_before,
            )
            for interval in intervals(self.rule, self.zone, start, end)
            if self._opens_on(interval.day)
        ]

    def patterns_for(self, cluster: str) -> tuple[Patterns, ...]:
        """Give the patterns for the repositories of *cluster*."""
        return tuple(patterns for name, patterns in self.targets if name == cluster)

    def _opens_on(self, day: date) -> bool:
        if (self.valid_from and day < self.valid_from) or (
            self.valid_until and day > self.valid_until
        ):
            return False
        return not any(day in days for days in self.excluded)


@dataclass(frozen=True, slots=True)
class Desired:
    """That a repository is to be paused now, by which openings, and until when.

    `bridged` says that no opening holds it now, but one ended and one begins within `merge_gap`:
    what is held stays held, nothing new is paused; `windows` then names those that come.
    """

    openings: tuple[Opening, ...]
    enforce: bool
    catch_up: CatchUp
    until: datetime
    windows: tuple[str, ...]
    bridged: bool = False


class _Lane:
    """The openings of one window around the present, computed as far as they are asked for."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._start = self._end = datetime.min.replace(tzinfo=UTC)
        self._openings: list[Opening] = []

    def around(self, start: datetime, reach: timedelta) -> list[Opening]:
        """List openings that end after *start*, at least as far as *reach*."""
        if start < self._start or start + reach > self._end:
            self._start = start - timedelta(days=1)
            self._end = start + reach + _FIRST_REACH
            self._openings = self.window.openings(self._start, self._end + self.window.pause_before)
        return [opening for opening in self._openings if opening.end > start]

    def next_change(self, now: datetime) -> datetime | None:
        """Give the first edge after *now*, looking further ahead as long as there is none."""
        reach = timedelta(0)
        while reach <= LOOK_AHEAD:
            edges = (
                edge
                for opening in self.around(now, reach)
                for edge in (opening.pause_from, opening.start, opening.end)
                if edge > now
            )
            found = min(edges, default=None)
            if found is not None and found <= self._end:
                return found
            reach = reach * 4 + _FIRST_REACH
        return None


class Timeline:
    """All windows together; immutable, and safe to ask from several threads."""

    def __init__(self, windows: Iterable[Window], merge_gap: timedelta = timedelta(0)) -> None:
        """Put *windows* on one timeline; holes shorter than *merge_gap* are bridged."""
        self.windows = {window.name: window for window in windows}
        self._merge_gap = merge_gap
        self._lanes = {name: _Lane(window) for name, window in self.windows.items()}
        self._of_cluster: dict[str, list[_Lane]] = {}
        for lane in self._lanes.values():
            for cluster in {name for name, _ in lane.window.targets}:
                self._of_cluster.setdefault(cluster, []).append(lane)
        self._turn = threading.Lock()

    def openings(self, start: datetime, end: datetime) -> list[Opening]:
        """List all openings that meet `[start, end)`, sorted by start, then window."""
        found = [o for window in self.windows.values() for o in window.openings(start, end)]
        return sorted(found, key=lambda opening: (opening.start, opening.window))

    def covering(self, now: datetime) -> tuple[Opening, ...]:
        """Give the openings that are open at *now*, sorted by start, then window."""
        with self._turn:
            found = [
                opening
                for lane in self._lanes.values()
                for opening in lane.around(now, timedelta(0))
                if opening.start <= now
            ]
        return tuple(sorted(found, key=lambda opening: (opening.start, opening.window)))

    def next_change(self, now: datetime, cluster: str | None = None) -> datetime | None:
        """Give the first instant after *now* at which something pauses, opens or closes.

        None if nothing does within 400 days. With *cluster*, only its windows count.
        """
        lanes = self._lanes.values() if cluster is None else self._of_cluster.get(cluster, ())
        with self._turn:
            changes = [lane.next_change(now) for lane in lanes]
        return min((change for change in changes if change), default=None)

    def clusters_of(self, window: str) -> frozenset[str]:
        """Name the clusters that a window is for."""
        found = self.windows.get(window)
        return frozenset(name for name, _ in found.targets) if found else frozenset()

    def plain_ids(self, cluster: str) -> frozenset[str]:
        """Name the repositories of *cluster* that windows name outright."""
        return frozenset(
            id_
            for lane in self._of_cluster.get(cluster, ())
            for patterns in lane.window.patterns_for(cluster)
            for id_ in patterns.plain
        )

    def count(self, window: str, cluster: str, ids: Iterable[str]) -> int:
        """Count the repositories of *cluster* that a window is for: of *ids*, and those named."""
        found = self.windows.get(window)
        patterns = found.patterns_for(cluster) if found else ()
        named = {id_ for each in patterns for id_ in each.plain}
        return len(named | {id_ for id_ in ids if any(each.matches(id_) for each in patterns)})

    def is_wanted(self, cluster: str, now: datetime) -> bool:
        """Tell whether any window holds repositories of *cluster* now, or bridges a hole."""
        return bool(self._holding(cluster, now))

    def desired(self, cluster: str, ids: Iterable[str], now: datetime) -> dict[str, Desired]:
        """Tell which of the repositories *ids* of *cluster* are to be paused at *now*."""
        holding = self._holding(cluster, now)
        if not holding:
            return {}
        wanted = {id_: self._desired(cluster, id_, holding, now) for id_ in ids}
        return {id_: desired for id_, desired in wanted.items() if desired}

    def _holding(self, cluster: str, now: datetime) -> list[tuple[Window, Opening]]:
        """List what holds now, and what ended or begins within the merge gap."""
        gap = self._merge_gap
        with self._turn:
            return [
                (lane.window, opening)
                for lane in self._of_cluster.get(cluster, ())
                for opening in lane.around(now - gap, gap)
                if opening.pause_from <= now + gap
            ]

    def _desired(
        self, cluster: str, id_: str, around: list[tuple[Window, Opening]], now: datetime
    ) -> Desired | None:
        mine = [
            (window, opening)
            for window, opening in around
            if any(patterns.matches(id_) for patterns in window.patterns_for(cluster))
        ]
        held = [(w, o) for w, o in mine if o.pause_from <= now < o.end]
        if held:
            return _wanting(held, bridged=False)
        ended = max((o.end for _, o in mine if o.end <= now), default=None)
        coming = [(w, o) for w, o in mine if o.pause_from > now]
        begins = min((o.pause_from for _, o in coming), default=None)
        if ended and begins and begins - ended < self._merge_gap:
            return _wanting([(w, o) for w, o in coming if o.pause_from == begins], bridged=True)
        return None


def _wanting(held: list[tuple[Window, Opening]], *, bridged: bool) -> Desired:
    order = list(CatchUp)
    return Desired(
        openings=() if bridged else tuple(opening for _, opening in held),
        enforce=any(window.on_drift is OnDrift.ENFORCE for window, _ in held),
        catch_up=max((window.catch_up for window, _ in held), key=order.index),
        until=max(opening.end for _, opening in held),
        windows=tuple(sorted({opening.window for _, opening in held})),
        bridged=bridged,
    )
