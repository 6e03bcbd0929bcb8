"""What clusters have, asked of all at once for a person who waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from daemon.cli.reports.impact import Inventory, Periods
from daemon.core.repository import is_id, is_null
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
    return asyncio.run(_take_all(clusters, environ))


async def _take_all(
    clusters: Mapping[str, ClusterSettings], environ: Mapping[str, str]
) -> dict[str, Inventory | ServiceError]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(cluster: ClusterSettings) -> Inventory | ServiceError:
        async with turns:
            service = service_for(cluster, environ)
            try:
                return await _take(cluster.name, service)
            finally:
                service.close()

    asked = await asyncio.gather(*map(ask, clusters.values()))
    return dict(zip(clusters, asked, strict=True))


async def _take(name: str, service: BackupService) -> Inventory | ServiceError:
    try:
        found = await service.repositories()
    except ServiceError as exc:
        return exc
    try:
        periods: Periods = await service.periods()
    except ServiceError:
        periods = {}
    odd = () if is_null(found) else tuple(row for row in found if row.problem)
    repositories = tuple(row for row in found if is_id(row.id))
    return Inventory(name, repositories, periods, service.certificate_ends, odd)


def service_for(cluster: ClusterSettings, environ: Mapping[str, str]) -> BackupService:
    """Return the service of a cluster, asked by a person: few attempts, and nothing is logged."""
    retry = replace(cluster.retry, attempts=min(cluster.retry.attempts, ATTEMPTS))
    return BackupService(
        replace(cluster, retry=retry),
        environ=environ,
        on_attempt=lambda _: None,
        now=lambda: datetime.now(UTC),
    )
