"""Keeps in the ledger which clusters do not answer, where `cbmaintd status` finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daemon.daemon_state import Trouble

SHOWN = 3
"""How many clusters one line names."""

Keep = Callable[[str, Trouble | None], None]
"""Notes a cluster's trouble, or with None that it is over."""


class TroubleWatch:
    """Remembers what was kept last."""

    def __init__(self, keep: Keep) -> None:
        """Begin with no trouble kept."""
        self._keep = keep
        self._kept: dict[str, Trouble] = {}

    def look(self, troubles: Mapping[str, Trouble | None]) -> None:
        """Keep what is new in *troubles*; a cluster that is not in it has none."""
        now = {cluster: trouble for cluster, trouble in troubles.items() if trouble}
        for cluster in self._kept.keys() - now.keys():
            self._keep(cluster, None)
        for cluster, trouble in now.items():
            if self._kept.get(cluster) != trouble:
                self._keep(cluster, trouble)
        self._kept = now

    def in_short(self) -> str:
        """Name them in a few words, the longest first; empty if there are none."""
        found = sorted(self._kept.values(), key=lambda trouble: trouble.since)
        named = [f"{trouble.cluster} UNREACHABLE ({trouble.error})" for trouble in found[:SHOWN]]
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return ", ".join(named + more)
