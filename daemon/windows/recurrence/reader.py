"""Read a recurrence rule: parsed, within its bounds, and one that fires. No file, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.windows.recurrence.expansion import first_time
from daemon.windows.recurrence.openings import openings
from daemon.windows.recurrence.parts import parse
from daemon.windows.recurrence.rule import Recurrence

_DAY = timedelta(days=1)


def read_rrule(rule: str, dtstart: datetime) -> Recurrence:
    """Parse a rule that begins at *dtstart* (local), and check that it fires at least once.

    Raises:
        ValueError: the text says which parts are wrong and what is allowed.

    """
    found = parse(rule, dtstart)
    first = first_time(found)
    if first is None or _is_over(found, first):
        raise ValueError("this rule never fires")
    return found


def _is_over(rule: Recurrence, first: datetime) -> bool:
    """Check whether an UNTIL in UTC is before the first time, whatever the zone."""
    if rule.until is None or rule.until.tzinfo is None:
        return False
    return first > rule.until.replace(tzinfo=None) + _DAY


def local_times(
    rule: Recurrence, zone: ZoneInfo, earliest: datetime, latest: datetime
) -> Iterator[datetime]:
    """Yield the local times of a rule in *zone*, *earliest* to *latest* inclusive.

    An UNTIL that is only a date includes the whole day.
    """
    for each in openings(rule, _DAY, zone, earliest, latest + 2 * _DAY):
        local = each.start.astimezone(zone).replace(tzinfo=None)
        if earliest <= local <= latest:
            yield local
