"""A member of those that share a ledger, with leases as its lanes would have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.core.moment import Moment
from daemon.core.shares import Lease
from daemon.fleet.member import Membership
from daemon.host.clock import SystemClock
from daemon.ledger.ledger import Access, SharedLedger
from daemon.ledger.opening import open_ledger
from tests.unit.ledger.ledger_samples import CONFIG

LEASE = timedelta(seconds=3)
PATIENCE_S = 60.0


@dataclass
class Log:
    """Notes what is said."""

    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **keys: object) -> None:
        """Note it."""
        self.said.append((event, keys))

    warning = error = critical = info

    def of(self, event: str) -> list[dict[str, object]]:
        """List what was said of *event*."""
        return [keys for name, keys in self.said if name == event]


@dataclass
class Daemon:
    """A membership, and the leases that its lanes would have."""

    membership: Membership
    log: Log
    leases: dict[str, Lease] = field(default_factory=dict)

    def keep_up(self) -> None:
        """Take what was claimed, and give back what is too much."""
        for lease, _ in self.membership.granted():
            self.leases[lease.cluster] = lease
        plan = self.membership.rebalance
        for name in sorted(self.leases)[: plan.excess]:
            self.end(name)

    def end(self, name: str) -> None:
        """End a lane."""
        lease = self.leases.pop(name)
        self.membership.let_go(name)
        self.membership.ended(lease, ())


@asynccontextmanager
async def joined(
    url: str, *clusters: str, clock: Callable[[], Moment] | None = None
) -> AsyncIterator[Daemon]:
    """Have a daemon join, which wants these clusters; without a *clock* it has the real one."""
    with open_ledger(url, Access.DAEMON) as ledger:
        assert isinstance(ledger, SharedLedger)
        log = Log()
        membership = Membership(ledger, log, clock or SystemClock(), lambda _: {}, ())
        daemon = Daemon(membership, log)
        membership.aim(CONFIG, clusters, LEASE)
        membership.start(daemon.keep_up)
        yield daemon
        membership.leave()
        await membership.close(timedelta(seconds=PATIENCE_S))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # the database has no events
            await asyncio.sleep(0.05)
