"""What goes wrong, and when: one action after the other, chosen by dice from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.soak.host import Host, windows_soon
from tests.bench.soak.world import World

BAD_EDITS = ("", "windows: [", "  night:\n    weekly: {days: [someday], start: 02:00}\n", "\x00")
HOUR_S = 3600.0


@dataclass
class Nemesis:
    """Disturbs a host and its world; *has_disk*: the ledger is on a disk that may be filled."""

    host: Host
    world: World
    dice: random.Random
    has_disk: bool
    password: Callable[[], str]
    done: Counter[str]

    def rage(self, seconds: float) -> None:
        """Do one thing after the other for so long; between them, windows come and go."""
        actions = self._actions()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.host.measure()
            name = self.dice.choices(list(actions), [weight for weight, _ in actions.values()])[0]
            self.done[name] += 1
            actions[name][1]()
            time.sleep(self.dice.uniform(0.1, 1.5))
            if not self.host.is_running:
                self.host.start()

    def _actions(self) -> dict[str, tuple[int, Callable[[], None]]]:
        actions = {
            "edit": (8, self.edit),
            "person": (8, self.person),
            "kill": (3, self.host.kill),
            "lost ledger": (1, self.lose_ledger),
            "freeze": (2, lambda: self.host.freeze(self.dice.uniform(0.1, 5))),
            "stop": (1, self.stop),
            "bad edit": (2, self.bad_edit),
            "rotation": (1, self.rotate),
            "status": (1, self.status),
            "second daemon": (1, self.second_daemon),
        }
        if self.host.clock.is_available:
            actions["clock"] = (2, self.step_clock)
        if self.has_disk:
            actions["full disk"] = (2, self.full_disk)
        return actions

    def edit(self) -> None:
        """Plan other windows, whatever is open."""
        self.host.save_config(windows_soon(self.host, self.dice))

    def person(self) -> None:
        """Let people do some things."""
        for _ in range(self.dice.randint(1, 4)):
            self.world.disturb(self.dice)

    def bad_edit(self) -> None:
        """Break the file for a while."""
        self.host.config.write_text(self.dice.choice(BAD_EDITS))
        time.sleep(self.dice.uniform(0.5, 3))
        self.edit()

    def rotate(self) -> None:
        """Change the password on the services, and a little later in the daemon's file."""
        password = self.password()
        self.world.rotate(password)
        time.sleep(self.dice.uniform(0, 2))
        self.host.save_password(password)

    def step_clock(self) -> None:
        """Step the wall clock within an hour of the truth; windows are planned by the new one."""
        self.host.clock.step_to(round(self.dice.uniform(-HOUR_S, HOUR_S), 3))
        if self.dice.random() < 0.5:
            self.edit()

    def full_disk(self) -> None:
        """Fill the ledger's disk for a while."""
        self.host.fill_disk()
        time.sleep(self.dice.uniform(0.5, 5))
        if self.dice.random() < 0.3:
            self.host.kill()
            self.host.start()
            time.sleep(self.dice.uniform(0.5, 2))
        self.host.free_disk()

    def lose_ledger(self) -> None:
        """Delete the ledger under the daemon, which has to notice and to begin a new one."""
        if self.host.has_started and not self.host.lose_ledger(within_s=10):
            self.host.violations.append("a lost ledger was not noticed")

    def stop(self) -> None:
        """Stop it in order; one that has not installed its handlers yet just dies."""
        if self.host.has_started:
            self.host.stop()

    def status(self) -> None:
        """Ask for the status, which has to work at any time."""
        done = self.host.ask("status", "--output", "json")
        if done.returncode != 0:
            self.host.violations.append(f"status: {done.stderr.strip()[-300:]}")

    def second_daemon(self) -> None:
        """Start a second daemon on the ledger, which has to be refused."""
        if not self.host.has_started:
            return
        done = self.host.ask("run")
        if done.returncode not in {1, 2} or "Traceback" in done.stderr:
            self.host.violations.append(f"second daemon: {done.returncode} {done.stderr[-300:]}")
