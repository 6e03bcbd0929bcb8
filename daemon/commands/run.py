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

from daemon import former, logs, places
from daemon.backup_service import BackupService
from daemon.clock import SystemClock
from daemon.cluster import ClusterSettings
from daemon.config import Settings, load
from daemon.crew import Crew
from daemon.daemon_state import AppliedConfig, Trouble
from daemon.delivery import Delivery
from daemon.errors import ConfigError, SecretError
from daemon.flags import Flags
from daemon.ledger import Access, Ledger
from daemon.ledger_file import Loss
from daemon.ledger_postgresql import PostgresqlLedger
from daemon.ledgers import open_ledger
from daemon.logs import Level, Log, LogFormat
from daemon.metrics import Metrics
from daemon.overrides import Override
from daemon.record import Record
from daemon.repository import Attempt
from daemon.scheduler import Daemon
from daemon.secrets import read_password
from daemon.service_manager import ServiceManager
from daemon.start import Book, Host, Start

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
    if isinstance(found, ConfigError) and not places.ledger_exists(url):
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
            crew = None if args.dry_run else _crew(ledger, log, environ)
            if crew:
                # What the others hold is theirs: records are read with each claim.
                start = replace(start, records=(), crew=crew)
            metrics = Metrics()
            delivery = Delivery(socket.gethostname(), environ, log.mask, log.redact)
            host = Host(
                log.logger,
                metrics,
                lambda: log.lost,
                SystemClock(),
                ServiceManager(environ),
                delivery.deliver,
                environ,
            )
            book = _NoBook(ledger) if args.dry_run else crew or ledger
            daemon = Daemon(start, book, _connector(log, metrics, environ), host)
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
    if not dry_run:
        return open_ledger(url, Access.DAEMON)
    if places.ledger_exists(url):
        return open_ledger(url, Access.READ)
    return open_ledger(places.IN_MEMORY, Access.DAEMON)


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
) -> Start:
    """Choose what is put in force: the file, or else the last good configuration."""
    rejected = found if isinstance(found, ConfigError) else None
    settings = found if isinstance(found, Settings) else former.last_good(ledger, environ)
    if settings is None:
        raise rejected or AssertionError("unreachable")
    records = tuple(ledger.records())
    orphans = {record.key.cluster for record in records} - settings.clusters.keys()
    return Start(
        settings=settings,
        file=file,
        folder=file.absolute().parent,
        records=records,
        overrides=tuple(ledger.overrides()),
        former=former.clusters(orphans, ledger.configs(), environ) if orphans else {},
        rejected=rejected,
        has_lost_ledger=ledger.loss is not None,
        dry_run=dry_run,
    )


def _crew(ledger: Ledger, log: Log, environ: Mapping[str, str]) -> Crew | None:
    """Join the daemons on *ledger*, if it is one that several share."""
    if not isinstance(ledger, PostgresqlLedger):
        return None

    def find(names: set[str]) -> Mapping[str, ClusterSettings]:
        return former.clusters(names, ledger.configs(), environ)

    beats = PostgresqlLedger(ledger.url, Access.DAEMON, ledger.user, pool=1)
    return Crew((ledger, beats), log.logger, SystemClock(), find, ledger.overrides())


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


class _NoBook(Book):
    """Where a dry run writes: nowhere; it reads what there is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        pass

    def save_config(self, config: AppliedConfig) -> None:
        pass

    def note_reading(self, faults: Sequence[str]) -> None:
        pass

    def note_troubles(self, changes: Mapping[str, Trouble | None]) -> None:
        pass

    def forget_attempts(self, before: datetime, most: int) -> None:
        pass

    def count_overrides(self) -> int:
        return self._ledger.count_overrides()

    def overrides(self) -> list[Override]:
        return self._ledger.overrides()
