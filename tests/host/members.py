"""Several real daemons on one real database, and many simulated clusters that write a journal."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import psycopg

from tests.host.many import Seen, read
from tests.host.postgres import Postgres, server

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
LEASE_S = 3.0
TIMEOUT = "{connect: 800ms, read: 800ms, total: 1s}"


def wait_until(condition: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fail with *what* was waited for."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"waited {within_s} s for: {what}"
        time.sleep(0.02)


@dataclass
class Member:
    """One daemon, and its log so far."""

    name: str
    process: subprocess.Popen[bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def follow(self, stream: IO[bytes]) -> None:
        """Read the log on a thread until it ends."""
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.raw.append(line)
                if line.startswith(b"{"):
                    self.lines.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, Any]]:
        """List the lines of *event*."""
        return [line for line in list(self.lines) if line["event"] == event]

    def send(self, number: signal.Signals) -> float:
        """Send a signal, and tell when."""
        at = time.monotonic()
        self.process.send_signal(number)
        return at

    def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


class Crowd:
    """A stage with a database, many clusters of a few repositories each, and daemons."""

    def __init__(self, folder: Path, postgres: Postgres, exits: ExitStack) -> None:
        """Begin with nothing running but the database."""
        self.folder = folder
        self.postgres = postgres
        self.members: dict[str, Member] = {}
        self._exits = exits
        self._port = 0
        self.clusters: list[str] = []
        self.repositories = 0

    def serve(self, clusters: int, repositories: int, latency_s: float) -> None:
        """Start the clusters."""
        self.clusters = [f"c{number:03}" for number in range(clusters)]
        self.repositories = repositories
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.host.many"),
                *(str(self.journal), str(repositories), str(latency_s)),
            ],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._exits.callback(process.wait)
        self._exits.callback(process.kill)
        assert process.stdout
        self._exits.callback(process.stdout.close)
        self._port = int(process.stdout.readline())

    def follow(self) -> Postgres:
        """Start a standby of the database."""
        standby = Postgres()
        self._exits.callback(standby.remove)
        standby.follow(self.postgres)
        return standby

    @property
    def journal(self) -> Path:
        """Where the clusters write what they see."""
        return self.folder / "journal"

    def seen(self) -> list[Seen]:
        """Read what they saw so far."""
        return read(self.journal)

    def posts(self, action: str | None = None) -> list[Seen]:
        """List the calls that change something."""
        wanted = {action} if action else {"pause", "resume"}
        return [each for each in self.seen() if each.action in wanted]

    def write(
        self, windows: str, name: str = "schedules.yaml", more: str = "", concurrency: int = 8
    ) -> Path:
        """Write a file for the daemons."""
        lines = [f"resync: 10s\nlease: {LEASE_S:.0f}s\n{more}clusters:"]
        lines += [
            f"  {cluster}: {{url: 'http://127.0.0.1:{self._port}/{cluster}', username: u,"
            f" password_env: WORD, timeout: {TIMEOUT}, concurrency: {concurrency},"
            " retry: {attempts: 3, first_delay: 50ms, max_delay: 200ms}}"
            for cluster in self.clusters
        ]
        draft = self.folder / f"{name}.draft"
        draft.write_text("\n".join(lines) + f"\nwindows:\n{windows}")
        return draft.replace(self.folder / name)

    def window(self, start_s: float, end_s: float, name: str = "w") -> tuple[str, float, float]:
        """Write a window over everything; tell when it begins and ends on the monotonic clock."""
        now, clock = datetime.now(UTC), time.monotonic()
        start, end = (now + timedelta(seconds=after) for after in (start_s, end_s))
        times = (at.isoformat(timespec="seconds").replace("+00:00", "Z") for at in (start, end))
        begins, ends = times
        cut = [(at - at.replace(microsecond=0)).total_seconds() for at in (start, end)]
        text = (
            f"  {name}: {{once: {{start: '{begins}', end: '{ends}'}},"
            " repositories: {'c*': ['*']}}\n"
        )
        return text, clock + start_s - cut[0], clock + end_s - cut[1]

    def join(
        self,
        name: str,
        file: Path | None = None,
        port: int | None = None,
        ledger: str | None = None,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> Member:
        """Start a daemon."""
        command = [
            *(sys.executable, "-m", "daemon", "run", "--log-format", "json"),
            *("--config", str(file or self.folder / "schedules.yaml")),
            *("--ledger", ledger or self.postgres.url(port=port)),
        ]
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WORD": name, **environ},
        )
        member = self.members[name] = Member(name, process)
        assert process.stderr
        member.follow(process.stderr)
        self._exits.callback(member.end)
        return member

    def ask(self, *arguments: str, ledger: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "daemon", "--ledger", ledger or self.postgres.url()),
                *("--config", str(self.folder / "schedules.yaml"), *arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WORD": "x"},
        )

    def owners(self) -> dict[str, int]:
        """Count the clusters of each daemon whose claims hold, by its pid."""
        try:
            found = self.postgres.ask(
                "select m.pid, count(*) from claim c join member m on m.id = c.owner"
                " where c.expires > clock_timestamp() group by m.pid"
            )
        except psycopg.errors.UndefinedTable:
            # The first daemon has not made it yet.
            return {}
        return {str(pid): int(str(count)) for pid, count in found}

    def of(self, member: Member) -> int:
        """Count the clusters that a daemon has."""
        return self.owners().get(str(member.process.pid), 0)

    def wait_for_takeover(self, since: float, *members: Member) -> float:
        """Wait until these have all clusters, and tell how long that took, by their own logs."""
        self.wait_for_shares(*members)
        wall = time.time() - (time.monotonic() - since)

        def claims() -> list[float]:
            return [
                datetime.fromisoformat(line["timestamp"]).timestamp()
                for member in members
                for line in member.events("clusters.claimed")
            ]

        wait_until(lambda: max(claims()) > wall, "the line that says so")
        return max(claims()) - wall

    def wait_for_shares(self, *members: Member) -> None:
        """Wait until all clusters are shared evenly by these."""
        total = len(self.clusters)
        most = -(-total // len(members))

        def is_even() -> bool:
            found = self.owners()
            mine = [found.get(str(member.process.pid), 0) for member in members]
            return sum(mine) == total and max(mine) <= most

        try:
            wait_until(is_even, f"shares of {most}")
        except AssertionError as exc:
            tails = [b"".join(member.raw[-5:]).decode() for member in self.members.values()]
            raise AssertionError(f"{exc}: {self.owners()}\n" + "\n".join(tails)) from None

    def repository_count(self) -> int:
        """Count the repositories of all clusters."""
        return len(self.clusters) * self.repositories


@contextmanager
def crowd(folder: Path) -> Iterator[Crowd]:
    """Set the stage, and strike it whatever happens."""
    with server() as postgres, ExitStack() as exits:
        yield Crowd(folder, postgres, exits)


def sent_by(member: Member, seen: list[Seen]) -> list[Seen]:
    """List what came from one daemon: its password is its name."""
    word = base64.b64encode(f"u:{member.name}".encode()).decode()
    return [each for each in seen if each.member == f"Basic {word}"]


def overlaps(seen: list[Seen]) -> list[tuple[Seen, Seen]]:
    """Find calls that were in flight at the same time on one repository."""
    found = []
    by_repository: dict[tuple[str, str | None], list[Seen]] = {}
    for each in sorted(seen, key=lambda call: call.began):
        by_repository.setdefault((each.cluster, each.repository), []).append(each)
    for calls in by_repository.values():
        found += [(a, b) for a, b in pairwise(calls) if b.began < a.ended]
    return found
