"""What a daemon starts with: its configuration, what it held, and its host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.settings import Settings
from daemon.core.listing import Listing
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.errors import ConfigError
from daemon.fleet.member import Membership
from daemon.fleet.others import Others
from daemon.host.systemd import ServiceManager
from daemon.ledger.ledger import Loss
from daemon.log.interface import Log
from daemon.monitoring.metrics import Metrics
from daemon.monitoring.page.recent import RecentAttempts
from daemon.notify.delivery import Delivery
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override


@dataclass(frozen=True, slots=True)
class DaemonParts:
    """What a daemon starts with; `rejected` says why the file itself could not be used.

    `earlier` says how to reach clusters that the file no longer names and that have records,
    `listings` what the last list of each showed.
    With a `loss` of an earlier ledger, what is found paused may be ours. With a `membership`, only
    claimed clusters are managed, and their records come with each claim.
    """

    settings: Settings
    file: Path
    folder: Path
    records: tuple[Record, ...]
    earlier: Mapping[str, ClusterSettings]
    overrides: tuple[Override, ...] = ()
    listings: Mapping[str, Listing] = field(default_factory=dict)
    rejected: ConfigError | None = None
    loss: Loss | None = None
    dry_run: bool = False
    membership: Membership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostParts:
    """What the daemon uses of its process and host; `lost_lines` counts lines not logged.

    `others` are the daemons that share the ledger, if several may.
    """

    log: Log
    metrics: Metrics
    lost_lines: Callable[[], int]
    clock: Callable[[], Moment]
    manager: ServiceManager
    delivery: Delivery
    environ: Mapping[str, str]
    recent: RecentAttempts
    others: Others | None = None
