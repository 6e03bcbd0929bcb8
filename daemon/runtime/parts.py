"""What a daemon starts with: its configuration, what it held, and the world around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.core.moment import Moment
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.errors import ConfigError
from daemon.fleet.member import Membership
from daemon.host.systemd import ServiceManager
from daemon.ledger.state import AppliedConfig
from daemon.log.interface import Log
from daemon.monitoring.metrics import Metrics
from daemon.notify.queues import Deliver
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override


class DaemonLedger(Protocol):
    """The part of the ledger that the daemon uses."""

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write all of it in one durable transaction; raises LedgerError."""

    def save_config(self, config: AppliedConfig) -> None:
        """Keep the last good configuration; raises LedgerError."""

    def note_reading(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and what was wrong with it; raises LedgerError."""

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer, and which do again; raises LedgerError."""

    def forget_attempts(self, before: datetime, most: int) -> None:
        """Delete the oldest attempts from before then, *most* at once; raises LedgerError."""

    def count_overrides(self) -> int:
        """Count what people decided beside the file; raises LedgerError."""

    def overrides(self) -> list[Override]:
        """List what people decided beside the file; raises LedgerError."""


@dataclass(frozen=True, slots=True)
class DaemonParts:
    """All that a daemon starts with; `rejected` says why the file itself could not be used.

    `has_lost_ledger`: there was a ledger and there is none any more, so that what is found paused
    may be ours. With a `membership` only claimed clusters are spoken to; their records come with
    each claim.
    """

    settings: Settings
    file: Path
    folder: Path
    records: tuple[Record, ...]
    earlier: Mapping[str, ClusterSettings]
    overrides: tuple[Override, ...] = ()
    rejected: ConfigError | None = None
    has_lost_ledger: bool = False
    dry_run: bool = False
    membership: Membership | None = None


@dataclass(frozen=True, slots=True)
class HostParts:
    """What the process has of the world around it.

    `lost` counts lines that were not written, `deliver` sends notices to a target.
    """

    log: Log
    metrics: Metrics
    lost: Callable[[], int]
    clock: Callable[[], Moment]
    manager: ServiceManager
    deliver: Deliver
    environ: Mapping[str, str]
