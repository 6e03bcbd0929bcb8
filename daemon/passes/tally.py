"""How far openings come on one cluster: noted for the history, where it changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daemon.core.decide import Leave
from daemon.core.listing import Listing
from daemon.core.progress import ClusterView, Progress, progress_in_steps
from daemon.core.record import Record
from daemon.core.summary import MOST_MISSED, MissedRun, ProgressNote
from daemon.core.unreachable import Unreachable
from daemon.host.event_loop import in_turns
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening, start_of, window_of

REMEMBERED = timedelta(minutes=10)
"""How long after its end the notes about an opening are at hand; the ledger has them longer."""


@dataclass(slots=True)
class _Resumes:
    """What was resumed since the last note about an opening, the last of it at `at`.

    The opening ended at `end` or before.
    """

    end: datetime
    at: datetime
    count: int
    missed: list[MissedRun]
    missed_total: int


class Tally:
    """The notes about the openings of one cluster."""

    def __init__(self, cluster: str, holdings: Holdings) -> None:
        """Begin with none; *holdings* takes them to the ledger."""
        self._cluster = cluster
        self._holdings = holdings
        self._notes: dict[str, list[ProgressNote]] = {}
        self._holding: frozenset[str] = frozenset()
        self._resumes: dict[str, _Resumes] = {}

    def view(self, unreachable: Unreachable | None) -> ClusterView:
        """Return what is known of the cluster."""
        return ClusterView(self._cluster, self._holdings.listing, self._holdings.by_id, unreachable)

    def notes(self, opening: str) -> tuple[ProgressNote, ...]:
        """Return the notes about an opening, as far as they are remembered, the oldest first.

        What was resumed in a pass that still runs is in the last one.
        """
        notes = tuple(self._notes.get(opening, ()))
        resumes = self._resumes.get(opening)
        return (*notes, self._resume_note(opening, resumes)) if resumes else notes

    def is_settled(self, opening: str) -> bool:
        """Check whether all that was resumed after an opening is in its notes."""
        return opening not in self._resumes

    def looked(
        self, ids: frozenset[str], decisions: Iterable[Decided], timeline: Timeline, now: datetime
    ) -> None:
        """Note what a list showed, and what was decided by it to leave alone."""
        holding = timeline.holding_ids(self._cluster, now)
        left = {
            decided.record.key.id: decided.decision.reason
            for decided in decisions
            if holding and decided.desired and isinstance(decided.decision, Leave)
        }
        self._holdings.show(self._cluster, Listing(ids, holding, left))

    def resumed(self, record: Record, now: datetime) -> None:
        """Note that a repository is active again, for all openings that it was held for."""
        missed = record.missed(now)
        for opening in record.openings:
            end = min(record.until or now, now)
            resumes = self._resumes.setdefault(opening, _Resumes(end, now, 0, [], 0))
            resumes.at = now
            resumes.count += 1
            resumes.missed_total += len(missed)
            room = MOST_MISSED - len(resumes.missed)
            resumes.missed += [
                MissedRun(self._cluster, record.key.id, run) for run in missed[: max(room, 0)]
            ]

    def is_news(self, timeline: Timeline, now: datetime) -> bool:
        """Check whether an opening began or ended of which there is no note yet."""
        holding = timeline.holding_ids(self._cluster, now)
        return not (holding <= self._notes.keys() and self._holding <= holding)

    async def follow(
        self, timeline: Timeline, unreachable: Unreachable | None, now: datetime, *, is_kept: bool
    ) -> None:
        """Note what has changed for the openings; for the ledger, too, if it *is_kept*."""
        before = {id_: len(notes) for id_, notes in self._notes.items()}
        openings = timeline.holding(self._cluster, now)
        found = await in_turns(progress_in_steps(timeline, self.view(unreachable), now))
        for opening in openings:
            self._advance(opening, found[opening.id], now)
        holding = timeline.holding_ids(self._cluster, now)
        for id_ in sorted(self._holding - holding):
            self._close(id_, now)
        self._holding = holding
        for id_, resumes in self._resumes.items():
            self._notes.setdefault(id_, []).append(self._resume_note(id_, resumes))
        self._resumes.clear()
        if is_kept:
            for id_, notes in self._notes.items():
                for note in notes[before.get(id_, 0) :]:
                    self._holdings.add_note(note)
        self._forget(now)

    def _advance(self, opening: Opening, found: Progress, now: datetime) -> None:
        note = ProgressNote(
            self._cluster,
            opening.window,
            opening.start,
            opening.end,
            now,
            found.wanted,
            found.paused,
            found.elsewhere,
            is_listed=not found.unlisted,
        )
        notes = self._notes.setdefault(opening.id, [])
        if not notes or _state(notes[-1]) != _state(note):
            notes.append(note)

    def _close(self, opening: str, now: datetime) -> None:
        """Note when it really ended: a person, or an edit, may have moved that."""
        last = self._notes[opening][-1]
        if last.end > now:
            self._notes[opening].append(_later(last, now, end=now))

    def _resume_note(self, opening: str, resumes: _Resumes) -> ProgressNote:
        if notes := self._notes.get(opening):
            note = _later(notes[-1], resumes.at)
        else:
            # Held by an earlier process, in a ledger that has what came before.
            note = ProgressNote(
                self._cluster,
                window_of(opening),
                start_of(opening),
                resumes.end,
                resumes.at,
                wanted=0,
                paused=0,
                elsewhere=0,
                is_listed=True,
            )
        return replace(
            note,
            resumed=resumes.count,
            missed=tuple(resumes.missed),
            missed_total=resumes.missed_total,
        )

    def _forget(self, now: datetime) -> None:
        old = [
            id_
            for id_, notes in self._notes.items()
            if id_ not in self._holding and abs(now - max(notes[-1].at, notes[-1].end)) > REMEMBERED
        ]
        for id_ in old:
            del self._notes[id_]


def _later(note: ProgressNote, now: datetime, end: datetime | None = None) -> ProgressNote:
    """Return a note with the counts of *note*, in which nothing was resumed yet."""
    return replace(note, at=now, end=end or note.end, resumed=0, missed=(), missed_total=0)


def _state(note: ProgressNote) -> tuple[object, ...]:
    return note.end, note.wanted, note.paused, note.elsewhere, note.is_listed
