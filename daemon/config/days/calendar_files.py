"""Parse an iCalendar file (RFC 5545) into the days of its all-day events.

Of the revisions of an event the latest counts (3.8.7.4). A day of a series that was moved or
cancelled (RECURRENCE-ID, 3.8.4.4) is that day alone, whatever rule stands with it, or with
RANGE=THISANDFUTURE that day and all later ones.

No error and no remark quotes the file, since whoever edits schedules.yaml may name one that only
the daemon can read: an event is named by the line in which it begins.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain, islice
from types import MappingProxyType
from typing import Self

from daemon.config.days.ics_events import Event, find_events
from daemon.config.days.ics_rules import Unused, check_work, repetitions, unused
from daemon.config.days.ics_values import Span, date_of, dates_of, day_of, whole_days, zone_of
from daemon.windows.dates import DateRange

LINES_LIMIT = 100_000
EVENTS_LIMIT = 10_000
_DAYS_LIMIT = 100_000

_EVENT = re.compile(r"^BEGIN:VEVENT", re.MULTILINE | re.IGNORECASE)
_SEQUENCE = re.compile(r"[0-9]{1,18}", re.ASCII)

TIMED = "with a time of day"
OLDER = "that a later revision replaces (SEQUENCE, DTSTAMP)"
OWN_RULE = "with a rule of repetition for one day of a series (RECURRENCE-ID)"


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """The days of a calendar's all-day events.

    `passed_over` has the lines in which events begin that, or whose rule of repetition, says
    nothing here, by what they are.
    """

    ranges: tuple[DateRange, ...]
    passed_over: Mapping[str, tuple[int, ...]]


@lru_cache(maxsize=8)
def all_day_events(text: str) -> CalendarDays:
    """Parse the all-day events of all calendars in *text*, repeated ones up to `LAST_YEAR`.

    Raises:
        ValueError: the text is no calendar, is too long, or has an event that cannot be parsed.

    """
    _check_size(text)
    reading = _Reading()
    try:
        ranges = tuple(islice(reading.ranges(find_events(text)), _DAYS_LIMIT + 1))
    except OverflowError:
        raise ValueError(f"line {reading.line}: the event ends beyond the calendar") from None
    if len(ranges) > _DAYS_LIMIT:
        raise ValueError(
            f"line {reading.line}: with the event that begins here there are more than"
            f" {_DAYS_LIMIT:,} days or repetitions: give its rule an end (UNTIL)"
        )
    passed_over = {what: tuple(lines) for what, lines in reading.passed_over.items()}
    return CalendarDays(ranges, MappingProxyType(passed_over))


def _check_size(text: str) -> None:
    """Raise ValueError for a file whose days would take too long to find."""
    counts = (
        ("lines", text.count("\n"), LINES_LIMIT),
        ("events", len(_EVENT.findall(text)), EVENTS_LIMIT),
    )
    for what, found, most in counts:
        if found > most:
            raise ValueError(f"has {found:,} {what}; at most {most:,} are read")


@dataclass(frozen=True, slots=True)
class _Series:
    """An event of whole days with all days on which it begins, apart from `excluded` ones."""

    line: int
    revision: tuple[int, str]
    span: Span
    days: Mapping[date, None]
    excluded: frozenset[date]


@dataclass(frozen=True, slots=True)
class _Latest:
    """What the series of one UID, which are equally late revisions, have together.

    `excluded` are the days that one of them excludes, and `common` those that all of them have.
    """

    revision: tuple[int, str]
    excluded: frozenset[date]
    common: frozenset[date]

    @classmethod
    def of(cls, series: list[_Series]) -> Self | None:
        """Return what all of *series* have together; None if there are none."""
        if not series:
            return None
        excluded = frozenset[date]().union(*(each.excluded for each in series))
        common = frozenset(series[0].days).intersection(*(each.days for each in series[1:]))
        return cls(series[0].revision, excluded, common)

    def dropped(self, day: date, event: Event, *, has_rule: bool) -> bool:
        """Check whether a later revision of the series took back what *event* made of a day.

        With the same number, a day that is excluded as well was moved: some programs write both.
        One that is in the series no more was taken back if its event repeats the old rule; others
        were put there by hand.
        """
        if self.revision[0] <= _revision(event)[0]:
            return False
        return day in self.excluded or (has_rule and day not in self.common)


@dataclass(frozen=True, slots=True)
class _Change:
    """What became of a day of a series, if there is one, and of later ones if `is_of_later`.

    Without a span it was cancelled, or has a time of day now.
    """

    day: date | None
    span: Span | None
    is_of_later: bool


@dataclass(slots=True)
class _Reading:
    """Finds the days of one file's events, and notes what it passes over; `line` is where it is."""

    line: int = 0
    passed_over: dict[str, list[int]] = field(default_factory=dict)

    def ranges(self, events: Iterable[Event]) -> Iterator[DateRange]:
        """Yield the days of all *events*."""
        groups = list(self._groups(events))
        check_work(self._repeated(chain.from_iterable(groups)))
        for group in groups:
            yield from self._group(group)

    def _repeated(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.line = event.line
            has_rule = event.all("RRULE") or event.all("EXRULE")
            if has_rule and not _is_cancelled(event) and whole_days(event):
                yield event

    def _group(self, events: list[Event]) -> Iterator[DateRange]:
        """Yield the days of an event, or of a series and of what was moved out of it."""
        moved = [event for event in events if event.all("RECURRENCE-ID")]
        plain = [event for event in events if not event.all("RECURRENCE-ID")]
        if plain and all(map(_is_cancelled, plain)):
            moved = [event for event in moved if _revision(event) > _revision(plain[0])]
        spans = [(event, span) for event in plain if (span := self._span(event))]
        series = [self._series(event, span) for event, span in spans]
        latest = _Latest.of(series)
        changes = [change for event in moved if (change := self._change(event, latest))]
        for change in changes:
            if change.span:
                yield change.span.on(change.span.first)
        changed = _Changed.by(changes)
        for each in series:
            self.line = each.line
            yield from changed.placed(each)

    def _groups(self, events: Iterable[Event]) -> Iterable[list[Event]]:
        """Yield the latest revisions of events, those of one series together.

        Two that are equally late are two events: some programs give the same UID to all.
        """
        groups: dict[object, dict[str, list[Event]]] = {}
        for event in events:
            of_one = groups.setdefault(event.uid or event.line, {})
            of_one.setdefault(event.text("RECURRENCE-ID"), []).append(event)
        for of_one in groups.values():
            yield [event for revisions in of_one.values() for event in self._latest(revisions)]

    def _latest(self, revisions: list[Event]) -> Iterator[Event]:
        latest = max(map(_revision, revisions))
        for event in revisions:
            if _revision(event) == latest:
                yield event
            else:
                self._note(OLDER, event)

    def _span(self, event: Event) -> Span | None:
        self.line = event.line
        if _is_cancelled(event):
            return None
        span = whole_days(event)
        if span is None:
            self._note(TIMED, event)
        return span

    def _series(self, event: Event, span: Span) -> _Series:
        self.line = event.line
        zone = zone_of(event)
        excluded = {day_of(at, zone) for at in dates_of(event, "EXDATE")}
        for rule in event.all("EXRULE"):
            excluded.update(repetitions(event, span, rule))
        for rule in event.all("RRULE"):
            if reason := unused(event, rule):
                self._note(reason, event)
        added = (day_of(at, zone) for at in dates_of(event, "RDATE"))
        repeated = (repetitions(event, span, rule) for rule in event.all("RRULE"))
        days = chain([span.first], added, chain.from_iterable(repeated))
        included = dict.fromkeys(day for day in days if day not in excluded)
        return _Series(event.line, _revision(event), span, included, frozenset(excluded))

    def _change(self, event: Event, latest: _Latest | None) -> _Change | None:
        """Return what an event changes in its series; None if a later revision dropped its day."""
        named = event.all("RECURRENCE-ID")[0]
        day = day_of(date_of(named), zone_of(event)) if latest else None
        has_rule = bool(event.all("RRULE") or event.all("RDATE"))
        if latest and day and latest.dropped(day, event, has_rule=has_rule):
            self._note(OLDER, event)
            return None
        span = self._span(event)
        if span and has_rule:
            self._note(OWN_RULE, event)
        is_of_later = named.parameters.get("RANGE", "").upper() == "THISANDFUTURE"
        return _Change(day, span, is_of_later)

    def _note(self, what: str | Unused, event: Event) -> None:
        self.passed_over.setdefault(str(what), []).append(event.line)


@dataclass(frozen=True, slots=True)
class _Changed:
    """The `days` of a series that are changed themselves, and changes of `later` ones, in order."""

    days: frozenset[date]
    later: list[tuple[date, _Change]]

    @classmethod
    def by(cls, changes: list[_Change]) -> Self:
        """Return what *changes* change."""
        known = [(change.day, change) for change in changes if change.day]
        later = sorted((each for each in known if each[1].is_of_later), key=lambda each: each[0])
        return cls(frozenset(day for day, _ in known), later)

    def placed(self, series: _Series) -> Iterator[DateRange]:
        """Yield where the days of a series are, apart from those that are changed themselves."""
        for day in series.days:
            if day in self.days:
                continue
            number = bisect_right(self.later, day, key=lambda each: each[0])
            if number == 0:
                yield series.span.on(day)
                continue
            since, change = self.later[number - 1]
            if change.span:
                yield change.span.on(day + (change.span.first - since))


def _is_cancelled(event: Event) -> bool:
    return event.text("STATUS") == "CANCELLED"


def _revision(event: Event) -> tuple[int, str]:
    """Return what grows from one revision of an event to the next (RFC 5546, 2.1.5)."""
    number = event.text("SEQUENCE")
    return int(number) if _SEQUENCE.fullmatch(number) else 0, event.text("DTSTAMP")
