"""Openings as silences of an Alertmanager: wanted with their ends, until they are over; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from daemon.notify.notices import SILENCE_OVER, SILENCE_WANTED, SILENCES_KNOWN, Notice
from daemon.windows.window import Opening, window_of


class Silences:
    """What one target was told to silence; not safe for two threads at once."""

    def __init__(self) -> None:
        """Begin with nothing told: an earlier daemon may have told something."""
        self._ends: dict[str, datetime] | None = None

    def follow(self, openings: Iterable[Opening], now: datetime) -> list[Notice]:
        """Return notices of the *openings* that began, got another end or are over.

        The first one names all that are open: what an earlier daemon silenced beside them is over.
        """
        found = {opening.id: opening for opening in openings}
        said: list[Notice] = []
        if self._ends is None:
            said.append(Notice(SILENCES_KNOWN, "info", now, {"openings": sorted(found)}))
        known = self._ends or {}
        said += [_over(id_, now) for id_ in sorted(known.keys() - found.keys())]
        for id_, opening in found.items():
            if known.get(id_) != opening.end:
                keys = {
                    "window": opening.window,
                    "opening": id_,
                    "start": opening.start,
                    "end": opening.end,
                }
                said.append(Notice(SILENCE_WANTED, "info", now, keys))
        self._ends = {id_: opening.end for id_, opening in found.items()}
        return said

    def give_up(self, now: datetime) -> list[Notice]:
        """Return notices that all of them are over: the target is not in the file any more."""
        known, self._ends = self._ends or {}, {}
        return [_over(id_, now) for id_ in sorted(known)]


def _over(opening: str, now: datetime) -> Notice:
    keys = {"window": window_of(opening), "opening": opening}
    return Notice(SILENCE_OVER, "info", now, keys)
