"""Which clusters do not answer, noted in the ledger for `cbmaintd status`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daemon.core.unreachable import Unreachable

SHOWN = 3
"""How many clusters one line names."""

Note = Callable[[Mapping[str, Unreachable | None]], None]
"""Notes which clusters do not answer; None: one answers again."""


class UnreachableClusters:
    """Compares clusters with what was noted last."""

    def __init__(self, note: Note) -> None:
        """Begin with nothing noted."""
        self._note = note
        self._noted: dict[str, Unreachable | None] = {}

    def look(self, clusters: Mapping[str, Unreachable | None]) -> None:
        """Note what changed in *clusters*; one that is missing from it is no longer ours."""
        gone = dict.fromkeys(self._noted.keys() - clusters.keys())
        news = {c: t for c, t in clusters.items() if c not in self._noted or self._noted[c] != t}
        if gone or news:
            self._note(gone | news)
        self._noted = dict(clusters)

    def in_short(self) -> str:
        """Return the clusters that do not answer, the longest first; empty if all do."""
        found = sorted(filter(None, self._noted.values()), key=lambda each: each.since)
        named = [f"{each.cluster} UNREACHABLE ({each.error})" for each in found[:SHOWN]]
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return ", ".join(named + more)
