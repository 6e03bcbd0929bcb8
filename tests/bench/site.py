"""Where the real daemon is measured: a folder with its file, password, ledger and log."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "bench", "bench-password"  # a password of nobody
PATIENCE_S = 120.0
OPEN_IN_S = 3.0
"""How far away an opening is when it is written: the daemon looks at its file once a second."""

WARM_BEFORE_S = 1.5
"""How long before an opening all has to be quiet: the daemon makes connections a second before."""

_CAT = shutil.which("cat") or "cat"
_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
_DAY_S = 86_400
_KIB = 1024
_STAT_CPU = slice(11, 13)
"""Where user and system time stand in /proc/PID/stat, counted after the name."""


def wait_until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Look every 20 ms until *condition* holds; TimeoutError names *what* did not come."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(0.02)


def in_seconds(seconds: float) -> int:
    """Return the first full second that is at least so many away, in seconds since 1970."""
    return int(time.time() + seconds) + 1


def written(at: float) -> str:
    """Return an instant as the file takes it, in quotes."""
    return f"'{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}'"


def once(name: str, start: float, end: float, repositories: str) -> str:
    """Write a window with one opening."""
    return (
        f"  {name}:\n"
        f"    once: {{start: {written(start)}, end: {written(end)}}}\n"
        f"    repositories: {repositories}\n"
    )


def everything(at: float) -> list[str]:
    """Write a window for all repositories of all clusters that opens for a day."""
    return [once("everything", at, at + _DAY_S, '{"c*": ["*"]}')]


FAR = once("far", 1_893_456_000, 1_893_456_060, '{"c*": ["*"]}')
"""A window that opens in 2030: one at least has to be in the file."""


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that runs; its log is a file, which is read when there is time for it."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ledger(self) -> Path:
        """The file of a ledger of its own."""
        return self.log.with_name(f"{self.log.name}.db")

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Return the lines of the log so far, or those of one *event*."""
        mark = f'"event": "{event}'.encode()
        text = self.log.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.splitlines() if mark in line]

    def wait_for(self, event: str, count: int = 1, within_s: float = PATIENCE_S) -> None:
        """Wait until the log has so many lines of *event*."""
        counted = self.counter(event)
        wait_until(lambda: counted() >= count, f"{count} lines of {event}", within_s)

    def counter(self, event: str) -> Callable[[], int]:
        """Return what counts the lines of *event* so far; it reads what is new and no more."""
        mark, lost = (f'"event": "{name}"'.encode() for name in (event, "log.dropped"))
        found = known = 0

        def count() -> int:
            nonlocal found, known
            with self.log.open("rb") as file:
                file.seek(known)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            known += len(whole)
            found += whole.count(mark)
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text()[-2000:])
            if lost in whole:
                raise RuntimeError("the daemon's log has dropped lines")
            return found

        return count

    def instants(self, event: str) -> list[float]:
        """Return when the lines of *event* were written, in seconds since 1970."""
        stamps = (line["timestamp"] for line in self.lines(event))
        return [datetime.fromisoformat(stamp).timestamp() for stamp in stamps]

    def cpu_s(self) -> float:
        """Return the processor time used so far, that of all threads, in seconds."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        used = stat.rpartition(")")[2].split()[_STAT_CPU]
        return sum(map(int, used)) * _TICKS_S

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Return the resident memory, or with `VmHWM` the most there ever was, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"{field}:")[2].split()[0]) / _KIB

    def descriptors(self) -> int:
        """Count the open files."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Count the threads."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def written_bytes(self) -> int:
        """Return how much went to disks so far, as the kernel counts it."""
        counters = Path(f"/proc/{self.process.pid}/io").read_text()
        return int(counters.partition("\nwrite_bytes:")[2].split()[0])


@dataclass(frozen=True, slots=True)
class Site:
    """A folder in which daemons run, each on a ledger of its own unless they share *ledger*."""

    folder: Path
    urls: Mapping[str, str]
    concurrency: int = 16
    resync: str = "30s"
    ledger: str = ""
    pipes_log: bool = False
    """Whether the log goes through a pipe, as under systemd: a file's writes are the daemon's."""

    top: str = ""
    """More for the top of the file."""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "schedules.yaml"

    def write(self, windows: Iterable[str]) -> None:
        """Write the file whole, with these windows for all clusters."""
        secret = self.folder / "bench.password"
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD)
        lines = [f"resync: {self.resync}", self.top, "clusters:"]
        for name, url in self.urls.items():
            keys = f"url: {url!r}, username: {USER}, password_file: {secret.name}"
            lines.append(f"  {name}: {{{keys}, concurrency: {self.concurrency}}}")
        draft = self.folder / "draft.yaml"
        draft.write_text("\n".join([*lines, "windows:", *windows, ""]))
        draft.replace(self.config)

    @contextmanager
    def started(self, windows: Iterable[str] = (), *prefix: str) -> Iterator[Running]:
        """Run the daemon, wait until it has started and looked at every cluster.

        None of its *windows* opens meanwhile.
        """
        self.write([FAR, *windows])
        with self.run(*prefix) as daemon:
            daemon.wait_for("daemon.started")
            daemon.wait_for("http.attempted", len(self.urls))
            yield daemon

    @contextmanager
    def opened(
        self,
        reset: Callable[[], None],
        windows: Callable[[int], Iterable[str]],
        others: Sequence[str] = (),
        *prefix: str,
    ) -> Iterator[tuple[Running, int]]:
        """Run the daemon, and write *windows* beside *others* once it has started; yield both.

        *windows* are made for the full second at which the first of them opens. By then the daemon
        has read them. How long that may take is learnt from the start; where the machine was even
        busier, all of it is done again, from the *reset* on and with more time.
        """
        for patience in (1, 2, 4, 8):
            reset()
            began = time.monotonic()
            with self.started(others, *prefix) as daemon:
                ready_in_s = time.monotonic() - began
                start = in_seconds(patience * (OPEN_IN_S + 1.5 * ready_in_s))
                self.write([*windows(start), *others])
                daemon.wait_for("config.applied", 2)
                if time.time() <= start - WARM_BEFORE_S:
                    yield daemon, start
                    return
                daemon.process.kill()
        raise TimeoutError("the daemon was never ready for an opening: is the machine too busy?")

    @contextmanager
    def run(self, *prefix: str) -> Iterator[Running]:
        """Run the daemon, on a new ledger if none is shared, under *prefix* if there is one."""
        number = len(list(self.folder.glob("*.log")))
        log = self.folder / f"{number}.log"
        ledger = self.ledger or f"sqlite:///{log}.db"
        options = ["--config", str(self.config), "--ledger", ledger]
        command = [*prefix, sys.executable, "-m", "daemon", *options, "run", "--log-format=json"]
        with log.open("wb") as file, self._sink(file) as stderr:
            process = subprocess.Popen(command, stderr=stderr, cwd=ROOT)
            try:
                yield Running(process, log)
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)
            finally:
                # At once after a failure, which is what shall be told, and not how it then stopped.
                process.kill()
                process.wait()

    @contextmanager
    def _sink(self, file: IO[bytes]) -> Iterator[IO[bytes]]:
        if not self.pipes_log:
            yield file
            return
        with subprocess.Popen([_CAT], stdin=subprocess.PIPE, stdout=file) as copier:
            assert copier.stdin
            yield copier.stdin
