"""A recurrence rule (RFC 5545, 3.3.10) as a value, with what it takes from its DTSTART filled in.

No file, no clock, no log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from daemon.windows.wallclock import Reading


class Frequency(StrEnum):
    """FREQ: the period that a rule repeats by. MINUTELY and SECONDLY are too fine."""

    YEARLY = "YEARLY"
    MONTHLY = "MONTHLY"
    WEEKLY = "WEEKLY"
    DAILY = "DAILY"
    HOURLY = "HOURLY"


@dataclass(frozen=True, slots=True, eq=False)
class Recurrence:
    """A rule that is valid; days of the week count from Monday, 0.

    A day fires if it is in every set that is not empty; `weekdays` and `nth_weekdays` (which of
    them, and the weekday) are one set. `clock` are its times of day, in order; with HOURLY those of
    every hour, of which `interval` then leaves some. `positions` are left to choose among the times
    of a week, month or year. `most_a_day` is how often it fires on a day, at most. `until` is an
    instant, or the last local time.
    """

    dtstart: datetime
    frequency: Frequency
    interval: int
    count: int | None
    until: datetime | None
    week_start: int
    months: frozenset[int]
    week_numbers: frozenset[int]
    year_days: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    clock: tuple[time, ...]
    positions: frozenset[int]
    most_a_day: int
    reading: Reading

    @property
    def counts_in_year(self) -> bool:
        """Whether the numbers of BYDAY count within the year, not within the month."""
        return self.frequency is Frequency.YEARLY and not self.months
