"""Compute the local times of cron expressions.

No file, no clock, no log. The library is used in local time without a zone; `interval` finds the
instants. No other module imports it.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import lru_cache

from cronsim import CronSim, CronSimError

from daemon.windows.cron_faults import explain
from daemon.windows.wallclock import EARLIEST, Reading

_CRON_FIELDS = 5


def check_cron(expression: str) -> None:
    """Raise ValueError for what crontab(5) does not allow, and for what never fires."""
    if len(expression.split()) != _CRON_FIELDS:
        raise ValueError(
            "a cron expression has five fields: minute, hour, day of month, month, day of week;"
            " there are no seconds and no @ names"
        )
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001  # a local time
    except StopIteration as exc:
        raise ValueError("this cron expression never fires") from exc
    except (CronSimError, ValueError) as exc:
        wrong = str(exc).removeprefix("Bad ") if isinstance(exc, CronSimError) else "a number"
        raise ValueError(
            explain(expression)
            or f"{wrong} of this cron expression is not as in crontab(5), or never comes"
        ) from exc


def cron_reading(expression: str) -> Reading:
    """Return which instants the times of a cron expression refer to."""
    minute, hour = expression.split()[:2]
    if hour.startswith("*"):
        return Reading.REAL
    return Reading.EVERY if minute.startswith("*") else Reading.NAMED


def cron_times(expression: str, earliest: datetime, latest: datetime) -> Iterator[datetime]:
    """Yield the local times of a cron expression after *earliest*, up to *latest*."""
    # The library matches days; its own walk tries each hour, and takes five times as long.
    cron = _cron(expression)
    times = [time(hour, minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    for day in cron_days(cron, earliest.date(), latest.date()):
        found = (datetime.combine(day, at) for at in times)
        yield from (at for at in found if earliest < at <= latest)


@lru_cache(maxsize=1024)
def _cron(expression: str) -> CronSim:
    """Return a parsed expression, of which only the sets and `match_day` may be used."""
    return CronSim(expression, EARLIEST)


def cron_days(cron: CronSim, first: date, last: date) -> Iterator[date]:
    """Yield the days from *first* to *last* on which *cron* fires.

    Only those are tried that its months and, if a weekday does not do, its days of the month allow.
    """
    numbers = _days_of_month(cron)
    for year in range(first.year, last.year + 1):
        for month in sorted(cron.months):
            begin = max(date(year, month, 1), first)
            end = min(date(year, month, monthrange(year, month)[1]), last)
            # Before the first or after the last month, the end is before the beginning.
            for number in range(begin.day, end.day + 1) if begin <= end else ():
                if number in numbers and cron.match_day(begin.replace(day=number)):
                    yield begin.replace(day=number)


def _days_of_month(cron: CronSim) -> set[int]:
    """Return the days of the month on which *cron* may fire."""
    if not cron.day_and:
        return set(range(1, 32))
    latest = {CronSim.LAST: range(28, 32), CronSim.LAST_WEEKDAY: range(26, 32)}
    return {day for number in cron.days for day in latest.get(number, (number,))}


def cron_times_a_day(expression: str) -> int:
    """Return how often a cron expression fires on one day, at most."""
    cron = _cron(expression)
    return len(cron.hours) * len(cron.minutes)


def means_either_day(expression: str) -> bool:
    """Check whether a cron expression fires on a day of the month or a weekday, whichever it is."""
    _, _, day, _, weekday = expression.split()
    return not (day.startswith("*") or weekday.startswith("*"))
