"""The real clocks: the system's, which may be stepped, and the kernel's, which cannot."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.core.moment import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """Both clocks; a suspend counts in `uptime` (CLOCK_BOOTTIME), a step does not."""

    def __init__(self) -> None:
        """Read which boot this is."""
        self._boot_id = _BOOT_ID.read_text().strip()

    def __call__(self) -> Moment:
        """Return the present moment."""
        awake = time.clock_gettime(time.CLOCK_MONOTONIC)
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
        asleep = timedelta(seconds=uptime - awake)
        return Moment(self.wall(), self._boot_id, timedelta(seconds=uptime), asleep)

    @staticmethod
    def wall() -> datetime:
        """Return the system's clock alone, aware, in UTC."""
        return datetime.now(UTC)
