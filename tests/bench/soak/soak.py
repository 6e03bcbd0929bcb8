"""One run, from the first start to the verdict."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.soak.books import FileBook
from tests.bench.soak.host import DISK_MIB, Host, windows_never, windows_soon
from tests.bench.soak.nemesis import Nemesis
from tests.bench.soak.world import USER, World
from tests.evil.canary import canary, found_in
from tests.evil.modes import LATE_S
from tests.evil.wallshim import WallClock

PEACE_WITHIN_S = 60.0
"""How long after the end of all faults the last repository may stay paused."""

CONCURRENCY = 8
"""How many calls to a cluster may be in flight at once, and so be lost by a kill."""

LATEST_S = LATE_S + 5.0
"""How long after the end of all faults the last lost request may still have an effect."""


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """Mount a small disk at *place* if this machine lets us; return whether it does."""
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    disk = ["-t", "tmpfs", "-o", f"size={DISK_MIB}m", "soak", str(place)]
    is_mounted = bool(
        mount
        and unmount
        and os.geteuid() == 0
        and subprocess.run([mount, *disk], check=False).returncode == 0
    )
    try:
        yield is_mounted
    finally:
        if is_mounted and unmount:
            subprocess.run([unmount, "--lazy", place], check=False)


class Soak(ABC):
    """Daemons in a world that is not kind to them, and in the end the verdict."""

    world: World
    hosts: list[Host]

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        """Prepare; nothing is started."""
        self._args = args
        self._folder = folder
        self._dice = self._dice_of(0)
        self._passwords: list[str] = []
        self.done: Counter[str] = Counter()
        self.peace_after_s = 0.0

    def run(self) -> dict[str, Any]:
        """Start everything, let the nemesis rage, heal, and judge."""
        with ExitStack() as exits:
            self._prepare(exits)
            for host in self.hosts:
                exits.callback(host.end)
                host.start()
            self._rage(self._args.minutes * 60)
            sys.stderr.write("healing\n")
            self._heal()
            self._expect_peace()
            sys.stderr.write("judging\n")
            for host in self.hosts:
                host.stop()
            return self._report()

    @abstractmethod
    def _prepare(self, exits: ExitStack) -> None:
        """Make the world and its hosts."""

    @abstractmethod
    def _rage(self, seconds: float) -> None:
        """Let things go wrong for so long."""

    @abstractmethod
    def _heal(self) -> None:
        """End all faults, and have nothing planned that opens."""

    def _dice_of(self, number: int) -> random.Random:
        return random.Random(self._args.seed + number)  # noqa: S311  # chance, not secrecy

    def _password(self) -> str:
        self._passwords.append(canary())
        return self._passwords[-1]

    def _expect_peace(self) -> None:
        """Wait until nothing of the daemons' is paused, and stays so when the last has landed."""
        healed = time.monotonic()
        while self.world.left_paused and time.monotonic() - healed < PEACE_WITHIN_S:
            time.sleep(0.2)
        self.peace_after_s = round(time.monotonic() - healed, 1)
        time.sleep(max(LATEST_S - self.peace_after_s, 0))
        while self.world.left_paused and time.monotonic() - healed < PEACE_WITHIN_S:
            time.sleep(0.2)
        host = self.hosts[0]
        host.violations += [f"I1: left paused: {key}" for key in self.world.left_paused]
        status = json.loads(host.ask("status", "--output", "json").stdout)
        host.violations += [
            f"I1: still held: {hold}" for hold in status["holds"] if self.world.has(hold)
        ]

    def _report(self) -> dict[str, Any]:
        events, outcomes = self._read_logs()
        return {
            "seed": self._args.seed,
            "minutes": self._args.minutes,
            "members": len(self.hosts),
            "clusters": len(self.world.clusters),
            "requests": self.world.requests,
            "requests logged": events["http.attempted"],
            "pauses seen": events["repository.paused"],
            "resumes seen": events["repository.resumed"],
            "outcomes": dict(outcomes.most_common()),
            "evil answers": self.world.injected.total(),
            "evil modes met": len(self.world.injected),
            "nemesis": dict(self.done.most_common()),
            "people": dict(self.world.people),
            "lives of the daemon": sum(len(host.lives) for host in self.hosts),
            "peace after healing, s": self.peace_after_s,
            "peak memory, MiB": max(host.peak_kib for host in self.hosts) // 1024,
            "peak descriptors": max(host.peak_descriptors for host in self.hosts),
            "violations": [
                *self.world.violations,
                *(text for host in self.hosts for text in host.violations),
            ],
        }

    def _read_logs(self) -> tuple[Counter[str], Counter[str]]:
        events: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for host in self.hosts:
            for line in host.lines():
                events[line["event"]] += 1
                if line["event"] == "http.attempted":
                    outcomes[line["error"] or "ok"] += 1
                if line["event"] == "pass.crashed" or "a bug" in str(line.get("line")):
                    host.violations.append(f"log: {json.dumps(line)[:2000]}")
        self._check_lines(events)
        self._check_secrets()
        return events, outcomes

    def _check_lines(self, events: Counter[str]) -> None:
        """Expect a line for every request, but for those in flight when a daemon was killed."""
        kills = sum(life.was_killed for host in self.hosts for life in host.lives)
        unsaid = self.world.requests - events["http.attempted"]
        if unsaid > kills * len(self.world.clusters) * CONCURRENCY:
            self.hosts[0].violations.append(f"I5: {unsaid} requests have no line, at {kills} kills")

    def _check_secrets(self) -> None:
        logs = [life.log for host in self.hosts for life in host.lives]
        for file in (*logs, *self.world.book.files()):
            content = file.read_bytes()
            for password in self._passwords:
                if found_in(content, password, USER):
                    self.hosts[0].violations.append(f"I8: a password in {file.name}")


class LoneSoak(Soak):
    """One daemon, whose ledger is a file on a small disk."""

    nemesis: Nemesis

    def _prepare(self, exits: ExitStack) -> None:
        state = self._folder / "state"
        has_disk = exits.enter_context(small_disk(state))
        book = FileBook(state / "ledger.db")
        self.world = World(book, self._password(), self._dice_of(1), self._args.evil)
        exits.callback(self.world.close)
        self.world.open(self._args.clusters, self._args.repositories)
        host = Host(self._folder, state, WallClock(self._folder), self.world)
        host.save_password(self.world.password)
        host.save_config(windows_soon(host, self._dice))
        self.hosts = [host]
        self.nemesis = Nemesis(host, self.world, self._dice, has_disk, self._password, self.done)

    def _rage(self, seconds: float) -> None:
        self.nemesis.rage(seconds)

    def _heal(self) -> None:
        (host,) = self.hosts
        self.world.evil_share = 0.0
        host.free_disk()
        self.world.rotate(self._passwords[-1])
        host.save_password(self._passwords[-1])
        if not host.is_running:
            host.start()
        host.save_config(windows_never(host))
