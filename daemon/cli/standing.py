"""How things stand on a ledger, read without asking the daemon: `status` and `wait` look here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.cli.schedule import Schedule
from daemon.core.listing import Listing
from daemon.core.progress import Progress, progress, views
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.ledger.ledger import Ledger
from daemon.ledger.state import DaemonState
from daemon.windows.window import Opening


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of one moment; `progress` is by opening."""

    now: datetime
    planned: Schedule
    daemon: DaemonState
    records: list[Record]
    listings: Mapping[str, Listing]
    unreachable: list[Unreachable]
    progress: Mapping[str, Progress]

    def holding(self, window: str) -> list[Opening]:
        """Return the openings of a window that are open, or paused for, now; the last to end last.

        One that overlaps itself has several.
        """
        found = self.planned.timeline.windows.get(window)
        if found is None:
            return []
        last = self.now + found.pause_before + timedelta.resolution
        holding = [o for o in found.openings(self.now, last) if o.pause_from <= self.now]
        return sorted(holding, key=lambda opening: (opening.end, opening.start))


def read_standing(ledger: Ledger, planned: Schedule) -> Standing:
    """Return how things stand by what is *planned*. Raises LedgerError."""
    daemon = ledger.daemon()
    records, listings = ledger.records(), ledger.listings()
    # What it noted before it ended says nothing of today.
    unreachable = ledger.unreachable() if daemon.running else []
    now = datetime.now(UTC)
    windows = planned.timeline.windows.values()
    named = sorted({cluster for window in windows for cluster, _ in window.targets})
    known = views(named, records, listings, unreachable, is_attended=daemon.running)
    found = progress(planned.timeline, known, now)
    return Standing(now, planned, daemon, records, listings, unreachable, found)
