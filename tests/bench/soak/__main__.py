"""The soak: many clusters that misbehave, a host that is not kind, people, and one daemon.

    python -m tests.bench.soak --minutes 10 --seed 1

Everything on loopback and in a folder of its own. In the end the world is healed, and the promises
are checked from two histories: what the services carried out and what the daemon recorded.
Prints one JSON document; exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

END_WITHIN_S = 240.0
"""How long after the end of all faults the soak may go on before it counts as stuck."""

LATEST_S = LATE_S + 5.0
"""How long after the end of all faults the last lost request may still have an effect."""


def main() -> int:
    """Run, print what happened, and tell whether a promise was broken."""
    args = _arguments()
    sys.stderr.write(f"seed {args.seed}\n")
    faulthandler.dump_traceback_later(args.minutes * 60 + END_WITHIN_S, exit=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        report = Soak(args, Path(name)).run()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["violations"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--repositories", type=int, default=4)
    parser.add_argument("--evil", type=float, default=0.05, help="share of requests that meet one")
    return parser.parse_args()


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


class Soak:
    """One run, from the first start to the verdict."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        """Prepare; nothing is started."""
        self._args = args
        self._folder = folder
        self._dice = random.Random(args.seed)  # noqa: S311  # chance, not secrecy
        self._passwords: list[str] = []

    def run(self) -> dict[str, Any]:
        """Start everything, let the nemesis rage, heal, and judge."""
        with small_disk(self._folder / "state") as has_disk:
            ledger = self._folder / "state" / "ledger.db"
            world_dice = random.Random(self._args.seed + 1)  # noqa: S311  # chance, not secrecy
            world = World(ledger, self._password(), world_dice, self._args.evil)
            world.open(self._args.clusters, self._args.repositories)
            host = self._host(world)
            nemesis = Nemesis(host, world, self._dice, has_disk, self._password)
            try:
                self._play(host, world, nemesis)
                return self._report(host, world, nemesis)
            finally:
                if host.is_running:
                    host.kill()
                world.close()

    def _password(self) -> str:
        self._passwords.append(canary())
        return self._passwords[-1]

    def _host(self, world: World) -> Host:
        host = Host(self._folder, self._folder / "state", WallClock(self._folder), world)
        host.save_password(world.password)
        host.save_config(windows_soon(host, self._dice))
        return host

    def _play(self, host: Host, world: World, nemesis: Nemesis) -> None:
        host.start()
        nemesis.rage(self._args.minutes * 60)
        sys.stderr.write("healing\n")
        self._heal(host, world)
        self._expect_peace(host, world)
        sys.stderr.write("judging\n")
        host.stop()

    def _heal(self, host: Host, world: World) -> None:
        world.evil_share = 0.0
        host.free_disk()
        world.rotate(self._passwords[-1])
        host.save_password(self._passwords[-1])
        if not host.is_running:
            host.start()
        host.save_config(windows_never(host))

    def _expect_peace(self, host: Host, world: World) -> None:
        """Wait until nothing of the daemon's is paused, and stays so when the last has landed."""
        healed = time.monotonic()
        while world.left_paused and time.monotonic() - healed < PEACE_WITHIN_S:
            time.sleep(0.2)
        self.peace_after_s = round(time.monotonic() - healed, 1)
        time.sleep(max(LATEST_S - self.peace_after_s, 0))
        while world.left_paused and time.monotonic() - healed < PEACE_WITHIN_S:
            time.sleep(0.2)
        host.violations += [f"I1: left paused: {key}" for key in world.left_paused]
        status = json.loads(host.ask("status", "--output", "json").stdout)
        host.violations += [
            f"I1: still held: {hold}" for hold in status["holds"] if world.has(hold)
        ]

    def _report(self, host: Host, world: World, nemesis: Nemesis) -> dict[str, Any]:
        events, outcomes = self._read_logs(host)
        return {
            "seed": self._args.seed,
            "minutes": self._args.minutes,
            "clusters": len(world.clusters),
            "requests": world.requests,
            "requests logged": events["http.attempted"],
            "pauses seen": events["repository.paused"],
            "resumes seen": events["repository.resumed"],
            "outcomes": dict(outcomes.most_common()),
            "evil answers": world.injected.total(),
            "evil modes met": len(world.injected),
            "nemesis": dict(nemesis.done.most_common()),
            "people": dict(world.people),
            "lives of the daemon": len(host.lives),
            "peace after healing, s": self.peace_after_s,
            "peak memory, MiB": host.peak_kib // 1024,
            "peak descriptors": host.peak_descriptors,
            "violations": [*world.violations, *host.violations],
        }

    def _read_logs(self, host: Host) -> tuple[Counter[str], Counter[str]]:
        events: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for life in host.lives:
            for line in life.lines():
                events[line["event"]] += 1
                if line["event"] == "http.attempted":
                    outcomes[line["error"] or "ok"] += 1
                if line["event"] == "pass.crashed" or "a bug" in str(line.get("line")):
                    host.violations.append(f"log: {json.dumps(line)[:2000]}")
        self._check_lines(host, events)
        self._check_secrets(host)
        return events, outcomes

    def _check_lines(self, host: Host, events: Counter[str]) -> None:
        """Expect a line for every request, but for those in flight when the daemon was killed."""
        kills = sum(life.was_killed for life in host.lives)
        unsaid = host.world.requests - events["http.attempted"]
        if unsaid > kills * len(host.world.clusters) * CONCURRENCY:
            host.violations.append(f"I5: {unsaid} requests have no line, at {kills} kills")

    def _check_secrets(self, host: Host) -> None:
        files = [life.log for life in host.lives] + sorted(host.state.glob("ledger.db*"))
        for file in files:
            content = file.read_bytes()
            for password in self._passwords:
                if found_in(content, password, USER):
                    host.violations.append(f"I8: a password in {file.name}")


if __name__ == "__main__":
    sys.exit(main())
