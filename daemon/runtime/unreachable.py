"""Keeps in the ledger which clusters do not answer, where `cbmaintd status` finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daemon.core.unreachable import Unreachable

SHOWN = 3
"""How many clusters one line names."""

Keep = Callable[[Mapping[str, Unreachable | None]], None]
"""Notes the clusters of clusters that changed, and with None those that are over."""


class UnreachableClusters:
    """Remembers what was kept last."""

    def __init__(self, keep: Keep) -> None:
        """Begin with nothing known."""
        self._keep = keep
        self._kept: dict[str, Unreachable | None] = {}

    def look(self, clusters: Mapping[str, Unreachable | None]) -> None:
        """Keep what is new in *clusters*; of a cluster that is not in it nothing is known."""
        gone = dict.fromkeys(self._kept.keys() - clusters.keys())
        news = {c: t for c, t in clusters.items() if c not in self._kept or self._kept[c] != t}
        if gone or news:
            self._keep(gone | news)
        self._kept = dict(clusters)

    def in_short(self) -> str:
        """Name them in a few words, the longest first; empty if there are none."""
        found = sorted(filter(None, self._kept.values()), key=lambda each: each.since)
        named = [f"{each.cluster} UNREACHABLE ({each.error})" for each in found[:SHOWN]]
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return ", ".join(named + more)
