"""The events of the log, how much a line matters, and what is counted of them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

DAEMON_STARTED: Final = "daemon.started"
DAEMON_STOPPING: Final = "daemon.stopping"
DAEMON_STOPPED: Final = "daemon.stopped"
CONFIG_APPLIED: Final = "config.applied"
CONFIG_REJECTED: Final = "config.rejected"
WINDOW_OPENED: Final = "window.opened"
WINDOW_CLOSED: Final = "window.closed"
HTTP_ATTEMPTED: Final = "http.attempted"
REPOSITORY_PAUSED: Final = "repository.paused"
REPOSITORY_RESUMED: Final = "repository.resumed"
REPOSITORY_FAILED: Final = "repository.failed"
REPOSITORY_LEFT: Final = "repository.left"
REPOSITORY_DRIFTED: Final = "repository.drifted"
REPOSITORY_BUSY: Final = "repository.busy"
CLUSTER_UNREACHABLE: Final = "cluster.unreachable"
CLUSTER_RECOVERED: Final = "cluster.recovered"
CLOCK_STEPPED: Final = "clock.stepped"
LOG_DROPPED: Final = "log.dropped"
NOTIFICATION_SENT: Final = "notification.sent"
NOTIFICATION_FAILED: Final = "notification.failed"
NOTIFICATION_DROPPED: Final = "notification.dropped"
CERTIFICATE_ENDS: Final = "certificate.ends"
CLUSTER_UNKNOWN: Final = "cluster.unknown"
CONFIG_WARNED: Final = "config.warned"
LEDGER_FAILED: Final = "ledger.failed"
LEDGER_RECOVERED: Final = "ledger.recovered"
WINDOW_CHANGED: Final = "window.changed"
LEDGER_REPLACED: Final = "ledger.replaced"
CLUSTERS_CLAIMED: Final = "clusters.claimed"
CLUSTERS_RELEASED: Final = "clusters.released"
CLUSTERS_LOST: Final = "clusters.lost"
CONFIG_DIFFERS: Final = "config.differs"
CONFIG_AGREES: Final = "config.agrees"
CLOCK_DIFFERS: Final = "clock.differs"
CLOCK_AGREES: Final = "clock.agrees"
PASS_CRASHED: Final = "pass.crashed"  # noqa: S105  # a pass over a cluster, not a password

COUNTED: Final = (
    *(DAEMON_STARTED, DAEMON_STOPPING, DAEMON_STOPPED),
    *(CONFIG_APPLIED, CONFIG_REJECTED, CONFIG_WARNED),
    *(WINDOW_OPENED, WINDOW_CLOSED, WINDOW_CHANGED),
    *(REPOSITORY_PAUSED, REPOSITORY_RESUMED, REPOSITORY_FAILED, REPOSITORY_LEFT),
    *(REPOSITORY_DRIFTED, REPOSITORY_BUSY),
    *(CLUSTER_UNREACHABLE, CLUSTER_RECOVERED, CLUSTER_UNKNOWN, CLOCK_STEPPED),
    CERTIFICATE_ENDS,
    *(LEDGER_FAILED, LEDGER_RECOVERED, LEDGER_REPLACED, PASS_CRASHED),
    *(CLUSTERS_CLAIMED, CLUSTERS_RELEASED, CLUSTERS_LOST),
    *(CONFIG_DIFFERS, CONFIG_AGREES, CLOCK_DIFFERS, CLOCK_AGREES),
)
"""The events of which monitoring is given a counter; requests, dropped lines and
notifications have their own."""


class Level(IntEnum):
    """How much a line matters; the numbers are those of the standard library."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50
