"""From a recurrence rule to its openings in a zone: UNTIL as an instant, COUNT of openings.

No file, no clock, no log. COUNT is not followed from DTSTART: what opens on the way is computed
year by year, and around changes of clocks, where fewer or more openings begin than the rule names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from daemon.windows.clock_changes import ClockChange, clock_changes
from daemon.windows.interval import Interval, fired
from daemon.windows.recurrence.expansion import count_on_days, times, year_counts
from daemon.windows.recurrence.rule import Recurrence
from daemon.windows.wallclock import Reading

_DAY = timedelta(days=1)
_QUIET = 2 * _DAY
"""So far from a change of clocks, openings begin in the order of their local times."""


def openings(
    rule: Recurrence, duration: timedelta, zone: ZoneInfo, earliest: datetime, latest: datetime
) -> Iterable[Interval]:
    """Return at least the openings that begin when clocks show *earliest* to *latest*.

    *latest* is to be two days after the end of what is asked for.
    """
    if rule.count is not None:
        return _counted(rule, duration, zone, earliest, latest)
    until = rule.until
    if until is None or until.tzinfo is None:
        return fired(times(rule, earliest, latest), duration, rule.reading, zone)
    latest = min(latest, until.replace(tzinfo=None) + _QUIET)
    found = fired(times(rule, earliest, latest), duration, rule.reading, zone)
    return (each for each in found if each.start <= until)


def _counted(
    rule: Recurrence, duration: timedelta, zone: ZoneInfo, earliest: datetime, latest: datetime
) -> Iterator[Interval]:
    """Yield those openings that are among the first COUNT; two that begin at once are one."""
    begin = _quiet_day(zone, max(earliest, rule.dtstart).date())
    left = (rule.count or 0) - _count_before(rule, zone, begin)
    if left <= 0:
        return
    local = times(rule, datetime.combine(begin, time()), latest)
    starts: set[datetime] = set()
    for each in sorted(fired(local, duration, rule.reading, zone), key=lambda one: one.start):
        starts.add(each.start)
        if len(starts) > left:
            return
        yield each


def _quiet_day(zone: ZoneInfo, day: date) -> date:
    """Return the last day up to *day* around which clocks do not change."""
    near = [*_changes(zone, day.year - 1), *_changes(zone, day.year), *_changes(zone, day.year + 1)]
    for change in reversed(near):
        if change.low.date() - _QUIET <= day <= change.high.date() + _QUIET:
            day = change.low.date() - _QUIET - _DAY
    return day


def _count_before(rule: Recurrence, zone: ZoneInfo, day: date) -> int:
    """Return how many openings begin before a quiet day, or enough to reach COUNT."""
    if day <= rule.dtstart.date():
        return 0
    before = _count_to(rule, zone, day.year)
    named = count_on_days(rule, date(day.year, 1, 1).toordinal(), day.toordinal() - 1)
    if day.year == rule.dtstart.year:
        named -= _named_before_start(rule)
    midnight = datetime.combine(day, time())
    changes = [change for change in _changes(zone, day.year) if change.low < midnight]
    return before + named + sum(_difference(rule, zone, change) for change in changes)


@lru_cache(maxsize=20_000)
def _count_to(rule: Recurrence, zone: ZoneInfo, year: int) -> int:
    """Return how many openings begin before a year, or enough to reach COUNT."""
    first, total = rule.dtstart.year, 0
    for each, named in zip(range(first, year), year_counts(rule, first), strict=False):
        total += named - (_named_before_start(rule) if each == first else 0)
        total += sum(_difference(rule, zone, change) for change in _changes(zone, each))
        if total >= (rule.count or 0):
            break
    return total


def _named_before_start(rule: Recurrence) -> int:
    """Return how many times of its first year a rule names that come before DTSTART."""
    start = rule.dtstart
    day = start.toordinal()
    to_day = count_on_days(rule, date(start.year, 1, 1).toordinal(), day)
    return to_day - sum(1 for _ in times(rule, start, datetime.combine(start, time.max)))


def _difference(rule: Recurrence, zone: ZoneInfo, change: ClockChange) -> int:
    """Return how many more openings begin at a change of clocks than the rule names times."""
    if rule.reading is Reading.NAMED and len(rule.clock) == 1 and change.high - change.low < _DAY:
        # The only time of a day begins one opening, moved or not.
        return 0
    named = list(times(rule, change.low, change.high))
    starts = {each.start for each in fired(named, _DAY, rule.reading, zone)}
    return len(starts) - len(named)


def _changes(zone: ZoneInfo, year: int) -> list[ClockChange]:
    """Return the changes that begin in a year as clocks show it, in order."""
    near = (change for each in (-1, 0, 1) for change in clock_changes(zone, year + each))
    return [change for change in near if change.low.year == year]
