"""What clusters have, asked of all at once for a person who waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

from daemon.cli.reports.impact import Inventory, Periods
from daemon.service.client import BackupService, ServiceError
from daemon.service.cluster import ClusterSettings

AT_ONCE = 16
ATTEMPTS = 2
"""Somebody is waiting: what fails twice is reported."""


def take_inventories(
    clusters: Mapping[str, ClusterSettings], environ: Mapping[str, str]
) -> dict[str, Inventory | ServiceError]:
    """Ask each cluster for its repositories and plans; an interrupt cuts off the calls in flight.

    A cluster may fail to return its plans: they only say how often tasks run.
    """
    stopping = Event()

    def keep_trying(delay: timedelta) -> bool:
        return not stopping.wait(delay.total_seconds())

    def ask(name: str, service: BackupService) -> Inventory | ServiceError:
        try:
            found = service.repositories(keep_trying=keep_trying)
        except ServiceError as exc:
            return exc
        try:
            periods: Periods = service.periods(keep_trying=keep_trying)
        except ServiceError:
            periods = {}
        return Inventory(name, found, periods, service.certificate_ends)

    with ThreadPoolExecutor(AT_ONCE) as pool, ExitStack() as stack:
        services = {
            name: stack.enter_context(closing(service_for(cluster, environ)))
            for name, cluster in clusters.items()
        }
        stack.callback(stopping.set)
        return dict(zip(services, pool.map(ask, services, services.values()), strict=True))


def service_for(cluster: ClusterSettings, environ: Mapping[str, str]) -> BackupService:
    """Return the service of a cluster, asked by a person: few attempts, and nothing is logged."""
    retry = replace(cluster.retry, attempts=min(cluster.retry.attempts, ATTEMPTS))
    return BackupService(
        replace(cluster, retry=retry),
        environ=environ,
        on_attempt=lambda _: None,
        now=lambda: datetime.now(UTC),
    )
