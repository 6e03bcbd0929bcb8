"""Compute the local times of cron expressions.

No file, no clock, no log. The library is used in local time without a zone; `interval` finds the
instants. No other module imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from cronsim import CronSim, CronSimError

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
            f"{wrong} of this cron expression is not as in crontab(5), or never comes"
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
    cron = CronSim(expression, earliest)
    times = [time(hour, minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]
    for number in range((latest.date() - earliest.date()).days + 1):
        day = earliest.date() + timedelta(days=number)
        if day.month in cron.months and cron.match_day(day):
            found = (datetime.combine(day, at) for at in times)
            yield from (at for at in found if earliest < at <= latest)


def cron_times_a_day(expression: str) -> int:
    """Return how often a cron expression fires on one day, at most."""
    cron = CronSim(expression, EARLIEST)
    return len(cron.hours) * len(cron.minutes)


def means_either_day(expression: str) -> bool:
    """Check whether a cron expression fires on a day of the month or a weekday, whichever it is."""
    _, _, day, _, weekday = expression.split()
    return not (day.startswith("*") or weekday.startswith("*"))
