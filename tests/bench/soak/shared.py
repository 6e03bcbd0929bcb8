"""The soak of several daemons on one PostgreSQL, behind a pgbouncer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from tests.bench.soak.books import DatabaseBook
from tests.bench.soak.calls import Call, WatchedGateway, overlapping
from tests.bench.soak.host import Host, windows_never, windows_soon
from tests.bench.soak.shared_nemesis import LEASE_S, SharedNemesis
from tests.bench.soak.soak import PEACE_WITHIN_S, Soak
from tests.bench.soak.world import World
from tests.evil.wallshim import WallClock
from tests.host.pooler import Pooler, pooler
from tests.host.postgres import Postgres, server

MODES = ("transaction", "session")
CALL_S = 1.0
TIMEOUT = "{connect: 800ms, read: 800ms, total: 1s}"
CONCURRENCY = 2
LATENCY_MS = 250.0
"""With two calls at once to four repositories, whatever goes wrong often meets one in flight."""

ON_ITS_WAY_S = 0.2
"""How long a call may have been under way already when its gateway began to count."""

AWAKE_S = 0.3
"""How long after a member has woken a call may come that it was about to send when it fell asleep:
nothing that a daemon can do comes between its last look at the clock and the system's send."""


class SharedSoak(Soak):
    """Several daemons, each with a folder of its own, as on machines of their own."""

    postgres: Postgres
    pooler: Pooler
    book: DatabaseBook
    nemesis: SharedNemesis

    def _prepare(self, exits: ExitStack) -> None:
        self.postgres = exits.enter_context(server())
        self._mode = self._dice_of(2).choice(MODES)
        # What it could not reach it would leave alone for 15 s, which are better spent here.
        retry = "server_login_retry = 1\n"
        self.pooler = exits.enter_context(pooler(self.postgres, self._mode, retry))
        self.book = DatabaseBook(self.postgres, self.pooler.url())
        exits.callback(self.book.close)
        names = [f"m{number}" for number in range(self._args.members)]
        members = {name: self._password() for name in names}
        self.world = World(
            self.book,
            self._password(),
            self._dice_of(1),
            self._args.evil,
            members,
            LATENCY_MS,
        )
        exits.callback(self.world.close)
        self.world.open(self._args.clusters, self._args.repositories)
        self.hosts = [self._host(name, password) for name, password in members.items()]
        self.nemesis = SharedNemesis(
            self.hosts, self.world, self._dice, self.postgres, self.pooler, self.done
        )
        self.nemesis.save(windows_soon(self.hosts[0], self._dice))

    def _host(self, name: str, password: str) -> Host:
        folder = self._folder / name
        folder.mkdir()
        clock = WallClock(folder)
        top = f"lease: {LEASE_S:.0f}s\n"
        host = Host(
            folder, folder, clock, self.world, top=top, timeout=TIMEOUT, concurrency=CONCURRENCY
        )
        host.save_password(password)
        return host

    def _rage(self, seconds: float) -> None:
        self.nemesis.rage(seconds)

    def _heal(self) -> None:
        self.world.evil_share = 0.0
        for host in self.hosts:
            if not host.is_running:
                host.note_end()
                host.start()
        self._healed = time.monotonic()
        self.nemesis.save(windows_never(self.hosts[0]))
        self.nemesis.apply()

    def _expect_peace(self) -> None:
        super()._expect_peace()
        while silent := self._silent():
            if time.monotonic() - self._healed > PEACE_WITHIN_S:
                self.hosts[0].violations.append(f"I9: nobody speaks to {', '.join(silent)}")
                return
            time.sleep(0.2)

    def _silent(self) -> list[str]:
        """Name the clusters that nobody has, or that nobody has asked for a list since."""
        held = self.postgres.ask("select cluster from claim where expires > clock_timestamp()")
        return [
            name
            for name, gateway in self._gateways().items()
            if (name,) not in held or max(gateway.last_list.values(), default=0) < self._healed
        ]

    def _gateways(self) -> dict[str, WatchedGateway]:
        found = self.world.gateways.items()
        return {name: each for name, each in found if isinstance(each, WatchedGateway)}

    def _report(self) -> dict[str, Any]:
        met, excused = self._meetings()
        self.hosts[0].violations += [f"I6: two calls at once on {text}" for text in met]
        return {
            **super()._report(),
            "pooler": self._mode,
            "marks that could not be read": self.book.unread,
            "calls sent on waking that met another": excused,
            "calls of each": {
                host.folder.name: sum(call.member == host.folder.name for call in self._calls())
                for host in self.hosts
            },
        }

    def _calls(self) -> list[Call]:
        return [call for gateway in self._gateways().values() for call in gateway.calls]

    def _meetings(self) -> tuple[list[str], int]:
        met, excused = [], 0
        for name, gateway in self._gateways().items():
            for first, second in overlapping(gateway.calls, CALL_S - ON_ITS_WAY_S):
                if first.member != second.member and (self._woke(first) or self._woke(second)):
                    excused += 1
                else:
                    met.append(f"{name}: {first} {second}")
        return met, excused

    def _woke(self, call: Call) -> bool:
        """Check whether its sender had just woken."""
        return any(
            name == call.member and woken - AWAKE_S <= call.began <= woken + AWAKE_S
            for name, woken in self.nemesis.woken
        )
