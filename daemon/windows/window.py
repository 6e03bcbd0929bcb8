"""Windows and their openings: a rule, the repositories that it is for, and when it opens.

No file, no clock, no log. All instants are returned in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from daemon.windows.dates import DateRange, DateSet
from daemon.windows.globs import Globs, is_glob
from daemon.windows.interval import DstEffect, Interval
from daemon.windows.rules import FIRST, LAST, MARGIN, Rule, intervals
from daemon.windows.validity import Validity
from daemon.windows.work import Work


class CatchUp(StrEnum):
    """When a backup is started after a resume."""

    NONE = "none"
    MISSED = "missed"
    ALWAYS = "always"


class OnDrift(StrEnum):
    """What is done when a person resumes a repository during an opening."""

    REPORT = "report"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Patterns:
    """Shell globs over repository ids, case-sensitive; a leading `!` excludes."""

    patterns: tuple[str, ...]

    @property
    def plain(self) -> tuple[str, ...]:
        """The ids that are named without a glob and not excluded."""
        matcher = _Matcher.of(self.patterns)
        named = (p for p in self.patterns if not (p.startswith("!") or is_glob(p)))
        return tuple(p for p in named if matcher.matches(p))

    @property
    def included(self) -> tuple[str, ...]:
        """The patterns that include."""
        return tuple(p for p in self.patterns if not p.startswith("!"))

    @property
    def excluded(self) -> tuple[str, ...]:
        """The patterns that exclude, without their `!`."""
        return tuple(p[1:] for p in self.patterns if p.startswith("!"))

    def matches(self, repository: str) -> bool:
        """Check whether some pattern includes the id and none excludes it."""
        return _Matcher.of(self.patterns).matches(repository)


@dataclass(frozen=True, slots=True)
class _Matcher:
    """Patterns, ready to match."""

    included: Globs[bool]
    excluded: Globs[bool]

    @staticmethod
    # As many as a file may have windows: with fewer, each repository would need them all again.
    @lru_cache(maxsize=32_768)
    def of(patterns: tuple[str, ...]) -> _Matcher:
        found = Patterns(patterns)
        return _Matcher(_any_of(found.included), _any_of(found.excluded))

    def matches(self, repository: str) -> bool:
        return any(self.included.find(repository)) and not any(self.excluded.find(repository))


def _any_of(globs: Iterable[str]) -> Globs[bool]:
    return Globs((glob, True) for glob in globs)


class PatternIndex:
    """Names, such as those of windows, by the patterns that they have."""

    def __init__(self, items: Iterable[tuple[Patterns, str]]) -> None:
        """Take pairs of patterns and a name."""
        names: dict[Patterns, set[str]] = {}
        for patterns, name in items:
            names.setdefault(patterns, set()).add(name)
        self._included = Globs(
            (glob, (number, found))
            for number, (patterns, found) in enumerate(names.items())
            for glob in patterns.included
        )
        # Few have any, and none of the others needs to be asked.
        self._excluded = {
            number: _any_of(patterns.excluded)
            for number, patterns in enumerate(names)
            if patterns.excluded
        }

    def find(self, repository: str, work: Work) -> set[str]:
        """Return the names whose patterns match, and count what had to be tried."""
        found: set[str] = set()
        for number, names in self._included.find(repository, work):
            excluded = self._excluded.get(number)
            if excluded is None or not any(excluded.find(repository, work)):
                found |= names
            work.add(len(names))
        return found


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
        """The window's name and the start in UTC."""
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
    """A named rule and the repositories that it is for: `targets` are clusters with patterns.

    `skipped` are the starts of openings that people cancelled, `moved` the starts of those whose
    end they changed, with the new end, `opened` start and end of those that they added, on
    whatever day and whether the rule is `enabled` or not; all in UTC.
    """

    name: str
    rule: Rule
    zone: ZoneInfo
    targets: tuple[tuple[str, Patterns], ...]
    excluded: tuple[DateRange | DateSet, ...] = ()
    pause_before: timedelta = timedelta(0)
    catch_up: CatchUp = CatchUp.NONE
    on_drift: OnDrift = OnDrift.REPORT
    enabled: bool = True
    description: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    skipped: frozenset[datetime] = frozenset()
    moved: tuple[tuple[datetime, datetime], ...] = ()
    opened: tuple[tuple[datetime, datetime], ...] = ()

    def openings(self, start: datetime, end: datetime) -> list[Opening]:
        """Return the openings that meet `[start, end)`, sorted by start, each start once.

        Of two with the same start the longer counts: a zone may leave out a whole day, and a person
        may open what the rule opens as well.
        """
        start, end = max(start.astimezone(UTC), FIRST), min(end.astimezone(UTC), LAST)
        if start >= end:
            return []
        found: dict[datetime, Interval] = {}
        ruled = self._by_rule(start, end) if self.enabled else ()
        for interval in chain(ruled, self._by_hand(end)):
            known = found.get(interval.start)
            if not known or known.end < interval.end:
                found[interval.start] = interval
        if not (self.moved or self.opened):
            return [self._opening(interval, interval.end) for interval in found.values()]
        ends = dict(self.moved)
        openings = [self._opening(each, ends.get(each.start, each.end)) for each in found.values()]
        # One that was closed at its start is empty, and no opening.
        meeting = [opening for opening in openings if opening.end > max(start, opening.start)]
        return sorted(meeting, key=lambda opening: opening.start)

    def _by_rule(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Yield the rule's openings on days that are valid, and that nobody cancelled."""
        earlier = [began for began, ends in self.moved if FIRST <= began < start < ends]
        validity = self._validity(min([start - self.rule.longest, *earlier]), end)
        for interval in self._intervals(validity, start, end, earlier):
            if interval.day in validity and interval.start not in self.skipped:
                yield interval

    def _validity(self, start: datetime, end: datetime) -> Validity:
        """Return on which of the days from *start* to *end*, whatever the zone, it may open."""
        days = DateRange((start - MARGIN).date(), (end + MARGIN).date())
        return Validity.within(days, self.valid_from, self.valid_until, self.excluded)

    def _intervals(
        self, validity: Validity, start: datetime, end: datetime, earlier: Iterable[datetime]
    ) -> Iterator[Interval]:
        """Yield the rule's openings, and *earlier* ones whose end was moved past *start*."""
        for stretch in validity.stretches(start, end, self.rule.longest):
            yield from intervals(self.rule, self.zone, *stretch)
        for began in earlier:
            found = intervals(self.rule, self.zone, began, began + timedelta.resolution)
            yield from (interval for interval in found if interval.start == began)

    def cancelled(self, start: datetime, end: datetime) -> list[Opening]:
        """Return the openings that meet `[start, end)` but for a person who cancelled them."""
        if not self.skipped:
            return []
        every = replace(self, skipped=frozenset()).openings(start, end)
        return [opening for opening in every if opening.start in self.skipped]

    def cancelled_after(self, now: datetime) -> list[Opening]:
        """Return the openings that a person cancelled and that would not be over at *now*."""
        until = max(self.skipped, default=now) + timedelta.resolution
        return [o for o in self.cancelled(now, max(until, now)) if o.end > now]

    def _by_hand(self, end: datetime) -> list[Interval]:
        """Return what people added before *end*, whenever it is over."""
        return [
            Interval(began, ends, began.astimezone(self.zone).date())
            for began, ends in self.opened
            if began < end
        ]

    def _opening(self, interval: Interval, end: datetime) -> Opening:
        return Opening(
            window=self.name,
            start=interval.start,
            end=end,
            zone=self.zone,
            day=interval.day,
            dst=interval.dst,
            pause_from=interval.start - self.pause_before,
        )

    def patterns_for(self, cluster: str) -> tuple[Patterns, ...]:
        """Return the patterns for the repositories of *cluster*."""
        return tuple(patterns for name, patterns in self.targets if name == cluster)


def window_of(opening: str) -> str:
    """Return the window's name in the id of an opening."""
    return opening.rpartition("@")[0]


def start_of(opening: str) -> datetime:
    """Return the start (UTC) in the id of an opening. Raises ValueError."""
    return datetime.fromisoformat(opening.rpartition("@")[2])
