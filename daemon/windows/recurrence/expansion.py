"""Follow a recurrence rule: on which days it fires, and at which local times.

No file, no clock, no log:

1. Every day and every hour lies in one period of the rule, which counts from DTSTART's own.
2. A day fires if its period is one of the rule's and it is in all sets of days that the rule has.
   So one day is looked at like any other, and nothing depends on where one begins.
3. BYSETPOS chooses among the times of a whole period, also of the one that DTSTART cuts.
4. Then only is left out what comes before DTSTART.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import groupby

from daemon.windows.recurrence.rule import Frequency, Recurrence

_YEARS_FOLLOWED = 400
"""The calendar repeats after as many: a rule that fires in none of them never does."""

_LAST_DAY = date.max.toordinal()
_LONGEST_MONTH = 31

Clock = tuple[time, ...]


def times(rule: Recurrence, earliest: datetime, latest: datetime) -> Iterator[datetime]:
    """Yield the local times of a rule from *earliest* to *latest* inclusive, DTSTART's on.

    Its COUNT and an UNTIL that is an instant are left to the caller.
    """
    earliest = max(earliest, rule.dtstart)
    if rule.until and rule.until.tzinfo is None:
        latest = min(latest, rule.until)
    for day, clock in _firing(rule, earliest.toordinal(), latest.toordinal()):
        on = date.fromordinal(day)
        yield from (
            at for at in (datetime.combine(on, each) for each in clock) if earliest <= at <= latest
        )


def first_time(rule: Recurrence) -> datetime | None:
    """Return the first local time of a rule; None if there is none in 400 years."""
    year = rule.dtstart.year
    last = min(year + _YEARS_FOLLOWED, date.max.year - 1)
    if found := next(times(rule, rule.dtstart, datetime(year, 12, 31, 23, 59, 59)), None):  # noqa: DTZ001  # local
        return found
    counts = year_counts(rule, year + 1)
    for each in range(year + 1, last + 1):
        if next(counts):
            return next(times(rule, datetime(each, 1, 1), datetime(each, 12, 31, 23, 59, 59)), None)  # noqa: DTZ001  # local
    return None


def count_on_days(rule: Recurrence, first: int, last: int) -> int:
    """Return how many local times a rule has on some days, those before DTSTART too."""
    return sum(len(clock) for _, clock in _firing(rule, first, last))


def year_counts(rule: Recurrence, year: int) -> Iterator[int]:
    """Yield how many local times a rule has in *year* and each one after it, as `count_on_days`.

    Two years in which the same weekdays are as far from DTSTART's period have the same ones, so
    that few of them are followed.
    """
    known: dict[tuple[int, ...], int] = {}
    while True:
        first = date(year, 1, 1).toordinal()
        kind = (*_kind(rule, year), _phase(rule, year, first))
        if kind not in known:
            known[kind] = count_on_days(rule, first, date(year, 12, 31).toordinal())
        yield known[kind]
        year += 1


def _kind(rule: Recurrence, year: int) -> tuple[int, ...]:
    """Return what the weekdays and the numbers of all days and weeks of a year depend on."""
    kind = date(year, 1, 1).weekday(), isleap(year)
    # Its first and last days may be in weeks of the years beside it.
    return (*kind, isleap(year - 1), isleap(year + 1)) if rule.week_numbers else kind


def _phase(rule: Recurrence, year: int, first: int) -> int:
    """Return where in the interval of a rule a year begins."""
    match rule.frequency:
        case Frequency.YEARLY:
            begin = year - rule.dtstart.year
        case Frequency.MONTHLY:
            begin = _month(year, 1) - _month(rule.dtstart.year, rule.dtstart.month)
        case Frequency.WEEKLY:
            begin = _week(rule, first) - _week(rule, rule.dtstart.toordinal())
        case Frequency.DAILY:
            begin = first - rule.dtstart.toordinal()
        case Frequency.HOURLY:
            begin = 24 * first - _hour(rule)
    return begin % rule.interval


def _month(year: int, month: int) -> int:
    return 12 * year + month


def _week(rule: Recurrence, day: int) -> int:
    return (day - 1 - rule.week_start) // 7


def _hour(rule: Recurrence) -> int:
    return 24 * rule.dtstart.toordinal() + rule.dtstart.hour


def _firing(rule: Recurrence, first: int, last: int) -> Iterator[tuple[int, Clock]]:
    """Yield the days from *first* to *last* on which a rule fires, with the times of each."""
    if rule.positions:
        for day, clock in _chosen(rule, *_whole_periods(rule, first, last)):
            if first <= day <= last:
                yield day, clock
    elif rule.frequency is Frequency.HOURLY and rule.interval > 1:
        yield from _by_hours(rule, first, last)
    else:
        for day in _days(rule, first, last):
            yield day, rule.clock


def _by_hours(rule: Recurrence, first: int, last: int) -> Iterator[tuple[int, Clock]]:
    """Yield the days of an hourly rule with the times of those hours that are its own."""
    known: dict[int, Clock] = {}
    begin = _hour(rule)
    for day in _days(rule, first, last):
        phase = (begin - 24 * day) % rule.interval
        if phase not in known:
            hours = range(phase, 24, rule.interval)
            known[phase] = tuple(at for at in rule.clock if at.hour in hours) if hours else ()
        if clock := known[phase]:
            yield day, clock


def _whole_periods(rule: Recurrence, first: int, last: int) -> tuple[int, int]:
    """Return the first and the last day of the periods in which *first* and *last* are."""
    begin, end = date.fromordinal(first), date.fromordinal(last)
    match rule.frequency:
        case Frequency.YEARLY:
            begin, end = begin.replace(month=1, day=1), end.replace(month=12, day=31)
        case Frequency.MONTHLY:
            begin = begin.replace(day=1)
            end = end.replace(day=monthrange(end.year, end.month)[1])
        case _:
            week = _week(rule, first), _week(rule, last)
            return max(7 * week[0] + 1 + rule.week_start, 1), min(
                7 * week[1] + 7 + rule.week_start, _LAST_DAY
            )
    return begin.toordinal(), end.toordinal()


def _chosen(rule: Recurrence, first: int, last: int) -> Iterator[tuple[int, Clock]]:
    """Yield what BYSETPOS leaves of the periods from *first* to *last*."""
    size = len(rule.clock)
    for _, each in groupby(_days(rule, first, last), key=lambda day: _period(rule, day)):
        days = list(each)
        total = len(days) * size
        found = {n - 1 if n > 0 else total + n for n in rule.positions if abs(n) <= total}
        for index, chosen in groupby(sorted(found), key=lambda place: place // size):
            yield days[index], tuple(rule.clock[place % size] for place in chosen)


def _period(rule: Recurrence, day: int) -> int:
    if rule.frequency is Frequency.WEEKLY:
        return _week(rule, day)
    on = date.fromordinal(day)
    return on.year if rule.frequency is Frequency.YEARLY else _month(on.year, on.month)


def _days(rule: Recurrence, first: int, last: int) -> Iterator[int]:
    """Yield the days from *first* to *last* of a rule's own periods that are in all its sets."""
    for year, month in _months(rule, date.fromordinal(first), date.fromordinal(last)):
        found = _in_month(rule, year, month)
        if rule.interval > 1 and rule.frequency in {Frequency.DAILY, Frequency.WEEKLY}:
            found = [day for day in found if _is_own(rule, day)]
        if found and not first <= found[0] <= found[-1] <= last:
            found = [day for day in found if first <= day <= last]
        yield from found


def _is_own(rule: Recurrence, day: int) -> bool:
    begin = rule.dtstart.toordinal()
    if rule.frequency is Frequency.DAILY:
        return (day - begin) % rule.interval == 0
    return (_week(rule, day) - _week(rule, begin)) % rule.interval == 0


def _months(rule: Recurrence, first: date, last: date) -> Iterator[tuple[int, int]]:
    """Yield the months from *first* to *last* in which days of a rule may be."""
    if rule.frequency is Frequency.MONTHLY:
        begin, end = _month(first.year, first.month), _month(last.year, last.month)
        begin += (_month(rule.dtstart.year, rule.dtstart.month) - begin) % rule.interval
        for number in range(begin, end + 1, rule.interval):
            year, month = divmod(number - 1, 12)
            if not rule.months or month + 1 in rule.months:
                yield year, month + 1
        return
    if (period := _days_of_step(rule)) > _LONGEST_MONTH:
        yield from _months_of_own(rule, first, last, period)
        return
    step = rule.interval if rule.frequency is Frequency.YEARLY else 1
    begin = first.year + (rule.dtstart.year - first.year) % step
    for year in range(begin, last.year + 1, step):
        for month in sorted(rule.months) or range(1, 13):
            if (first.year, first.month) <= (year, month) <= (last.year, last.month):
                yield year, month


def _days_of_step(rule: Recurrence) -> int:
    """Return how many days a rule goes on at once; 0 for one that counts months or years."""
    match rule.frequency:
        case Frequency.WEEKLY:
            return 7 * rule.interval
        case Frequency.DAILY:
            return rule.interval
        case Frequency.HOURLY:
            return rule.interval // 24
        case _:
            return 0


def _months_of_own(
    rule: Recurrence, first: date, last: date, step: int
) -> Iterator[tuple[int, int]]:
    """Yield the months from *first* to *last* that have days of a rule's own periods.

    Between two of them, *step* days apart, there may be centuries that need no look.
    """
    is_hourly, length = rule.frequency is Frequency.HOURLY, 1
    own, hours = (
        (_hour(rule), rule.interval) if is_hourly else (24 * rule.dtstart.toordinal(), 24 * step)
    )
    if rule.frequency is Frequency.WEEKLY:
        own, length = 24 * (7 * _week(rule, rule.dtstart.toordinal()) + 1 + rule.week_start), 7
    begin, end = first.toordinal(), last.toordinal()
    before = None
    for at in range(
        own + -((own - 24 * (begin - length + 1)) // hours) * hours, 24 * end + 24, hours
    ):
        day = at // 24
        for each in (max(day, begin), min(day + length - 1, end)):
            on = date.fromordinal(each)
            if (on.year, on.month) != before and (not rule.months or on.month in rule.months):
                yield on.year, on.month
            before = on.year, on.month


def _in_month(rule: Recurrence, year: int, month: int) -> list[int]:
    """Return the days of a month, as ordinals, that are in all sets of days of a rule."""
    weekday, length = monthrange(year, month)
    before = date(year, month, 1).toordinal() - 1
    days = list(range(1, length + 1))
    if rule.month_days:
        named = {n if n > 0 else length + 1 + n for n in rule.month_days}
        days = [day for day in days if day in named]
    if rule.weekdays or rule.nth_weekdays:
        nth = _nth_weekdays(rule, year, before, length)
        weekdays = rule.weekdays
        days = [
            day
            for day in days
            if (weekday + day - 1) % 7 in weekdays or (nth and before + day in nth)
        ]
    if rule.year_days:
        start, size = date(year, 1, 1).toordinal() - 1, 365 + isleap(year)
        named = {n if n > 0 else size + 1 + n for n in rule.year_days}
        days = [day for day in days if before + day - start in named]
    if rule.week_numbers:
        days = [day for day in days if _is_in_weeks(rule, year, before + day)]
    return [before + day for day in days]


def _nth_weekdays(rule: Recurrence, year: int, before: int, length: int) -> set[int]:
    """Return the days that BYDAY numbers within the month, or within its year."""
    if rule.counts_in_year:
        before, length = date(year, 1, 1).toordinal() - 1, 365 + isleap(year)
    found = set()
    for n, weekday in rule.nth_weekdays:
        if n > 0:
            day = 1 + (weekday - before) % 7 + 7 * (n - 1)
        else:
            day = length - (before + length - 1 - weekday) % 7 + 7 * (n + 1)
        if 1 <= day <= length:
            found.add(before + day)
    return found


def _is_in_weeks(rule: Recurrence, year: int, day: int) -> bool:
    """Check whether a day is in one of the weeks of BYWEEKNO, from the start or from the end.

    As in ISO 8601, a week belongs to the year in which its fourth day is.
    """
    start = date(year, 1, 1).toordinal()
    fourth = 7 * _week(rule, day) + 1 + rule.week_start + 3 - start
    size = 365 + isleap(year)
    if fourth < 0:
        size = 365 + isleap(year - 1)
        fourth += size
    elif fourth >= size:
        fourth -= size
        size = 365 + isleap(year + 1)
    number = fourth // 7 + 1
    from_end = -((size - 1 - fourth) // 7 + 1)
    return number in rule.week_numbers or from_end in rule.week_numbers
