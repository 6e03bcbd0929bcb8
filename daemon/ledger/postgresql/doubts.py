"""What a transaction may have written although nobody heard of it.

Records replace each other. Of attempts and notes, which are appended, those that a failed
transaction may have written are looked for before they are written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.core.summary import News, ProgressNote
from daemon.ledger import rows, tables
from daemon.ledger.changes import Change

_ATTEMPT = tables.attempt.c
_NOTE = tables.progress.c
_SENT = sa.select(
    _ATTEMPT.cluster, _ATTEMPT.repository, _ATTEMPT.action, _ATTEMPT.started, _ATTEMPT.attempt
)
_NOTED = sa.select(_NOTE.cluster, _NOTE.window, _NOTE.start, _NOTE.at, _NOTE.paused, _NOTE.resumed)


class Doubts:
    """What of one daemon's writes may be in the ledger already."""

    def __init__(self, me: str) -> None:
        """Begin without any doubt of what *me* wrote."""
        self._me = me
        self._latest: datetime | None = None

    def add(self, changes: Iterable[Change]) -> None:
        """Note that a transaction failed that had these *changes* in it."""
        # Whatever is of a later time was in none that failed.
        self._latest = max(chain(_instants(changes), filter(None, [self._latest])), default=None)

    def settle(self, connection: sa.Connection, changes: Sequence[Change]) -> list[Change]:
        """Return *changes* without what is written already."""
        latest = self._latest
        if latest is None or all(at > latest for at in _instants(changes)):
            return [*changes]
        sent = _written(connection, self._me, [each for one in changes for each in one.attempts])
        noted = _noted(connection, [each for one in changes for each in _notes(one)])
        return [
            replace(
                change,
                attempts=[each for each in change.attempts if _key(each) not in sent],
                news=_without(change.news, noted),
            )
            for change in changes
        ]


def unwritten(
    connection: sa.Connection, me: str, attempts: Sequence[tuple[int, Attempt]]
) -> list[tuple[int, Attempt]]:
    """Return those of *me*'s attempts, each with its epoch, that are not in the ledger."""
    found = _written(connection, me, [each for _, each in attempts])
    return [(epoch, each) for epoch, each in attempts if _key(each) not in found]


def _written(
    connection: sa.Connection, me: str, attempts: Sequence[Attempt]
) -> set[tuple[object, ...]]:
    """Return the keys of those of *me*'s attempts that are in the ledger."""
    if not attempts:
        return set()
    of_then = _is_one_of(_ATTEMPT.started, (each.started for each in attempts))
    return {tuple(row) for row in connection.execute(_SENT.where(_ATTEMPT.member == me, of_then))}


def _noted(connection: sa.Connection, notes: Sequence[ProgressNote]) -> set[tuple[object, ...]]:
    if not notes:
        return set()
    of_then = _is_one_of(_NOTE.at, (note.at for note in notes))
    return {tuple(row) for row in connection.execute(_NOTED.where(of_then))}


def _is_one_of(column: sa.Column[str], instants: Iterable[datetime]) -> sa.ColumnElement[bool]:
    texts = sorted({str(rows.from_instant(each)) for each in instants})
    return column == sa.any_(sa.literal(texts, sa.ARRAY(sa.Text)))


def _key(each: Attempt) -> tuple[object, ...]:
    started = rows.from_instant(each.started)
    return each.cluster, each.repository, str(each.action), started, each.attempt


def _without(news: News | None, noted: set[tuple[object, ...]]) -> News | None:
    if news is None:
        return None
    new = (note for note in news.notes if _key_of_note(note) not in noted)
    return replace(news, notes=tuple(new))


def _key_of_note(note: ProgressNote) -> tuple[object, ...]:
    start, at = rows.from_instant(note.start), rows.from_instant(note.at)
    return note.cluster, note.window, start, at, note.paused, note.resumed


def _notes(change: Change) -> Sequence[ProgressNote]:
    return change.news.notes if change.news else ()


def _instants(changes: Iterable[Change]) -> Iterator[datetime]:
    for change in changes:
        yield from (each.started for each in change.attempts)
        yield from (note.at for note in _notes(change))
