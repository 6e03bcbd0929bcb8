"""Repositories that windows name and that no list shows: what is wanted of them.

No clock, no file, no network, no log. A glob is matched over what there is, so that one that a
window names plainly, perhaps mistyped, is that window's alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from daemon.windows.timeline import Desired, Timeline


def plainly_wanted(
    timeline: Timeline, cluster: str, absent: Collection[str], wanted: Mapping[str, Desired]
) -> Mapping[str, Desired]:
    """Return *wanted*, but of the *absent* ids only what windows want that name them plainly."""
    concerned = [id_ for id_ in absent if id_ in wanted]
    if not concerned:
        return wanted
    found, plain = dict(wanted), _Plain(timeline, cluster)
    for id_ in concerned:
        desired = found.pop(id_)
        openings = tuple(o for o in desired.openings if id_ in plain.ids_of(o.window))
        if openings:
            windows = tuple(sorted({opening.window for opening in openings}))
            found[id_] = replace(desired, openings=openings, windows=windows)
    return found


class _Plain:
    """The ids that windows name plainly on one cluster."""

    def __init__(self, timeline: Timeline, cluster: str) -> None:
        self._timeline, self._cluster = timeline, cluster
        self._known: dict[str, frozenset[str]] = {}

    def ids_of(self, window: str) -> frozenset[str]:
        if window not in self._known:
            targets = self._timeline.windows[window].targets
            self._known[window] = frozenset(
                id_ for name, patterns in targets if name == self._cluster for id_ in patterns.plain
            )
        return self._known[window]
