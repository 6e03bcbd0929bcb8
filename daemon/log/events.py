"""The events of the log: one table of all that is known of each.

A new event is an entry here, and a line where it is said; the manual's table has it, too.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Self


class Level(IntEnum):
    """How much a line matters; the numbers are those of the standard library."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Event(str):
    """The name of an event, with all that is known of it; made once, and never changed.

    `levels` are those at which it is said; `words` tell it to people, with the keys of its line in
    braces. Monitoring is given a counter of it, and people may ask to be told, if it `is_counted`;
    who asks for nothing in particular is told of what `is_urgent`: what somebody has to look after,
    and its end.
    """

    __slots__ = ("is_counted", "is_urgent", "levels", "words")

    levels: tuple[Level, ...]
    words: str
    is_counted: bool
    is_urgent: bool

    def __new__(
        cls,
        name: str,
        *levels: Level,
        words: str = "{event}: {rest}",
        is_counted: bool = True,
        is_urgent: bool = False,
    ) -> Self:
        """Keep what is known of the event *name*."""
        event = super().__new__(cls, name)
        event.levels = levels
        event.words = words
        event.is_counted = is_counted
        event.is_urgent = is_urgent
        return event


DAEMON_STARTED: Final = Event(
    "daemon.started",
    Level.INFO,
    words="cbmaintd {version} started: {size}",
)
DAEMON_STOPPING: Final = Event(
    "daemon.stopping",
    Level.INFO,
    words="cbmaintd is stopping ({signal}); what is paused stays so for now",
)
DAEMON_STOPPED: Final = Event(
    "daemon.stopped",
    Level.INFO,
    words="cbmaintd has stopped; {kept}",
)

CONFIG_APPLIED: Final = Event("config.applied", Level.INFO, words="{path} is in force")
CONFIG_REJECTED: Final = Event(
    "config.rejected",
    Level.ERROR,
    words="{path} was rejected; the previous configuration stays in force: {faults}",
    is_urgent=True,
)
CONFIG_WARNED: Final = Event("config.warned", Level.WARNING, words="{path}: {warning}")

WINDOW_OPENED: Final = Event(
    "window.opened",
    Level.INFO,
    words="window {window} is open until {end}: {counted}",
)
WINDOW_CLOSED: Final = Event(
    "window.closed",
    Level.INFO,
    words="window {window} has closed: {outcome}",
)
WINDOW_CHANGED: Final = Event("window.changed", Level.INFO, words="window {window}: {rest}")

REPOSITORY_PAUSED: Final = Event(
    "repository.paused", Level.INFO, words="{where} is paused ({windows})"
)
REPOSITORY_RESUMED: Final = Event(
    "repository.resumed", Level.INFO, words="{where} is active again ({windows})"
)
REPOSITORY_FAILED: Final = Event(
    "repository.failed",
    Level.ERROR,
    words="{where}: {action} failed ({error}); {again}",
    is_urgent=True,
)
REPOSITORY_LEFT: Final = Event(
    "repository.left",
    *(Level.INFO, Level.WARNING),
    words="{where} was left alone ({reason})",
)
REPOSITORY_DRIFTED: Final = Event(
    "repository.drifted",
    Level.WARNING,
    words="{where} was resumed by somebody while {windows} is open",
    is_urgent=True,
)
REPOSITORY_BUSY: Final = Event(
    "repository.busy",
    Level.WARNING,
    words="{where} still runs {tasks} although {windows} is open",
)

CLUSTER_UNREACHABLE: Final = Event(
    "cluster.unreachable",
    Level.ERROR,
    words="cluster {cluster} is not responding correctly ({error})",
    is_urgent=True,
)
CLUSTER_RECOVERED: Final = Event(
    "cluster.recovered",
    Level.INFO,
    words="cluster {cluster} answers again, after trouble since {since}",
    is_urgent=True,
)
CLUSTER_UNKNOWN: Final = Event(
    "cluster.unknown",
    Level.ERROR,
    words="cluster {cluster} is in no configuration any more, but {holds} repositories are still"
    " held there",
    is_urgent=True,
)

CLOCK_STEPPED: Final = Event(
    "clock.stepped", Level.WARNING, words="the clock was stepped by {by_s} s"
)
CERTIFICATE_ENDS: Final = Event(
    "certificate.ends",
    Level.WARNING,
    words="a certificate of cluster {cluster} expires at {ends}: in {days} days",
    is_urgent=True,
)

LEDGER_FAILED: Final = Event(
    "ledger.failed", Level.ERROR, words="the ledger cannot be written: {error}", is_urgent=True
)
LEDGER_RECOVERED: Final = Event(
    "ledger.recovered", Level.INFO, words="the ledger can be written again", is_urgent=True
)
LEDGER_REPLACED: Final = Event(
    "ledger.replaced",
    Level.CRITICAL,
    words="the ledger was lost ({reason}): look for repositories left paused",
    is_urgent=True,
)
PASS_CRASHED: Final = Event(
    "pass.crashed",
    Level.CRITICAL,
    words="a bug ended a pass over cluster {cluster}; the log has the traceback",
    is_urgent=True,
)

CLUSTERS_CLAIMED: Final = Event("clusters.claimed", Level.INFO)
CLUSTERS_RELEASED: Final = Event("clusters.released", Level.INFO)
CLUSTERS_LOST: Final = Event("clusters.lost", Level.WARNING)
CONFIG_DIFFERS: Final = Event("config.differs", Level.ERROR)
CONFIG_AGREES: Final = Event("config.agrees", Level.INFO)
CLOCK_DIFFERS: Final = Event("clock.differs", Level.ERROR)
CLOCK_AGREES: Final = Event("clock.agrees", Level.INFO)

# Requests, lines that were lost and notices have counters of their own.
HTTP_ATTEMPTED: Final = Event(
    "http.attempted", *(Level.INFO, Level.WARNING, Level.ERROR), is_counted=False
)
LOG_DROPPED: Final = Event("log.dropped", Level.WARNING, is_counted=False)
NOTIFICATION_SENT: Final = Event("notification.sent", Level.INFO, is_counted=False)
NOTIFICATION_FAILED: Final = Event(
    "notification.failed", *(Level.WARNING, Level.ERROR, Level.CRITICAL), is_counted=False
)
NOTIFICATION_DROPPED: Final = Event("notification.dropped", Level.ERROR, is_counted=False)

# Gathered instead of listed once more, so that none is forgotten.
EVENTS: Final = tuple(value for value in globals().values() if isinstance(value, Event))
COUNTED: Final = tuple(event for event in EVENTS if event.is_counted)
