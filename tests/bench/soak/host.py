"""The daemon under test as a process on a host that is not kind to it."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.soak.world import USER, World
from tests.evil.wallshim import WallClock

ROOT = Path(__file__).parents[3]
STOP_WITHIN_S = 20.0
DISK_MIB = 48
"""The size of the ledger's disk, where this machine lets us have one."""


@dataclass
class Life:
    """One process from its start to its end; `was_killed` if it could not say goodbye.

    `was_told`: it was asked to end, or killed.
    """

    process: subprocess.Popen[bytes]
    log: Path
    was_killed: bool = False
    was_told: bool = False

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read its log; the last line of one that was killed may be torn."""
        with self.log.open("rb") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    if not self.was_killed:
                        yield {"event": "torn", "line": line.decode(errors="replace")}


@dataclass
class Host:
    """Where the daemon's files are, and what can be done to it."""

    folder: Path
    state: Path
    clock: WallClock
    world: World
    top: str = ""
    timeout: str = "{connect: 1s, read: 1s, total: 2s}"
    concurrency: int = 8
    lives: list[Life] = field(default_factory=list)
    peak_kib: int = 0
    peak_descriptors: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "schedules.yaml"

    @property
    def life(self) -> Life:
        """The latest process."""
        return self.lives[-1]

    @property
    def is_running(self) -> bool:
        """Check whether it lives."""
        return bool(self.lives) and self.life.process.poll() is None

    @property
    def has_started(self) -> bool:
        """Check whether the latest process has its ledger and is at work."""
        return self.is_running and any(
            line["event"] == "daemon.started" for line in self.life.lines()
        )

    def now(self) -> datetime:
        """Return the time as the daemon sees it."""
        return datetime.now(UTC) + timedelta(seconds=self.clock.offset_s)

    def save_password(self, password: str) -> None:
        """Write the password for the daemon, whole."""
        draft = self.folder / "draft.password"
        draft.touch(mode=0o600)
        draft.write_text(f"{password}\n", encoding="utf-8")
        draft.replace(self.folder / "c.password")

    def save_config(self, windows: str) -> None:
        """Write the file whole; *windows* is the text of that section."""
        lines = [f"resync: 1s\n{self.top}clusters:"]
        for number, (name, gateway) in enumerate(self.world.gateways.items()):
            # One in four is found by asking a manager that names all kinds of hosts.
            key = "url" if number % 4 else "discover"
            lines += [
                f"  {name}:",
                f"    {key}: {gateway.url}",
                f"    username: {USER}",
                "    password_file: c.password",
                f"    timeout: {self.timeout}",
                f"    concurrency: {self.concurrency}",
                "    retry: {attempts: 3, first_delay: 50ms, max_delay: 500ms}",
            ]
        draft = self.folder / "draft.yaml"
        draft.write_text("\n".join([*lines, "windows:", windows]) + "\n")
        draft.replace(self.config)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line with this file and ledger."""
        options = ["--config", str(self.config), "--ledger", self.world.book.url]
        return [sys.executable, "-m", "daemon", *options, *arguments]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.clock.environ}

    def start(self) -> None:
        """Start the daemon."""
        log = self.folder / f"life-{len(self.lives):04}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                self.command("run", "--log-format", "json"),
                stderr=stderr,
                cwd=self.folder,
                env=self._environ(),
            )
        self.lives.append(Life(process, log))

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the daemon."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.folder,
            env=self._environ(),
        )

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read the logs of all its lives."""
        for life in self.lives:
            yield from life.lines()

    def note_end(self) -> None:
        """Take it for a violation that it has ended by itself; before its start it may."""
        started = any(line["event"] == "daemon.started" for line in self.life.lines())
        if started and not self.life.was_told:
            code = self.life.process.returncode
            self.violations.append(f"it ended by itself: {code}: {list(self.life.lines())[-2:]}")

    def end(self) -> None:
        """Kill it, if it lives."""
        if self.is_running:
            self.kill()

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.life.was_killed = self.life.was_told = True
        self.life.process.kill()
        self.life.process.wait()

    def stop(self) -> None:
        """Ask it to stop; a stop that fails or takes too long is a violation."""
        self.life.was_told = True
        self.life.process.send_signal(signal.SIGTERM)
        try:
            code = self.life.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.violations.append(f"no stop within {STOP_WITHIN_S:.0f} s of SIGTERM")
            self.kill()
        else:
            if code != 0:
                self.violations.append(f"exit code {code} after SIGTERM")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it like a machine that is suspended, and wake it at the end."""
        self.life.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.life.process.send_signal(signal.SIGCONT)

    def freeze(self, seconds: float) -> None:
        """Stop it like a machine that is suspended for so long."""
        with self.frozen():
            time.sleep(seconds)

    def lose_ledger(self, within_s: float) -> bool:
        """Delete the ledger; return whether the daemon noticed in time, or ended."""
        life, before = self.life, self._recoveries()
        for suffix in ("", "-wal", "-shm"):
            (self.state / f"ledger.db{suffix}").unlink(missing_ok=True)
        end = time.monotonic() + within_s
        while life.process.poll() is None and time.monotonic() < end:
            if self._recoveries() > before:
                return True
            time.sleep(0.1)
        return life.process.poll() is not None

    def _recoveries(self) -> int:
        return sum(line["event"] == "ledger.recovered" for line in self.life.lines())

    def fill_disk(self) -> None:
        """Leave no room beside the ledger, if the disk is as small as it was made."""
        with (self.state / "fill").open("wb", buffering=0) as file:
            for size in (65536, 512, 1):
                try:
                    while file.tell() < DISK_MIB << 20:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free_disk(self) -> None:
        """Return the room back."""
        (self.state / "fill").unlink(missing_ok=True)

    def measure(self) -> None:
        """Note how much the daemon takes of the machine."""
        process = Path(f"/proc/{self.life.process.pid}")
        try:
            descriptors = len(list((process / "fd").iterdir()))
            pages = int((process / "statm").read_text().split()[1])
        except OSError:
            return
        self.peak_descriptors = max(self.peak_descriptors, descriptors)
        self.peak_kib = max(self.peak_kib, pages * resource.getpagesize() // 1024)


def windows_soon(host: Host, dice: random.Random) -> str:
    """Write windows that open and close within seconds, on some clusters each."""
    now = host.now().replace(microsecond=0)
    names = list(host.world.clusters)
    lines = [
        "  each-minute:",
        '    cron: {expression: "* * * * *", duration: 20s}',
        f"    repositories: {{{names[0]}: ['*']}}",
    ]
    for number in range(3):
        start = now + timedelta(seconds=dice.randint(1, 4))
        end = start + timedelta(seconds=dice.randint(2, 10))
        targets = ", ".join(
            f"{name}: ['*']" for name in dice.sample(names, max(len(names) // 2, 1))
        )
        lines += [
            f"  w{number}:",
            f"    once: {{start: '{start.isoformat()}', end: '{end.isoformat()}'}}",
            f"    repositories: {{{targets}}}",
            f"    on_drift: {dice.choice(['report', 'enforce'])}",
        ]
    return "\n".join(lines)


def windows_never(host: Host) -> str:
    """Write a window that opens when all is over."""
    start = host.now() + timedelta(days=30)
    names = ", ".join(f"{name}: ['*']" for name in host.world.clusters)
    return (
        "  later:\n"
        f"    once: {{start: '{start.isoformat(timespec='seconds')}', duration: 1h}}\n"
        f"    repositories: {{{names}}}"
    )
