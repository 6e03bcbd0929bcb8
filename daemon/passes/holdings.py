"""What is known of one cluster's repositories, in memory first and in the ledger as soon as it can.

While the ledger takes nothing (a full disk), the records here go on: a resume of what is ours does
not wait for a disk. What it did not take is offered again with the next records; a row that it
refuses for what is in it is set aside, stops no other, and is offered again at the next pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from daemon.core.attempt import Attempt
from daemon.core.listing import Listing
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News, ProgressNote
from daemon.errors import FencedError, LedgerError
from daemon.ledger.changes import RefusedError

HISTORY_IN_MEMORY = 10_000
"""How many attempts are kept for a ledger that takes nothing; older ones are lost to history."""


OFFERED_AGAIN = 100
"""How much of what was refused is tried again at once: each refusal costs the ledger some tries."""


class Store(Protocol):
    """The part of the ledger that a pass uses."""

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write all of it in one durable transaction; raises LedgerError."""


class Holdings:
    """The records of one cluster; `flush` makes durable what was noted."""

    def __init__(
        self,
        store: Store,
        records: Iterable[Record],
        listing: Listing | None = None,
        cluster: str = "",
    ) -> None:
        """Go on from the *records* that *store* had at the start, and *cluster*'s *listing*."""
        self._store = store
        self._records = {record.key.id: record for record in records}
        self._owed = {id_: r.backup_due for id_, r in self._records.items() if r.backup_due}
        self._unsaved: dict[str, Record] = {}
        self._recalled: dict[RepositoryKey, Record] = {}
        self._attempts: deque[Attempt] = deque(maxlen=HISTORY_IN_MEMORY)
        # What the ledger refuses for what is in it, and why; offered again now and then.
        self._aside: dict[str, tuple[Record, str]] = {}
        self._attempts_aside: deque[tuple[Attempt, str]] = deque(maxlen=HISTORY_IN_MEMORY)
        self._notes: deque[ProgressNote] = deque(maxlen=HISTORY_IN_MEMORY)
        self._cluster = cluster
        self.listing = self._saved = listing

    def __bool__(self) -> bool:
        """Check whether there are records, or anything that is still to be written."""
        unsaved = self._unsaved or self._recalled or self._attempts or self._notes or self._aside
        return bool(self._records or unsaved)

    def ids(self) -> frozenset[str]:
        """Return the ids of the repositories that have a record."""
        return frozenset(self._records)

    def gone(self) -> frozenset[str]:
        """Return the ids of repositories that have vanished from the list, and are not held."""
        return frozenset(id_ for id_, record in self._records.items() if record.is_gone)

    def get(self, repository: str) -> Record | None:
        """Return the record of a repository, if there is one."""
        return self._records.get(repository)

    def holds(self) -> list[Record]:
        """List the records of repositories that may be paused by us."""
        return [record for record in self._records.values() if record.is_hold]

    def windows(self) -> tuple[str, ...]:
        """Name the windows that anything is held for."""
        return tuple(sorted({window for record in self.holds() for window in record.windows}))

    @property
    def owed(self) -> int:
        """How many repositories are owed a backup that is still to be started."""
        return len(self._owed)

    def next_backup(self, now: datetime) -> datetime | None:
        """Return when the next backup is due after *now*, if one is."""
        return min((turn for turn in self._owed.values() if turn > now), default=None)

    def remember_attempt(self, attempt: Attempt) -> None:
        """Keep an attempt on a repository for the history."""
        if attempt.repository is not None:
            self._attempts.append(attempt)

    def add_note(self, note: ProgressNote) -> None:
        """Keep a note about an opening for the history."""
        self._notes.append(note)

    @property
    def by_id(self) -> Mapping[str, Record]:
        """The records by the ids of their repositories; it follows what is noted."""
        return self._records

    def show(self, cluster: str, listing: Listing) -> None:
        """Note what a list of the cluster showed; the ledger is told only of what is new."""
        self._cluster, self.listing = cluster, listing

    def _news(self) -> News | None:
        notes = tuple(self._notes)
        listing = None if self.listing == self._saved else self.listing
        if not (notes or listing):
            return None
        return News(self._cluster or notes[0].cluster, listing, notes)

    def note(self, record: Record) -> None:
        """Replace the repository's record by *record*; a spent one is forgotten."""
        repository = record.key.id
        before = self._records.get(repository)
        if record == before or (before is None and record.is_spent):
            return
        self._unsaved[repository] = record
        if record.is_spent:
            self._records.pop(repository, None)
        else:
            self._records[repository] = record
        if record.backup_due:
            self._owed[repository] = record.backup_due
        else:
            self._owed.pop(repository, None)

    async def hand_over(self, renamed: Mapping[str, Record]) -> None:
        """Return repositories up for records of another cluster's name, on disk in one transaction.

        Raises:
            LedgerError: nothing was; what is written late is recalled by the next write.

        """
        gone = [Record(self._records[repository].key) for repository in renamed]
        added = {record.key: record for record in renamed.values()}
        try:
            await self._store.save([*gone, *(self._recalled | added).values()])
        except LedgerError:
            # It may yet be written, or another file may take records again: see `flush`.
            self._unsaved = {**self._records, **self._unsaved}
            self._recalled |= {key: Record(key) for key in added}
            raise
        self._recalled.clear()
        for repository in renamed:
            self._records.pop(repository)
            self._owed.pop(repository, None)
            self._unsaved.pop(repository, None)
            self._aside.pop(repository, None)

    def take_in(self, records: Iterable[Record]) -> None:
        """Go on with *records* that another name handed over; the ledger has them."""
        for record in records:
            self._records[record.key.id] = record
            if record.backup_due:
                self._owed[record.key.id] = record.backup_due

    def records(self) -> list[Record]:
        """List all records."""
        return list(self._records.values())

    def is_saved(self, repository: str) -> bool:
        """Check whether the ledger has the latest record of a repository."""
        return repository not in self._unsaved and repository not in self._aside

    @property
    def refused(self) -> dict[str, str]:
        """The repositories of which the ledger refuses something for what is in it, and why."""
        reasons = {id_: why for id_, (_, why) in self._aside.items()}
        return {str(each.repository): why for each, why in self._attempts_aside} | reasons

    def offer_again(self) -> None:
        """Have the next write try some of what was refused: somebody may have seen to it."""
        for id_ in list(self._aside)[:OFFERED_AGAIN]:
            record, _ = self._aside[id_]
            self._unsaved.setdefault(id_, record)
        for _ in range(min(OFFERED_AGAIN, len(self._attempts_aside))):
            self._attempts.append(self._attempts_aside.popleft()[0])

    async def flush(self) -> None:
        """Write what was noted in one durable transaction; `refused` has what was not taken.

        Raises:
            LedgerError: nothing was written; all of it stays noted.
            FencedError: the cluster is another daemon's; only the attempts were kept.

        """
        records, attempts = self._unsaved, list(self._attempts)
        recalled, news = list(self._recalled.values()), self._news()
        if not (records or recalled or attempts or news):
            return
        self._unsaved = {}
        refused = None
        try:
            await self._store.save([*recalled, *records.values()], attempts, news)
        except FencedError:
            # The records are another's by now; the attempts were kept.
            self._recorded(attempts, news)
            raise
        except RefusedError as exc:
            refused = exc
        except LedgerError:
            # It may be another file that takes records again: then it has to learn all of them.
            self._unsaved = {**records, **self._records, **self._unsaved}
            self._saved = None
            raise
        self._recalled.clear()
        self._recorded(attempts, news)
        self._set_aside(records, refused)

    def _set_aside(self, offered: Mapping[str, Record], refused: RefusedError | None) -> None:
        """Go on from memory where the ledger refuses a row; what changed since is offered anew."""
        for id_ in offered:
            self._aside.pop(id_, None)
        if refused:
            for key, why in refused.records.items():
                self._aside[key.id] = (offered[key.id], why)
            self._attempts_aside += refused.attempts

    def unrecorded(self) -> list[Attempt]:
        """List the attempts that the ledger has not taken."""
        return [*(attempt for attempt, _ in self._attempts_aside), *self._attempts]

    def _recorded(self, attempts: Iterable[Attempt], news: News | None) -> None:
        """Drop what the ledger took; where all were full meanwhile, some of it has gone already."""
        if news:
            self._saved = news.listing or self._saved
            told = {id(note) for note in news.notes}
            while self._notes and id(self._notes[0]) in told:
                self._notes.popleft()
        taken = {id(attempt) for attempt in attempts}
        while self._attempts and id(self._attempts[0]) in taken:
            self._attempts.popleft()
