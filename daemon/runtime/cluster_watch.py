"""Watching the clusters: which do not respond, and whose certificate ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from daemon.core.unreachable import Unreachable
from daemon.fleet.lanes import Lanes
from daemon.log.interface import Log
from daemon.runtime.certificates import CertificateWatch
from daemon.runtime.unreachable import UnreachableClusters

Note = Callable[[Mapping[str, Unreachable | None]], None]


class ClusterWatch:
    """Looks through all lanes only if a pass was made: thousands of idle ones cost nothing."""

    def __init__(self, lanes: Lanes, log: Log, note: Note) -> None:
        """Pass on to *note* which clusters stop responding, and which do again."""
        self.unreachable = UnreachableClusters()
        self._certificates = CertificateWatch(log)
        self._lanes = lanes
        self._note = note

    def look(self, now: datetime) -> None:
        """Notice what has changed since the last look."""
        has_changed = self._lanes.settle()
        if has_changed and (changes := self.unreachable.changes(self._lanes.unreachable())):
            self._note(changes)
        if has_changed or self._certificates.is_due(now):
            self._certificates.look(self._lanes.certificates(), now)
