"""What is written at once, and what of it a database refuses for what is in it.

All is written in one transaction first. If the database refuses some row of it, another one finds
out which, by halves, and takes all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.shares import Lease
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.ledger import rows, tables
from daemon.ledger.suspicions import SuspicionFormat

T = TypeVar("T")

MOST_REFUSED = 100
"""After how many refused rows no more is found out: those not yet taken count as refused."""

_CONTENT_STATES = ("22", "23", "44", "54", "P0001")
"""How SQLSTATE begins where data are wrong, a constraint or a view's rule is broken, a limit is
exceeded, or a trigger raised an exception."""


class ContentError(LedgerError):
    """Raised when a row is refused for what is in it, and nothing was written."""


class RefusedError(LedgerError):
    """Raised when some rows were refused for what is in them, and all others were written.

    `records` says why, by repository; so does `attempts`, for each.
    """

    def __init__(
        self, records: Mapping[RepositoryKey, str], attempts: Sequence[tuple[Attempt, str]]
    ) -> None:
        """Keep what was refused."""
        self.records = records
        self.attempts = attempts
        super().__init__(next(iter([*records.values(), *(why for _, why in attempts)]), ""))


@dataclass(frozen=True, slots=True)
class Change:
    """What the passes over one cluster have to write; by the claim of *lease* if it is shared."""

    records: list[Record]
    attempts: list[Attempt]
    lease: Lease | None = None
    news: News | None = None

    @property
    def claimed(self) -> Lease:
        """The lease, which there is where daemons share a ledger."""
        if self.lease is None:
            raise AssertionError("nothing is written to a shared ledger without a claim")
        return self.lease

    @property
    def others(self) -> frozenset[str]:
        """The other names under which something of it goes on; none where nobody shares."""
        own = self.lease.cluster if self.lease else None
        names = frozenset(record.key.cluster for record in self.records)
        return names - {own} if own else frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether all of it or nothing is written: what moves must not be gone from both names."""
        return len({record.key.cluster for record in self.records}) > 1


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a change is written or refused as one."""

    change: int
    records: Sequence[Record]
    attempts: Sequence[Attempt]


def is_content(exc: BaseException) -> bool:
    """Check whether a row was refused for what is in it, by the database or by its driver."""
    cause = getattr(exc, "orig", None) or exc
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state).startswith(_CONTENT_STATES)
    refusals = (sa.exc.IntegrityError, sa.exc.DataError, UnicodeError, OverflowError)
    return isinstance(exc, refusals) or isinstance(cause, refusals)


def refused_row(place: str, exc: BaseException) -> ContentError:
    """Return the error of a ledger at *place* that refused a row."""
    return ContentError(f"{place}: the row is refused ({_reason_of(exc)})")


def _reason_of(exc: BaseException) -> str:
    """Return the database's first line; what follows repeats the row."""
    return " ".join(str(getattr(exc, "orig", None) or exc).split("\n", maxsplit=1)[0].split())


def write(
    connection: sa.Connection,
    suspicion_format: SuspicionFormat,
    changed: Iterable[Record],
    sent: Sequence[dict[str, Any]],
) -> None:
    """Replace records, each by the last of its repository, and append rows of attempts."""
    latest = {record.key: record for record in changed}.values()
    kept = [rows.from_record(record, suspicion_format) for record in latest if not record.is_spent]
    spent = [tables.bound(record.key) for record in latest if record.is_spent]
    tables.execute_many(connection, tables.DELETE_RECORD, spent)
    tables.execute_many(connection, tables.UPSERT_RECORD, kept)
    tables.execute_many(connection, tables.INSERT_ATTEMPT, sent)


def write_news(connection: sa.Connection, news: Iterable[News]) -> None:
    """Replace what lists showed, and append notes about openings."""
    news = list(news)
    shown = {each.cluster: each.listing for each in news if each.listing}
    listings = [{"cluster": name, "text": listing.text()} for name, listing in shown.items()]
    notes = [rows.from_note(note) for each in news for note in each.notes]
    tables.execute_many(connection, tables.UPSERT_LISTING, listings)
    tables.execute_many(connection, tables.INSERT_NOTE, notes)


def write_each(
    connection: sa.Connection,
    suspicion_format: SuspicionFormat,
    changes: Sequence[Change],
    row_of: Callable[[Change, Attempt], dict[str, Any]],
) -> list[LedgerError | None]:
    """Write all that is not refused; return for each change what was."""
    parts = [part for number, change in enumerate(changes) for part in _parts(number, change)]

    def put(some: Sequence[_Part]) -> None:
        records = [record for part in some for record in part.records]
        sent = [row_of(changes[part.change], each) for part in some for each in part.attempts]
        write(connection, suspicion_format, records, sent)

    refused = sift(connection, parts, put)
    # What of the news is refused is lost to people, and to nobody else.
    sift(connection, [each.news for each in changes if each.news], partial(write_news, connection))
    return [_error(number, change, parts, refused) for number, change in enumerate(changes)]


def _parts(number: int, change: Change) -> list[_Part]:
    if change.is_whole:
        return [_Part(number, change.records, change.attempts)]
    return [
        *(_Part(number, [record], ()) for record in change.records),
        *(_Part(number, (), [attempt]) for attempt in change.attempts),
    ]


def _error(
    number: int, change: Change, parts: Sequence[_Part], refused: Mapping[int, str]
) -> LedgerError | None:
    mine = [(parts[at], why) for at, why in refused.items() if parts[at].change == number]
    if not mine:
        return None
    if change.is_whole:
        return ContentError(mine[0][1])
    return RefusedError(
        {record.key: why for part, why in mine for record in part.records},
        [(attempt, why) for part, why in mine for attempt in part.attempts],
    )


def sift(
    connection: sa.Connection, items: Sequence[T], put: Callable[[Sequence[T]], None]
) -> dict[int, str]:
    """Put all *items* that are not refused; return why the others were, by their places.

    Raises what is no refusal.
    """
    refused: dict[int, str] = {}
    waiting = [range(len(items))] if items else []
    while waiting:
        some = waiting.pop()
        why = _try(connection, [items[at] for at in some], put)
        if why is None:
            continue
        if len(some) == 1 or len(refused) >= MOST_REFUSED:
            refused |= dict.fromkeys(some, why)
        else:
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return refused


def _try(
    connection: sa.Connection, items: Sequence[T], put: Callable[[Sequence[T]], None]
) -> str | None:
    try:
        with connection.begin_nested():
            put(items)
    except (sa.exc.DBAPIError, UnicodeError, OverflowError) as exc:
        if not is_content(exc):
            raise
        return _reason_of(exc)
    return None
