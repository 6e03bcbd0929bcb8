"""How a ledger stores the end of a suspicion: by this host's clock, or by the database's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from daemon.core.moment import Moment
from daemon.core.record import Suspicion


class SuspicionFormat(Protocol):
    """Turns suspicions into text and back."""

    def write(self, suspicion: Suspicion) -> str:
        """Return *suspicion* as text."""

    def read(self, text: str) -> Suspicion:
        """Parse what `write` returned. Raises ValueError."""


class _BootFormat:
    """`boot:until:span` in seconds, which only the same host can read."""

    def write(self, suspicion: Suspicion) -> str:
        until, span = suspicion.until.total_seconds(), suspicion.span.total_seconds()
        return f"{suspicion.boot_id}:{until}:{span}"

    def read(self, text: str) -> Suspicion:
        boot_id, until, span = text.split(":")
        return Suspicion(boot_id, timedelta(seconds=float(until)), timedelta(seconds=float(span)))


BOOT_FORMAT: SuspicionFormat = _BootFormat()


@dataclass(frozen=True, slots=True)
class DatabaseFormat:
    """`instant span` by the database's clock, since other hosts know nothing of our uptime.

    The database's clock showed *now* between the moments *before* and *after* of this host. Each
    is used so that the time the answer took can only lengthen a suspicion.
    """

    now: datetime
    before: Moment
    after: Moment

    def write(self, suspicion: Suspicion) -> str:
        """Return it as text; one of an earlier boot ends when this boot has lasted its span."""
        left = suspicion.until - self.before.uptime
        if suspicion.boot_id != self.before.boot_id:
            left = suspicion.span - self.before.uptime
        return f"{(self.now + left).astimezone(UTC).isoformat()} {suspicion.span.total_seconds()}"

    def read(self, text: str) -> Suspicion:
        """Return the suspicion in this boot's uptime. Raises ValueError."""
        instant, _, span = text.partition(" ")
        left = datetime.fromisoformat(instant) - self.now
        until = self.after.uptime + left
        return Suspicion(self.after.boot_id, until, timedelta(seconds=float(span)))
