"""What goes wrong where several daemons share a database: members, pooler, server, other people."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from tests.bench.soak.host import Host, windows_soon
from tests.bench.soak.world import World
from tests.host.pooler import Pooler
from tests.host.postgres import ROLE, Postgres

LEASE_S = 3.0
TABLES = ("record", "claim", "member", "attempt", "listing", "config", "meta")
PLANNED_EVERY_S = 6.0
"""How often something is planned that opens within seconds; it lasts no longer than 14 s."""

BROKEN = "windows: ["
HOUR_S = 3600.0
PATIENCE = "5s"
"""How long other people wait for a lock; while they do, nobody else gets it."""

APPLIED_WITHIN_S = 60.0


@dataclass
class SharedNemesis:
    """Disturbs all that several daemons need, one thing after the other, chosen by dice."""

    hosts: Sequence[Host]
    world: World
    dice: random.Random
    postgres: Postgres
    pooler: Pooler
    done: Counter[str]
    woken: list[tuple[str, float]] = field(default_factory=list)
    _idle: list[tuple[float, ExitStack]] = field(default_factory=list)
    _planned: float = 0.0
    _opened: int = 0

    def rage(self, seconds: float) -> None:
        """Do all that there is, in any order, again and again for so long."""
        end = time.monotonic() + seconds
        cards: list[tuple[str, Callable[[], None]]] = []
        while time.monotonic() < end:
            if not cards:
                cards = [card for card, count in self._deck() for _ in range(count)]
                self.dice.shuffle(cards)
            name, act = cards.pop()
            self.done[name] += 1
            act()
            self._go_on(self.dice.uniform(0.1, 1.0))
        self._end_idle(now=float("inf"))

    def _deck(self) -> Iterator[tuple[tuple[str, Callable[[], None]], int]]:
        for act, count in (
            (self.kill, 3),
            (self.freeze, 3),
            (self.stop, 1),
            (self.person, 3),
            (self.bad_edit, 1),
            (self.status, 1),
            (self.restart_pooler, 2),
            (self.restart_database, 1),
            (self.crash_database, 3),
            (self.terminate, 2),
            (self.lock, 3),
            (self.vacuum_full, 2),
            (self.add_column, 1),
            (self.idle_transaction, 2),
            (self.repeatable_read, 1),
            (self.serializable, 1),
            (self.statement_timeout, 1),
            (self.idle_session_timeout, 1),
            (self.commit_asynchronously, 1),
        ):
            yield (act.__name__.replace("_", " "), act), count
        if self.hosts[0].clock.is_available:
            yield ("step clock", self.step_clock), 1

    def _be_busy(self) -> None:
        """Wait until something may just have opened or closed."""
        self._planned = 0.0
        self._go_on(self.dice.uniform(0, 3))

    def _go_on(self, seconds: float, *, revive: bool = True) -> None:
        """Let so much time pass, in which people live, windows open and the dead come back."""
        end = time.monotonic() + seconds
        while True:
            self._end_idle(time.monotonic())
            if time.monotonic() - self._planned > PLANNED_EVERY_S:
                self._planned = time.monotonic()
                self.dice.choice([self.edit, self.open, self.open])()
            for host in self.hosts:
                host.measure()
                if revive and not host.is_running:
                    host.note_end()
                    host.start()
            if time.monotonic() >= end:
                return
            if self.dice.random() < 0.3:
                self.world.disturb(self.dice)
            time.sleep(max(min(0.5, end - time.monotonic()), 0))

    # Plans

    def edit(self) -> None:
        """Plan other windows, in the files of all, and put them in force."""
        self.save(windows_soon(self.hosts[0], self.dice))
        self.apply(within_s=5.0)

    def save(self, windows: str) -> None:
        """Write the same file for all."""
        for host in self.hosts:
            host.save_config(windows)

    def apply(self, within_s: float = APPLIED_WITHIN_S) -> None:
        """Put what the files say in force; a database that is away for long is no fault."""
        end = time.monotonic() + within_s
        while True:
            done = self._somewhere().ask("apply")
            self._expect_no_bug("apply", done.returncode, done.stderr)
            if done.returncode == 0 or time.monotonic() > end:
                return
            time.sleep(0.5)

    def open(self) -> None:
        """Have somebody open an unplanned window for some seconds."""
        self._opened += 1
        pattern = self.dice.choice(["c*/*", "c0*/*", "c1*/*", "c*/r0"])
        seconds = self.dice.randint(2, 10)
        target = ["--repository", pattern, "--for", f"{seconds}s"]
        done = self._somewhere().ask("open", f"u{self._opened}", *target)
        self._expect_no_bug("open", done.returncode, done.stderr)

    def person(self) -> None:
        """Let people do some things."""
        for _ in range(self.dice.randint(1, 4)):
            self.world.disturb(self.dice)

    def bad_edit(self) -> None:
        """Break one member's file for a while."""
        host = self.dice.choice(self.hosts)
        text = host.config.read_text()
        host.config.write_text(BROKEN)
        self._go_on(self.dice.uniform(0.5, 3))
        if host.config.read_text() == BROKEN:
            host.config.write_text(text)

    def status(self) -> None:
        """Ask for the status."""
        done = self._somewhere().ask("status", "--output", "json")
        self._expect_no_bug("status", done.returncode, done.stderr)

    def _somewhere(self) -> Host:
        """Return a host whose file is not broken."""
        return self.dice.choice([h for h in self.hosts if h.config.read_text() != BROKEN])

    def _expect_no_bug(self, what: str, code: int, said: str) -> None:
        if code not in {0, 1} or "Traceback" in said or "a bug" in said:
            self.hosts[0].violations.append(f"{what}: {code} {said.strip()[-500:]}")
        self.done[f"{what} refused"] += code

    # Members

    def kill(self) -> None:
        """Kill one, and start it again sooner or later than its claims end."""
        self._be_busy()
        host = self.dice.choice(self.hosts)
        if host.is_running:
            host.kill()
        self._go_on(self.dice.uniform(0, 2 * LEASE_S), revive=False)

    def freeze(self) -> None:
        """Stop one for longer than its lease, and wake it."""
        self._be_busy()
        host = self.dice.choice(self.hosts)
        with host.frozen():
            self._go_on(self.dice.uniform(LEASE_S, 2.5 * LEASE_S))
        self.woken.append((host.folder.name, time.monotonic()))

    def stop(self) -> None:
        """Stop one in order."""
        host = self.dice.choice(self.hosts)
        if host.has_started:
            host.stop()

    def step_clock(self) -> None:
        """Step the clock of one for a while."""
        host = self.dice.choice(self.hosts)
        far = self.dice.choice([HOUR_S, 20.0])
        host.clock.step_to(round(self.dice.uniform(-far, far), 3))
        self._go_on(self.dice.uniform(1, 5))
        host.clock.step_to(0.0)

    # The pooler and the server

    def restart_pooler(self) -> None:
        """Kill the pooler with all connections, and start it at once or later."""
        self._be_busy()
        self.pooler.kill()
        time.sleep(self.dice.choice([0.0, 0.5, LEASE_S + 1]))
        self.pooler.start()

    def restart_database(self) -> None:
        """Restart the server as an administrator does."""
        self._be_busy()
        self.postgres.restart()

    def crash_database(self) -> None:
        """End the server in the middle of whatever it does, and start it at once or later."""
        self._be_busy()
        self.postgres.stop()
        time.sleep(self.dice.choice([0.0, 0.5, LEASE_S + 1]))
        self.postgres.start()

    def terminate(self) -> None:
        """End all sessions of daemons."""
        ended = "select pg_terminate_backend(pid) from pg_stat_activity"
        self._ask(f"{ended} where usename = '{ROLE}'")

    # Other people

    def lock(self) -> None:
        """Lock some tables for longer than a lease."""
        names = ", ".join(self.dice.sample(TABLES, self.dice.choice([1, 1, 2, len(TABLES)])))
        with self._somebody() as somebody:
            somebody.execute(f"lock table {names} in access exclusive mode".encode())
            self._go_on(self.dice.uniform(LEASE_S, 2 * LEASE_S))

    def vacuum_full(self) -> None:
        """Rewrite tables under everybody's hands."""
        for name in TABLES:
            self._ask(f"vacuum full {name}")

    def add_column(self) -> None:
        """Add a column to some table, in a transaction that takes its time; drop it later."""
        name = self.dice.choice(TABLES)
        with self._somebody() as somebody:
            change = f"alter table {name} add column soaked text not null default ''"
            somebody.execute(change.encode())
            self._go_on(self.dice.uniform(0, 1.5 * LEASE_S))
            somebody.commit()
            self._go_on(1.0)
        self._ask(f"alter table {name} drop column if exists soaked")

    def idle_transaction(self) -> None:
        """Leave a transaction open for long, which has read everything and holds a row fast."""
        exits = ExitStack()
        with suppress(psycopg.Error):
            somebody = exits.enter_context(self.postgres.session())
            somebody.execute(f"set lock_timeout = '{PATIENCE}'".encode())
            somebody.commit()
            somebody.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            for name in TABLES:
                somebody.execute(f"table {name}".encode())
            if self.dice.random() < 0.5:
                somebody.execute("select 1 from record limit 1 for update")
        self._idle.append((time.monotonic() + self.dice.uniform(5, 20), exits))

    def _end_idle(self, now: float) -> None:
        for ends, exits in [*self._idle]:
            if ends <= now:
                self._idle.remove((ends, exits))
                with suppress(psycopg.Error):
                    exits.close()

    def repeatable_read(self) -> None:
        """Have every transaction of the role see one state, unless it says otherwise."""
        self._have_role("default_transaction_isolation = 'repeatable read'")

    def serializable(self) -> None:
        """Have the role's transactions fail where they would not fit one after the other."""
        self._have_role("default_transaction_isolation = 'serializable'")

    def statement_timeout(self) -> None:
        """Have each statement of the role end very soon."""
        self._have_role("statement_timeout = '20ms'")

    def idle_session_timeout(self) -> None:
        """Have each session of the role end that waits for its next transaction."""
        self._have_role("idle_session_timeout = '200ms'")

    def commit_asynchronously(self) -> None:
        """Have the database's transactions lost that a crash meets, unless they say otherwise."""
        self._ask("alter database cbmaintd set synchronous_commit = off")
        self.terminate()
        self._go_on(self.dice.uniform(1, LEASE_S))
        self.crash_database()
        self._ask("alter database cbmaintd reset all")

    def _have_role(self, setting: str) -> None:
        self._ask(f"alter role {ROLE} set {setting}")
        self.terminate()
        self._go_on(self.dice.uniform(LEASE_S, 2 * LEASE_S))
        self._ask(f"alter role {ROLE} reset all")
        self.terminate()

    def _ask(self, statement: str) -> None:
        """Have the server do something, unless somebody else is in the way for long."""
        try:
            self.postgres.ask(statement, options=f"-c lock_timeout={PATIENCE}")
        except psycopg.Error as exc:
            self.done[f"{type(exc).__name__}"] += 1

    @contextmanager
    def _somebody(self) -> Iterator[psycopg.Connection]:
        """Return the transaction of somebody who waits for no lock for long."""
        try:
            with self.postgres.session() as somebody:
                somebody.execute(f"set local lock_timeout = '{PATIENCE}'".encode())
                yield somebody
        except psycopg.Error as exc:
            self.done[f"{type(exc).__name__}"] += 1
