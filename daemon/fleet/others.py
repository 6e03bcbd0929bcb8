"""What other daemons on a shared ledger do, read from it when somebody looks at the page.

It is read beside the event loop and beside the membership's heartbeats, on a thread and a
connection that there are while it is read: a database that hangs is waited for by nobody else, and
by whoever looks at the page no longer than half a second once every two.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from daemon.core.attempt import Attempt
from daemon.core.listing import Listing
from daemon.core.moment import Moment
from daemon.core.progress import ClusterView, views
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.ledger.ledger import SharedLedger
from daemon.ledger.state import Member
from daemon.monitoring.page.recent import MOST_REMEMBERED
from daemon.monitoring.page.scene import ClusterScene, HistoryScene, LedgerScene

EVERY = timedelta(seconds=2)
"""How often it is read while people look."""

CURRENT = timedelta(seconds=10)
"""How long what was read is taken to be so still."""

WAIT_S = 0.5

SILENT = "the ledger does not answer"


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger says of all daemons and clusters; `owners` are daemons' ids by cluster.

    `attempts` are the last calls to repositories, each with the id of the daemon that sent it.
    """

    members: tuple[Member, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    listings: Mapping[str, Listing] = field(default_factory=dict)
    unreachable: tuple[Unreachable, ...] = ()
    attempts: tuple[tuple[Attempt, str], ...] = ()


_Read = tuple[LedgerState, Moment]
"""What was read, and when it was asked for."""


def read_state(ledger: SharedLedger) -> LedgerState:
    """Return what the ledger says now, by a connection of its own. Raises LedgerError."""
    with ledger.another_connection() as own:
        return LedgerState(
            tuple(own.members()),
            own.owners(),
            tuple(own.records()),
            own.listings(),
            tuple(own.unreachable()),
            tuple(own.last_attempts_by(MOST_REMEMBERED)),
        )


class Others:
    """The other daemons as the ledger shows them; for the one thread that makes pages."""

    def __init__(
        self, read: Callable[[], LedgerState], me: str, clock: Callable[[], Moment]
    ) -> None:
        """Look by *read*, which may take long, and leave out what *me*, a daemon's id, did."""
        self._read = read
        self._me = me
        self._clock = clock
        self._reading: Future[_Read] | None = None
        self._began: timedelta | None = None
        self._known: _Read | None = None
        self._error = ""

    def look(self) -> OthersView:
        """Return what the ledger says; at once, but for whoever has it read anew."""
        self._take(0)
        if self._reading is None and self._is_due():
            self._reading = self._begin()
            self._take(WAIT_S)
        if self._known is None:
            return OthersView(None, None, self._error or "no answer yet", self._me)
        state, asked = self._known
        is_old = self._clock().uptime - asked.uptime > CURRENT
        doubt = self._error or ("no answer in time" if is_old else "")
        return OthersView(state, asked.wall, doubt, self._me)

    def _is_due(self) -> bool:
        return self._began is None or self._clock().uptime - self._began >= EVERY

    def _begin(self) -> Future[_Read]:
        """Begin to read on a thread of its own, which keeps no process from ending."""
        future: Future[_Read] = Future()
        asked = self._clock()
        self._began = asked.uptime

        def work() -> None:
            try:
                found = self._read()
            except BaseException as exc:  # noqa: BLE001  # raised where it is looked at
                future.set_exception(exc)
            else:
                future.set_result((found, asked))

        threading.Thread(target=work, name="others", daemon=True).start()
        return future

    def _take(self, wait_s: float) -> None:
        """Take what was read, if it is there within so many seconds."""
        reading = self._reading
        if reading is None:
            return
        try:
            known = reading.result(wait_s)
        except TimeoutError:
            return
        except LedgerError as exc:
            self._error, self._reading = str(exc), None
        except BaseException:
            self._reading = None
            raise
        else:
            self._known, self._error, self._reading = known, "", None


@dataclass(frozen=True, slots=True)
class OthersView:
    """What is known of them: `state` as of `read`; `doubt` is why it may be out of date."""

    state: LedgerState | None
    read: datetime | None
    doubt: str
    me: str

    @property
    def ledger(self) -> LedgerScene:
        """What the page tells of the ledger itself."""
        members = self.state.members if self.state else ()
        return LedgerScene(members, self.read, self.doubt)

    def clusters(
        self, names: Collection[str], ours: Collection[str]
    ) -> list[tuple[ClusterView, ClusterScene]]:
        """Return what is known of the clusters of these *names* that are not *ours*."""
        theirs = sorted(set(names) - set(ours))
        state = self.state or LedgerState()
        known = views(theirs, state.records, state.listings, state.unreachable)
        called, doubt = self._names, SILENT if self.doubt else ""
        return [
            _seen(replace(view, doubt=doubt), called.get(state.owners.get(view.cluster, "")))
            for view in known
        ]

    def history(self, ours: Iterable[HistoryScene]) -> tuple[HistoryScene, ...]:
        """Return *ours* with our name, and what the others did last with theirs."""
        me, called = f"{socket.gethostname()} pid {os.getpid()}", self._names
        return (
            *(replace(e, member=me) if isinstance(e.what, Attempt) else e for e in ours),
            *(
                HistoryScene(attempt.started, attempt, called.get(member, "an earlier daemon"))
                for attempt, member in (self.state.attempts if self.state else ())
                if member != self.me
            ),
        )

    @property
    def _names(self) -> dict[str, str]:
        return {each.id: each.name for each in self.state.members} if self.state else {}


def _seen(view: ClusterView, member: str | None) -> tuple[ClusterView, ClusterScene]:
    is_up = not view.unreachable if view.listing or view.unreachable else None
    return view, ClusterScene(
        view.cluster,
        is_up,
        view.unreachable,
        None,
        None,
        tuple(view.records.values()),
        member=member or "none",
        doubt=view.doubt,
    )
