"""A modelled service, a ledger in memory and virtual clocks, for rescues to be made on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.core.attempt import Attempt, CallError
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import ObservedRepository, RepositoryKey, RepositoryState
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.passes.dispatch import Clocks
from daemon.passes.rescue import Rescue, Result
from daemon.service.client import KeepTrying, MaySend, ServiceError, WithheldError
from daemon.service.cluster import ClusterSettings

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOOT = "boot"
ACTIVE, PAUSED = RepositoryState.ACTIVE, RepositoryState.PAUSED


@dataclass
class VirtualClocks:
    """Virtual clocks: a wait passes at once, unless somebody wants to stop."""

    uptime: timedelta = timedelta(hours=1)
    is_stopping: bool = False
    waited: list[timedelta] = field(default_factory=list)

    def now(self) -> Moment:
        """Read both."""
        return Moment(BEGIN + self.uptime, BOOT, self.uptime)

    async def wait(self, delay: timedelta) -> bool:
        """Let time pass."""
        self.uptime += delay
        if delay:
            self.waited.append(delay)
        return self.may_send()

    def may_send(self) -> bool:
        """Check whether nobody wants to stop."""
        return not self.is_stopping


@dataclass
class Cluster:
    """A service whose repositories are a dictionary, and that refuses what it is told to."""

    states: dict[str, RepositoryState]
    refused: dict[str, Exception] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    was_cut: bool = False

    async def repositories(
        self, _windows: tuple[str, ...], _keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List them."""
        self._refuse("list")
        return tuple(ObservedRepository(id_, state) for id_, state in self.states.items())

    async def pause(
        self, repository: str, _windows: tuple[str, ...], _trying: KeepTrying, _may_send: MaySend
    ) -> bool:
        """Fail the test."""
        raise AssertionError(repository)

    async def resume(
        self, repository: str, _windows: tuple[str, ...], _trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Resume one, unless it is withheld, refused or ignored."""
        if not may_send():
            raise WithheldError("prod: resume withheld")
        self.sent.append(f"resume {repository}")
        self._refuse(f"resume {repository}")
        if repository not in self.ignored:
            self.states[repository] = ACTIVE
        return False

    async def backup(
        self, repository: str, _windows: tuple[str, ...], _trying: KeepTrying, _may_send: MaySend
    ) -> bool:
        """Start a backup."""
        self.sent.append(f"backup {repository}")
        return False

    def close(self) -> None:
        """Note that somebody had enough."""
        self.was_cut = True

    def _refuse(self, what: str) -> None:
        if what in self.refused:
            raise self.refused[what]


@dataclass
class Book:
    """A ledger in memory, which may be full."""

    records: dict[RepositoryKey, Record] = field(default_factory=dict)
    is_full: bool = False

    async def save(
        self,
        records: Iterable[Record],
        _attempts: Iterable[Attempt] = (),
        _news: News | None = None,
    ) -> None:
        """Keep what is not spent."""
        if self.is_full:
            raise LedgerError("the disk is full")
        for record in records:
            self.records[record.key] = record
        self.records = {key: record for key, record in self.records.items() if not record.is_spent}


@dataclass
class Scene:
    """A cluster, a ledger and clocks; `rescue` is made of them."""

    cluster: Cluster
    book: Book
    clocks: VirtualClocks = field(default_factory=VirtualClocks)

    def rescue(self) -> Rescue:
        """Prepare a rescue of all that the ledger has."""
        return Rescue(
            ClusterSettings("prod"),
            list(self.book.records.values()),
            self.book,
            lambda _settings, _remember: self.cluster,
            Clocks(self.clocks.now, self.clocks.wait, self.clocks.may_send),
        )

    def play(self) -> list[Result]:
        """Make a rescue, and tell what became of each repository."""
        rescue = self.rescue()
        asyncio.run(rescue.run())
        return rescue.results()


def scene(*records: Record, **states: RepositoryState) -> Scene:
    """Set a scene of records and of what the service shows."""
    return Scene(Cluster(states), Book({record.key: record for record in records}))


def hold(id_: str = "orders", **keys: Any) -> Record:
    """Return a hold that is confirmed, but for *keys*."""
    usual: dict[str, Any] = {
        "phase": Phase.PAUSED,
        "windows": ("night",),
        "openings": ("night@2026-11-22T00:00:00Z",),
        "since": BEGIN,
        "until": BEGIN + timedelta(days=1),
    }
    return Record(RepositoryKey("prod", id_), **(usual | keys))


def suspected(id_: str = "orders", lasting: timedelta = MINUTE, **keys: Any) -> Record:
    """Return a record that is no hold, of a pause that may land for so long."""
    suspicion = Suspicion(BOOT, VirtualClocks().uptime + lasting, 4 * MINUTE)
    return Record(RepositoryKey("prod", id_), suspect_pause=suspicion, **keys)


def refusal() -> ServiceError:
    """Return what a service says to the wrong user."""
    return ServiceError("prod", CallError.FORBIDDEN, "you may not")


def told(results: list[Result]) -> dict[str, str]:
    """Return the fates by id."""
    return {result.key.id: result.fate for result in results}


def hang(
    stage: Scene,
    *,
    before: Callable[[], Awaitable[object]] | None = None,
    after: Callable[[], object] | None = None,
) -> None:
    """Wait for something before, or do something after, the cluster resumes a repository."""

    class Hooked(Cluster):
        async def resume(
            self, repository: str, windows: tuple[str, ...], trying: KeepTrying, may_send: MaySend
        ) -> bool:
            if before:
                assert await before()
            is_unresolved = await super().resume(repository, windows, trying, may_send)
            if after:
                after()
            return is_unresolved

    stage.cluster = Hooked(stage.cluster.states)
