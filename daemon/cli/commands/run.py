"""`cbmaintd run`: the daemon in the foreground, assembled from its parts."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from daemon.cli import places
from daemon.config import earlier
from daemon.config.settings import Settings, load
from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.unreachable import Unreachable
from daemon.errors import ConfigError, SecretError
from daemon.fleet.member import Membership
from daemon.host.clock import SystemClock
from daemon.host.secrets import read_password
from daemon.host.signals import Flags
from daemon.host.systemd import ServiceManager
from daemon.ledger.ledger import Access, Ledger, Loss, SharedLedger
from daemon.ledger.opening import exists, open_ledger, open_to_look
from daemon.ledger.state import AppliedConfig
from daemon.log import log as logs
from daemon.log.log import Level, Log, LogFormat
from daemon.monitoring.metrics import Metrics
from daemon.notify.delivery import Delivery
from daemon.runtime.daemon import Daemon
from daemon.runtime.parts import DaemonLedger, DaemonParts, HostParts
from daemon.service.client import BackupService
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override

FLUSH_WITHIN = timedelta(seconds=2)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is invalid and the ledger has no last good configuration.
        HostError: the ledger cannot be used, or another daemon holds it.

    """
    file = places.find_config(args, environ)
    found = _read(file, environ)
    url = places.find_ledger(args, environ, found if isinstance(found, Settings) else file)
    if isinstance(found, ConfigError) and not exists(url):
        raise found
    flags = Flags()
    flags.listen()
    log = Log(
        sys.stderr.fileno(),
        log_format=LogFormat(args.log_format),
        level=Level[args.log_level.upper()],
        now=SystemClock.wall,
        environ=environ,
    )
    try:
        with _open(url, dry_run=args.dry_run) as ledger:
            if ledger.loss:
                _say_lost(log, ledger.loss)
            start = _start(file, found, ledger, environ, dry_run=args.dry_run)
            membership = None if args.dry_run else _membership(ledger, log, environ)
            if membership:
                # What the others hold is theirs: records are read with each claim.
                start = replace(start, records=(), membership=membership)
            metrics = Metrics()
            delivery = Delivery(socket.gethostname(), environ, log.mask, log.redact)
            host = HostParts(
                log.logger,
                metrics,
                lambda: log.lost,
                SystemClock(),
                ServiceManager(environ),
                delivery.deliver,
                environ,
            )
            used = _NoLedger(ledger) if args.dry_run else membership or ledger
            daemon = Daemon(start, used, _connector(log, metrics, environ), host)
            has_ended = daemon.run(flags)
            delivery.close()
    finally:
        log.close(FLUSH_WITHIN)
    if not has_ended:
        # A call that outlasts its ten seconds runs on a thread which would keep the process. What
        # it may still do is in the ledger; the next start goes on from there.
        os._exit(0)
    return 0


def _read(file: Path, environ: Mapping[str, str]) -> Settings | ConfigError:
    try:
        return load(file, environ=environ)
    except ConfigError as exc:
        return exc


def _open(url: str, *, dry_run: bool) -> Ledger:
    return open_to_look(url) if dry_run else open_ledger(url, Access.DAEMON)


def _say_lost(log: Log, loss: Loss) -> None:
    damaged = str(loss.aside) if loss.aside else None
    log.logger.critical(logs.LEDGER_REPLACED, reason=loss.reason, damaged=damaged)


def _start(
    file: Path,
    found: Settings | ConfigError,
    ledger: Ledger,
    environ: Mapping[str, str],
    *,
    dry_run: bool,
) -> DaemonParts:
    """Choose what is put in force: the file, or else the last good configuration."""
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


def _membership(ledger: Ledger, log: Log, environ: Mapping[str, str]) -> Membership | None:
    """Join the daemons on *ledger*, if it is one that several share."""
    if not isinstance(ledger, SharedLedger):
        return None

    def find(names: set[str]) -> Mapping[str, ClusterSettings]:
        return earlier.clusters(names, ledger.configs(), environ)

    return Membership(ledger, log.logger, SystemClock(), find, ledger.overrides())


def _connector(
    log: Log, metrics: Metrics, environ: Mapping[str, str]
) -> Callable[[ClusterSettings, Callable[[Attempt], None]], BackupService]:
    def connect(settings: ClusterSettings, remember: Callable[[Attempt], None]) -> BackupService:
        def on_attempt(attempt: Attempt) -> None:
            level, event, keys = logs.attempt_event(attempt)
            log.logger.log(level, event, **keys)
            metrics.attempted(attempt)
            remember(attempt)

        with suppress(SecretError):
            log.redact(read_password(settings.password_file, settings.password_env, environ))
        return BackupService(settings, environ=environ, on_attempt=on_attempt, now=SystemClock.wall)

    return connect


class _NoLedger(DaemonLedger):
    """Where a dry run writes: nowhere; it reads what there is."""

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
