"""How a ledger writes until when a call is suspected: by this host's clock, or by a database's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from daemon.core.moment import Moment
from daemon.core.record import Suspicion


class SuspicionFormat(Protocol):
    """Writes suspicions as text, and reads them."""

    def write(self, suspicion: Suspicion) -> str:
        """Write one."""

    def read(self, text: str) -> Suspicion:
        """Read one that `write` wrote. Raises ValueError."""


class _BootFormat:
    """Writes `boot:until:span` in seconds: for those who read it on the same host."""

    def write(self, suspicion: Suspicion) -> str:
        until, span = suspicion.until.total_seconds(), suspicion.span.total_seconds()
        return f"{suspicion.boot_id}:{until}:{span}"

    def read(self, text: str) -> Suspicion:
        boot_id, until, span = text.split(":")
        return Suspicion(boot_id, timedelta(seconds=float(until)), timedelta(seconds=float(span)))


BOOT_FORMAT: SuspicionFormat = _BootFormat()


@dataclass(frozen=True, slots=True)
class DatabaseFormat:
    """Writes `instant span` on the database's clock: boots and uptimes of others mean nothing here.

    The database said *now* between the moments *before* and *after* of this host; each is used so
    that a suspicion only ever grows by how long that took.
    """

    now: datetime
    before: Moment
    after: Moment

    def write(self, suspicion: Suspicion) -> str:
        """Write it; one of another boot of this host has been settled by the reader."""
        left = suspicion.until - self.before.uptime
        if suspicion.boot_id != self.before.boot_id:
            left = suspicion.span - self.before.uptime
        return f"{(self.now + left).astimezone(UTC).isoformat()} {suspicion.span.total_seconds()}"

    def read(self, text: str) -> Suspicion:
        """Turn it back into this boot's uptime. Raises ValueError."""
        instant, _, span = text.partition(" ")
        left = datetime.fromisoformat(instant) - self.now
        until = self.after.uptime + left
        return Suspicion(self.after.boot_id, until, timedelta(seconds=float(span)))
