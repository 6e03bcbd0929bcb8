"""An instant on the wall clock and on a clock that is never stepped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant on both clocks: `wall` (UTC) may be stepped, `uptime` (CLOCK_BOOTTIME) may not.

    `uptime` values are comparable only within one `boot_id`; `asleep` is for how much of it the
    host was suspended.
    """

    wall: datetime
    boot_id: str
    uptime: timedelta
    asleep: timedelta = timedelta(0)
