"""Which clusters do not respond, as the ledger is told for `cbmaintd status`."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.core.unreachable import Unreachable

SHOWN = 3
"""How many clusters one line names."""


class UnreachableClusters:
    """Compares clusters with what was noted last."""

    def __init__(self) -> None:
        """Begin with nothing noted; `in_short` names those that were, the longest first."""
        self._noted: dict[str, Unreachable | None] = {}
        self.in_short = ""

    def changes(self, clusters: Mapping[str, Unreachable | None]) -> dict[str, Unreachable | None]:
        """Return what has changed in *clusters*; one that is missing from it is no longer ours."""
        gone = dict.fromkeys(self._noted.keys() - clusters.keys())
        news = {c: t for c, t in clusters.items() if c not in self._noted or self._noted[c] != t}
        self._noted = dict(clusters)
        self.in_short = self._shortened()
        return gone | news

    def _shortened(self) -> str:
        found = sorted(filter(None, self._noted.values()), key=lambda each: each.since)
        named = [f"{each.cluster} UNREACHABLE ({each.error})" for each in found[:SHOWN]]
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return ", ".join(named + more)
