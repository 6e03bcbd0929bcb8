"""Repositories that windows name and that no list shows: what is wanted of them.

No clock, no file, no network, no log. A glob is matched over what there is, so that one that a
window names plainly, perhaps mistyped, is that window's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from daemon.windows.timeline import Desired, Timeline
from daemon.windows.work import Steps, Work


def wanted_in_steps(
    timeline: Timeline, cluster: str, known: AbstractSet[str], now: datetime
) -> Steps[Mapping[str, Desired]]:
    """Return what is to be paused at *now*: of the *known* ids, and of those named plainly.

    Others may have their turn now and then.
    """
    absent = timeline.plain_ids(cluster) - known
    every = yield from timeline.desired_in_steps(cluster, known | absent, now)
    return (yield from plainly_wanted(timeline, cluster, absent, every))


def plainly_wanted(
    timeline: Timeline, cluster: str, absent: AbstractSet[str], wanted: Mapping[str, Desired]
) -> Steps[Mapping[str, Desired]]:
    """Return *wanted*, but of the *absent* ids only what windows want that name them plainly.

    Others may have their turn now and then.
    """
    if absent.isdisjoint(wanted):
        return wanted
    found, plain, work = dict(wanted), _Plain(timeline, cluster), Work()
    # Many have the same openings, and are named by the same of their windows.
    answers: dict[tuple[int, ...], Desired] = {}
    for id_ in absent & wanted.keys():
        desired = found.pop(id_)
        openings = tuple(o for o in desired.openings if id_ in plain.ids_of(o.window))
        if openings:
            # As objects, which *wanted* keeps: to hash an opening takes longer.
            key = id(desired), *map(id, openings)
            if key not in answers:
                windows = tuple(sorted({opening.window for opening in openings}))
                answers[key] = replace(desired, openings=openings, windows=windows)
            found[id_] = answers[key]
        work.add(1 + len(desired.openings))
        if work.is_much():
            yield
    return found


class _Plain:
    """The ids that windows name plainly on one cluster."""

    def __init__(self, timeline: Timeline, cluster: str) -> None:
        self._timeline, self._cluster = timeline, cluster
        self._known: dict[str, frozenset[str]] = {}

    def ids_of(self, window: str) -> frozenset[str]:
        if window not in self._known:
            mine = self._timeline.windows[window].patterns_for(self._cluster)
            self._known[window] = frozenset(id_ for patterns in mine for id_ in patterns.plain)
        return self._known[window]
