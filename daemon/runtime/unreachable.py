"""Keeps in the ledger which clusters do not answer, where `cbmaintd status` finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daemon.ledger.state import Trouble

SHOWN = 3
"""How many clusters one line names."""

Keep = Callable[[Mapping[str, Trouble | None]], None]
"""Notes the troubles of clusters that changed, and with None those that are over."""


class TroubleWatch:
    """Remembers what was kept last."""

    def __init__(self, keep: Keep) -> None:
        """Begin with nothing known."""
        self._keep = keep
        self._kept: dict[str, Trouble | None] = {}

    def look(self, troubles: Mapping[str, Trouble | None]) -> None:
        """Keep what is new in *troubles*; of a cluster that is not in it nothing is known."""
        gone = dict.fromkeys(self._kept.keys() - troubles.keys())
        news = {c: t for c, t in troubles.items() if c not in self._kept or self._kept[c] != t}
        if gone or news:
            self._keep(gone | news)
        self._kept = dict(troubles)

    def in_short(self) -> str:
        """Name them in a few words, the longest first; empty if there are none."""
        found = sorted(filter(None, self._kept.values()), key=lambda trouble: trouble.since)
        named = [f"{trouble.cluster} UNREACHABLE ({trouble.error})" for trouble in found[:SHOWN]]
        more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return ", ".join(named + more)
