"""Assembling the daemon from its configuration, its ledger and the host it runs on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from daemon.config import stored_configs
from daemon.config.settings import Settings
from daemon.core.attempt import Attempt
from daemon.errors import ConfigError
from daemon.fleet.lane import Connect
from daemon.fleet.member import Membership
from daemon.fleet.others import Others, read_state
from daemon.host.clock import SystemClock
from daemon.host.signals import Signals
from daemon.host.systemd import ServiceManager
from daemon.ledger.ledger import Ledger, SharedLedger
from daemon.log.interface import Log as LogInterface
from daemon.log.log import Log, attempt_event
from daemon.monitoring.metrics import Metrics
from daemon.monitoring.page.recent import MOST_REMEMBERED, RecentAttempts
from daemon.notify.delivery import Delivery
from daemon.runtime.daemon import Daemon
from daemon.runtime.ledger_notes import DryNotes, Notes, OwnNotes, SharedNotes
from daemon.runtime.parts import DaemonParts, HostParts
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings


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
    settings = found if isinstance(found, Settings) else stored_configs.last_good(ledger, environ)
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
        listings=ledger.listings(),
        earlier=stored_configs.clusters(orphans, ledger.configs(), environ) if orphans else {},
        rejected=rejected,
        loss=ledger.loss,
        dry_run=dry_run,
    )


def assemble(
    parts: DaemonParts, ledger: Ledger, log: Log, environ: Mapping[str, str], signals: Signals
) -> Daemon:
    """Return the daemon, which runs on *ledger*: alone, as one of several, or without writing.

    Called on the event loop on which it runs.
    """

    def notes(shared_log: LogInterface) -> Notes:
        if parts.dry_run:
            return DryNotes(ledger)
        return SharedNotes(membership) if membership else OwnNotes(ledger, shared_log)

    membership = None
    if isinstance(ledger, SharedLedger) and not parts.dry_run:
        membership = _join(ledger, log, environ)
        # What is known belongs to whoever has the claim, and is read with each claim.
        parts = replace(parts, records=(), listings={}, membership=membership)
    metrics = Metrics()
    others = _others(ledger)
    recent = RecentAttempts(() if others else ledger.last_attempts(MOST_REMEMBERED))
    host = HostParts(
        log=log.logger,
        metrics=metrics,
        lost_lines=lambda: log.lost,
        clock=SystemClock(),
        manager=ServiceManager(environ),
        delivery=Delivery(socket.gethostname(), environ, log.mask, log.redact),
        environ=environ,
        recent=recent,
        others=others,
    )
    return Daemon(parts, notes, _connector(log, metrics, recent, environ), host, signals)


def _others(ledger: Ledger) -> Others | None:
    if isinstance(ledger, SharedLedger):
        return Others(partial(read_state, ledger), ledger.user, SystemClock())
    return None


def _join(ledger: SharedLedger, log: Log, environ: Mapping[str, str]) -> Membership:
    def find(names: set[str]) -> Mapping[str, ClusterSettings]:
        return stored_configs.clusters(names, ledger.configs(), environ)

    return Membership(ledger, log.logger, SystemClock(), find, ledger.overrides())


def _connector(
    log: Log, metrics: Metrics, recent: RecentAttempts, environ: Mapping[str, str]
) -> Connect:
    def connect(settings: ClusterSettings, remember: Callable[[Attempt], None]) -> BackupService:
        def on_attempt(attempt: Attempt) -> None:
            level, event, keys = attempt_event(attempt)
            log.logger.log(level, event, **keys)
            metrics.attempted(attempt)
            recent.attempted(attempt)
            remember(attempt)

        return BackupService(
            settings,
            environ=environ,
            on_attempt=on_attempt,
            now=SystemClock.wall,
            on_password=log.redact,
        )

    return connect
