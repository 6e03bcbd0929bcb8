"""One of several daemons on a shared ledger: a task that reports itself, renews and claims.

What it asks of the database is asked on a thread of its own, which no lane's writes hold up; what
it knows is known on the event loop alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from daemon import __version__
from daemon.core.attempt import Attempt
from daemon.core.moment import Moment
from daemon.core.shares import LONGEST_SKEW, Lease, Rebalance, plan_rebalance, renewal_of
from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.fleet.chores import Chores
from daemon.fleet.late_calls import LateCalls
from daemon.fleet.leases import Leases
from daemon.fleet.steps import do_all
from daemon.host.thread import WorkerThread
from daemon.ledger.ledger import SharedLedger
from daemon.ledger.postgresql.claims import Claims, Grant, Heartbeat, MemberReport
from daemon.ledger.postgresql.fenced_store import FencedWriter
from daemon.ledger.state import AppliedConfig, Reading
from daemon.ledger.thread import LaneStore, LedgerThread
from daemon.log import events
from daemon.log.interface import Log
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override

T = TypeVar("T")

BEAT_S = 0.3
"""How often it is looked who lives and what is free."""

SURE_WITHIN = timedelta(seconds=5)
"""An answer that took longer tells nothing of how far two clocks are apart."""

Find = Callable[[set[str]], Mapping[str, ClusterSettings]]


class Membership:
    """Our membership; for the daemon it is also the ledger that it reads and writes."""

    def __init__(
        self,
        ledger: SharedLedger,
        log: Log,
        clock: Callable[[], Moment],
        find: Find,
        overrides: Sequence[Override],
    ) -> None:
        """Join the daemons on *ledger*.

        *find* returns how to reach clusters that the file no longer names.
        """
        self._ledger = ledger
        self.id = ledger.user
        # On a connection of its own: no heartbeat has to wait for the writes of passes.
        self._connection = ledger.another_connection()
        self._claims = Claims(self._connection, self.id)
        self._writer = LedgerThread(
            FencedWriter(ledger, self.id, clock).write_together, ledger.place
        )
        self._log = log
        self._clock = clock
        self._find = find
        self._since = datetime.now(UTC)
        self._woken = asyncio.Event()
        self._thread = WorkerThread("membership")
        self._on_news: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        self._is_leaving = self._is_closing = False
        self._config: AppliedConfig | None = None
        self._named: frozenset[str] = frozenset()
        self._lease = timedelta(0)
        self._renewed: timedelta | None = None
        self._heartbeat: Heartbeat | None = None
        self._leases = Leases()
        self.late_calls = LateCalls()
        self._found: dict[str, ClusterSettings] = {}
        self._sought: set[str] = set()
        self._skew = timedelta(0)
        self._reading = Reading()
        self._chores = Chores(ledger, self._claims, log, overrides)
        self._listed: frozenset[str] = frozenset()
        self._said: dict[str, object] = {}
        self._unreachable: str | None = None

    # What the main loop asks and says

    def aim(self, config: AppliedConfig, clusters: Collection[str], lease: timedelta) -> None:
        """Speak to *clusters* from now on, by *config*, as far as that is what is in force."""
        if self._config is None or config.digest != self._config.digest:
            self._config = config
        self._named, self._lease, self._renewed = frozenset(clusters), lease, None
        self._sought.clear()
        self._woken.set()

    def start(self, on_news: Callable[[], None]) -> None:
        """Begin; *on_news* is called when there is something for the daemon's loop to do."""
        self._on_news = on_news
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="membership")

    @property
    def agrees(self) -> bool:
        """Whether our file is the configuration in force."""
        heartbeat, config = self._heartbeat, self._config
        return heartbeat is not None and config is not None and heartbeat.digest == config.digest

    @property
    def may_pause(self) -> bool:
        """Whether our wall clock is near enough to the database's to go by."""
        return abs(self._skew) <= LONGEST_SKEW

    @property
    def rebalance(self) -> Rebalance:
        """What to let go of, beside what is let go of already."""
        heartbeat = self._heartbeat
        wanted, members = (
            (self._wanted(heartbeat), heartbeat.members) if heartbeat else (frozenset[str](), 1)
        )
        may_claim = self.agrees and not self._is_leaving
        return plan_rebalance(self._leases.staying, wanted, members, may_claim=may_claim)

    def _wanted(self, heartbeat: Heartbeat) -> frozenset[str]:
        return self._named | (heartbeat.recorded & self._found.keys())

    def granted(self) -> list[tuple[Lease, Grant]]:
        """Take what was claimed since the last time."""
        return self._leases.granted()

    def settings_of(self, cluster: str) -> ClusterSettings | None:
        """Return how to reach a cluster that the file no longer names."""
        return self._found.get(cluster)

    def store(self, lease: Lease) -> LaneStore:
        """Return where the lane of a claimed cluster writes."""
        return LaneStore(self._writer, lease)

    def let_go(self, cluster: str) -> None:
        """Note that its lane ends; the claim is renewed until it has."""
        self._leases.let_go(cluster)

    def ended(self, lease: Lease, unrecorded: Iterable[Attempt]) -> None:
        """Give a cluster back whose lane has ended; what it could not record is kept as stale."""
        self._leases.end(lease, unrecorded)
        self.late_calls.end(lease.cluster)
        self._woken.set()

    def problems(self) -> list[str]:
        """Say why somebody should look after this daemon."""
        found = []
        if self._unreachable:
            found.append(f"the ledger cannot be reached: {self._unreachable}")
        elif self._heartbeat and not self.agrees:
            found.append(
                "the file is not the configuration in force"
                f" (generation {self._heartbeat.generation}), so nothing is done by it:"
                " cbmaintd apply"
            )
        if not self.may_pause:
            found.append(
                f"the clock differs from the database's by {self._skew.total_seconds():.0f} s, so"
                " nothing new is paused"
            )
        return found

    def leave(self) -> None:
        """Claim nothing more, and let the others take what is given back."""
        self._is_leaving = True
        self._woken.set()

    async def close(self, within: timedelta) -> None:
        """Wait until what was given back is free, and end."""
        self._is_closing = True
        self._woken.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=within.total_seconds())

    # The notes of the daemon

    def note_reading(self, faults: Sequence[str]) -> None:
        """Note that the file was read, and what was wrong with it."""
        self._reading = Reading(str(uuid.uuid4()), tuple(faults))
        self._woken.set()

    def forget_attempts(self, before: datetime, most: int) -> None:
        """Delete old attempts, some every second until there are no more."""
        self._chores.forget_attempts(before, most)

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer, and which do again, at the next beat."""
        self._chores.note_unreachable(changes)

    def overrides(self) -> list[Override]:
        """List what people decided beside the file."""
        return list(self._chores.overrides)

    # The task

    async def _ask(self, ask: Callable[[], T]) -> T:
        """Return what *ask* returns on our thread; nothing on the loop waits but this task."""
        return await self._thread.run(ask)

    async def _work(self) -> None:
        while not self._is_closing:
            await self._step_safely(self._step)
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._woken.wait()
            self._woken.clear()
        await self._step_safely(self._say_goodbye)
        self._connection.close()

    async def _step_safely(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except LedgerError as exc:
            if self._unreachable is None:
                keys = {"cluster": None, "repository": None, "error": str(exc)}
                self._log.error(events.LEDGER_FAILED, **keys)  # no bug of ours
            self._unreachable = str(exc)
        except Exception:  # noqa: BLE001  # a bug here must not end the beats: holds hang on them
            self._log.critical(events.PASS_CRASHED, cluster=None, exc_info=True)
            await asyncio.sleep(BEAT_S)
        else:
            if self._unreachable is not None:
                self._log.info(events.LEDGER_RECOVERED, cluster=None, repository=None)
            self._unreachable = None

    async def _step(self) -> None:
        """Make one beat; what fails of it keeps nothing of the rest from being done.

        1. Renew what is due: what was renewed counts, whatever becomes of the rest.
        2. Give back what was let go of, and keep what came too late as stale.
        3. Report ourselves, see how things stand, claim what is our share, and do the chores.
        """
        steps = (self._renew, self._give_back, self._take_part)
        if self._is_leaving:
            leave = partial(self._ask, self._claims.leave)
            steps = (leave, self._give_back, self._renew)
        await do_all(*steps)

    async def _take_part(self) -> None:
        heartbeat, config = await self._beat()
        await do_all(
            partial(self._seek, heartbeat),
            partial(self._claim, heartbeat),
            partial(self._note_looks, heartbeat),
            partial(self._do_chores, heartbeat, config),
        )

    def _report(self, config: AppliedConfig) -> MemberReport:
        return MemberReport(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            since=self._since,
            version=__version__,
            config=config,
            skew=self._skew,
            reading=self._reading,
        )

    async def _beat(self) -> tuple[Heartbeat, AppliedConfig]:
        config, lease = self._config, self._lease
        if config is None:
            raise AssertionError("a member is aimed before it starts")
        before, report = self._clock(), self._report(config)
        heartbeat = await self._ask(lambda: self._claims.beat(report, lease))
        after = self._clock()
        self._heartbeat = heartbeat
        if after.uptime - before.uptime < SURE_WITHIN:
            self._compare_clocks(before.wall + (after.wall - before.wall) / 2 - heartbeat.now)
        self._say_agreement(heartbeat, config)
        return heartbeat, config

    async def _renew(self) -> None:
        """Let leases go on from when that was asked for; what is not renewed is lost.

        A claim whose lane has ended is not renewed: if it cannot be given back it ends by itself.
        """
        sent, lease, ended = self._clock().uptime, self._lease, self._leases.ended
        if self._renewed is not None and sent - self._renewed < renewal_of(lease):
            return
        renewed = await self._ask(lambda: self._claims.renew(lease, ended))
        self._renewed = sent
        self._say_lost(self._leases.renew(renewed, sent + lease))

    def lose(self, leases: Iterable[Lease]) -> None:
        """Note that these leases are over: others may have their clusters by now."""
        self._say_lost(sorted(lease.cluster for lease in leases if self._leases.lose(lease)))

    def _say_lost(self, lost: Sequence[str]) -> None:
        if lost:
            self._log.warning(events.CLUSTERS_LOST, clusters=list(lost))

    def _compare_clocks(self, skew: timedelta) -> None:
        could_pause, self._skew = self.may_pause, skew
        if could_pause and not self.may_pause:
            self._log.error(events.CLOCK_DIFFERS, by_s=round(skew.total_seconds(), 3))
            self._on_news()
        elif self.may_pause and not could_pause:
            self._log.info(events.CLOCK_AGREES, by_s=round(skew.total_seconds(), 3))
            self._on_news()

    def _say_agreement(self, heartbeat: Heartbeat, config: AppliedConfig) -> None:
        news = (heartbeat.generation, config.digest, heartbeat.digest)
        if self._said.get("config") == news:
            return
        self._said["config"] = news
        keys = {"path": config.path, "generation": heartbeat.generation}
        if self.agrees:
            self._log.info(events.CONFIG_AGREES, **keys)
        else:
            self._log.error(events.CONFIG_DIFFERS, **keys)
        self._on_news()

    async def _give_back(self) -> None:
        found = self._leases.to_return()
        if found.late:
            for late, why in await self._ask(lambda: self._claims.keep_stale(found.late)):
                keys = {"cluster": late.cluster, "repository": late.repository, "error": why}
                self._log.error(events.LEDGER_FAILED, **keys)
            self._leases.kept(len(found.late))
        if found.epochs:
            await self._ask(lambda: self._claims.give_back(found.epochs))
            released = self._leases.returned(found.epochs)
            if released:
                self._log.info(events.CLUSTERS_RELEASED, clusters=released)

    async def _seek(self, heartbeat: Heartbeat) -> None:
        """Find how to reach clusters that have records and that the file does not name."""
        strangers = set(heartbeat.recorded) - self._named - self._found.keys() - self._sought
        if strangers:
            self._sought |= strangers
            self._found |= await self._ask(lambda: self._find(strangers))
            for name in sorted(strangers - self._found.keys()):
                self._log.error(events.CLUSTER_UNKNOWN, cluster=name, holds=None)

    async def _claim(self, heartbeat: Heartbeat) -> None:
        plan, wanted, lease = self.rebalance, self._wanted(heartbeat), self._lease
        if plan.must_go or plan.excess:
            self._on_news()
        sent = self._clock()
        names = self._leases.names
        if heartbeat.claims < len(self._listed):
            self._listed = frozenset()
        # Where shares are uneven somebody may always have one more, and nearly never is one free.
        if not (plan.claim and (wanted - self._listed or wanted & heartbeat.free - names)):
            return
        grants = await self._ask(lambda: self._claims.claim(wanted, names, plan.claim, lease))
        self._listed |= wanted
        if grants:
            self._leases.take(grants, sent.uptime + lease)
            self._log.info(
                events.CLUSTERS_CLAIMED, clusters=sorted(each.cluster for each in grants)
            )
            self._on_news()

    async def _note_looks(self, heartbeat: Heartbeat) -> None:
        """Have late calls looked at, and note those that lanes have recorded."""
        if self.late_calls.find(heartbeat.stale, self._leases.names):
            self._on_news()
        last = self.late_calls.to_note()
        if last:
            await self._ask(lambda: self._claims.looked(last))
            self.late_calls.noted(last)

    async def _do_chores(self, heartbeat: Heartbeat, config: AppliedConfig) -> None:
        async def ask(question: Callable[[], T]) -> T:
            # Each may wait for somebody's lock; several that do would take as long as a lease.
            await self._renew()
            return await self._ask(question)

        uptime = self._clock().uptime
        await self._chores.do(ask, heartbeat.overrides, config.path, uptime, self._on_news)

    async def _say_goodbye(self) -> None:
        self._leases.end_untaken()
        await self._ask(self._claims.leave)
        await self._give_back()
