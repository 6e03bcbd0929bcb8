"""Assembling the daemon from its configuration, its ledger and the host it runs on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from daemon.config import stored_configs as earlier
from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.errors import ConfigError, SecretError
from daemon.fleet.member import Membership
from daemon.fleet.worker import Connect
from daemon.host.clock import SystemClock
from daemon.host.secrets import read_password
from daemon.host.systemd import ServiceManager
from daemon.ledger.ledger import Ledger, SharedLedger
from daemon.ledger.state import AppliedConfig
from daemon.log.log import Log, attempt_event
from daemon.monitoring.metrics import Metrics
from daemon.notify.delivery import Delivery
from daemon.runtime.daemon import Daemon
from daemon.runtime.parts import DaemonLedger, DaemonParts, HostParts
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override


def parts_of(
    file: Path,
    found: Settings | ConfigError,
    ledger: Ledger,
    environ: Mapping[str, str],
    *,
    dry_run: bool,
) -> DaemonParts:
    """Return what the daemon starts with: what was *found* in the file, or else the last good one.

    Raises:
        ConfigError: the file is invalid, and the ledger has no last good configuration.
        LedgerError: the ledger cannot be read.

    """
    rejected = found if isinstance(found, ConfigError) else None
    settings = found if isinstance(found, Settings) else earlier.last_good(ledger, environ)
    if settings is None:
        raise rejected or AssertionError("unreachable")
    records = tuple(ledger.records())
    orphans = {record.key.cluster for record in records} - settings.clusters.keys()
    return DaemonParts(
        settings=settings,
        file=file,
        folder=file.absolute().parent,
        records=records,
        overrides=tuple(ledger.overrides()),
        earlier=earlier.clusters(orphans, ledger.configs(), environ) if orphans else {},
        rejected=rejected,
        has_lost_ledger=ledger.loss is not None,
        dry_run=dry_run,
    )


def assemble(parts: DaemonParts, ledger: Ledger, log: Log, environ: Mapping[str, str]) -> Daemon:
    """Return the daemon, which runs on *ledger*: alone, as one of several, or without writing."""
    used: DaemonLedger = ledger
    if parts.dry_run:
        used = _ReadOnlyLedger(ledger)
    elif isinstance(ledger, SharedLedger):
        used = membership = _join(ledger, log, environ)
        # Records belong to whoever has the claim, and are read with each claim.
        parts = replace(parts, records=(), membership=membership)
    metrics = Metrics()
    host = HostParts(
        log.logger,
        metrics,
        lambda: log.lost,
        SystemClock(),
        ServiceManager(environ),
        Delivery(socket.gethostname(), environ, log.mask, log.redact),
        environ,
    )
    return Daemon(parts, used, _connector(log, metrics, environ), host)


def _join(ledger: SharedLedger, log: Log, environ: Mapping[str, str]) -> Membership:
    def find(names: set[str]) -> Mapping[str, ClusterSettings]:
        return earlier.clusters(names, ledger.configs(), environ)

    return Membership(ledger, log.logger, SystemClock(), find, ledger.overrides())


def _connector(log: Log, metrics: Metrics, environ: Mapping[str, str]) -> Connect:
    def connect(settings: ClusterSettings, remember: Callable[[Attempt], None]) -> BackupService:
        def on_attempt(attempt: Attempt) -> None:
            level, event, keys = attempt_event(attempt)
            log.logger.log(level, event, **keys)
            metrics.attempted(attempt)
            remember(attempt)

        with suppress(SecretError):
            log.redact(read_password(settings.password_file, settings.password_env, environ))
        return BackupService(settings, environ=environ, on_attempt=on_attempt, now=SystemClock.wall)

    return connect


class _ReadOnlyLedger(DaemonLedger):
    """The ledger of a dry run: it is read, and nothing is written."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        pass

    def save_config(self, config: AppliedConfig) -> None:
        pass

    def note_reading(self, faults: Sequence[str]) -> None:
        pass

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        pass

    def forget_attempts(self, before: datetime, most: int) -> None:
        pass

    def count_overrides(self) -> int:
        return self._ledger.count_overrides()

    def overrides(self) -> list[Override]:
        return self._ledger.overrides()
