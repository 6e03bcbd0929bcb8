"""How things stand, as far as the page tells it: values that the event loop hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.core.attempt import Attempt
from daemon.core.progress import Progress
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.ledger.state import Member
from daemon.windows.overrides import Override
from daemon.windows.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ClusterScene:
    """What is known of one cluster; instants are UTC.

    `is_up` is None before the first attempt. `records` are those of repositories that we hold, and
    of those whose backup is owed. Of the repositories that are `wanted` by what is open, `pending`
    ones are not paused: each counts once, however many windows are open. `member` names the daemon
    that speaks to it if that is another one, and `doubt` why all of this may be out of date.
    """

    name: str
    is_up: bool | None
    unreachable: Unreachable | None
    last_contact: datetime | None
    certificate_ends: datetime | None
    records: tuple[Record, ...]
    wanted: int = 0
    pending: int = 0
    member: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class LedgerScene:
    """What a shared ledger says of all daemons on it, as of `read` (UTC; None: nothing yet).

    `doubt` is why that may be out of date, empty if it is not.
    """

    members: tuple[Member, ...] = ()
    read: datetime | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class HistoryScene:
    """An entry of the history: a request, or what a person decided; `at` is UTC.

    Of several daemons, `member` is the one that sent it.
    """

    at: datetime
    what: Attempt | Override
    member: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """How things stand at `now` (UTC); frozen, so that any thread may read it.

    `zone` is that of the file at `path`, whose last reading had `faults`. `progress` is how far
    each opening is that holds anything, by its id, and `skips` are the decisions by which openings
    are cancelled, by window and start. `problems` are what `/healthz` says, `ledger` what one that
    several daemons share does.
    """

    now: datetime
    zone: ZoneInfo
    path: str
    version: str
    host: str
    since: datetime
    timeline: Timeline
    progress: Mapping[str, Progress]
    skips: Mapping[tuple[str, datetime], Override]
    clusters: tuple[ClusterScene, ...]
    problems: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    ledger: LedgerScene | None = None
    history: tuple[HistoryScene, ...] = ()
