"""The real daemon as a process, against a real simulator, with a file and a ledger of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import pytest

from daemon.simulator.server import Simulator
from tests.evil.canary import canary
from tests.process.canary import ServiceManager, command_line, files_below, leaks
from tests.service.simulator.kit import Described

PATIENCE_S = 120.0
NEVER_ARRIVED = frozenset({"refused", "dns", "tls"})
"""How an attempt fails of which no server can have seen a request."""

ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fail with *what* was waited for."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"waited {within_s} s for: {what}"
        time.sleep(0.02)


@dataclass
class Running:
    """A daemon that runs, and the lines of its log so far."""

    process: subprocess.Popen[bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    command_lines: list[bytes] = field(default_factory=list)
    was_killed: bool = False
    _reader: threading.Thread | None = None

    def follow(self, stream: IO[bytes]) -> None:
        """Read the log on a thread until it ends."""
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.raw.append(line)
                if line.startswith(b"{"):
                    self.lines.append(json.loads(line))

    def events(self, event: str, **keys: object) -> list[dict[str, Any]]:
        """List the lines of *event* whose keys have these values."""
        return [
            line
            for line in list(self.lines)
            if line["event"] == event and all(line.get(k) == v for k, v in keys.items())
        ]

    def wait_for(self, event: str, count: int = 1, **keys: object) -> list[dict[str, Any]]:
        """Wait for so many lines of *event*."""
        try:
            wait_until(lambda: len(self.events(event, **keys)) >= count, f"{event} {keys}")
        except AssertionError as exc:
            shown = b"".join(self.raw[-30:]).decode(errors="replace")
            raise AssertionError(f"{exc}\n{shown}") from None
        return self.events(event, **keys)

    def wait_for_answers(self, *clusters: str) -> None:
        """Wait until each cluster was listed once more: a server that stops now cuts nothing off.

        A request that is cut off on its way has a line in the log and was never seen.
        """
        keys = {"action": "list", "outcome": "ok"}
        listed = {
            name: len(self.events("http.attempted", cluster=name, **keys)) for name in clusters
        }
        for name, count in listed.items():
            self.wait_for("http.attempted", count + 1, cluster=name, **keys)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.was_killed = True
        self.note_command_line()
        self.process.send_signal(signal.SIGKILL)
        self.finish()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and give its exit code."""
        self.note_command_line()
        self.process.send_signal(number)
        return self.finish()

    def note_command_line(self) -> None:
        """Keep what `ps` shows of it now."""
        self.command_lines.append(command_line(self.process.pid))

    def finish(self) -> int:
        """Wait for its end, and for the last line of its log."""
        code = self.process.wait(PATIENCE_S)
        if self._reader:
            self._reader.join(PATIENCE_S)
        return code


def assert_sound(daemon: Running) -> None:
    """Check that nothing was a surprise to the daemon."""
    assert not daemon.events("pass.crashed")
    assert b"Traceback" not in b"".join(daemon.raw)


@dataclass
class Stage:
    """A folder with a file, a password and a ledger; simulators; and daemons on them.

    `elsewhere` has the URLs of clusters that are no simulators; `special` has keys of single
    clusters, beside or instead of those that all have, which an empty one takes away;
    `secret_files` are those that are meant to have a password in them; `said` is what commands
    printed; `state` is where the ledger is, if not in the folder.
    """

    folder: Path
    password: str
    exits: ExitStack
    daemons: list[Running] = field(default_factory=list)
    simulators: dict[str, Simulator] = field(default_factory=dict)
    all_simulators: list[Simulator] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    special: dict[str, dict[str, str]] = field(default_factory=dict)
    passwords: list[str] = field(default_factory=list)
    secret_files: set[Path] = field(default_factory=set)
    said: list[bytes] = field(default_factory=list)
    manager: ServiceManager | None = None
    state: Path | None = None

    def __post_init__(self) -> None:
        """Look for the first password, too."""
        self.passwords.append(self.password)
        self.secret_files.add(self.folder / "admin.password")

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "schedules.yaml"

    @property
    def ledger(self) -> str:
        """The ledger's URL."""
        return f"sqlite:///{self.state or self.folder}/ledger.db"

    def simulate(
        self,
        name: str,
        *repositories: str,
        host: str = "127.0.0.1",
        port: int = 0,
        kind: type[Simulator] = Described,
        **options: Any,
    ) -> Simulator:
        """Start a simulator, of some *kind*, for the cluster *name*.

        The usual one fails the test at its end if a call was not as it is described.
        """
        simulator = kind(
            repositories=repositories, users={"admin": (self.password, "backup_admin")}, **options
        )
        self.exits.callback(simulator.stop)
        simulator.start(host, port)
        self.simulators[name] = simulator
        self.all_simulators.append(simulator)
        return simulator

    def rotate(self) -> str:
        """Return a new password, which counts from now on; the old one stays a secret."""
        self.password = canary()
        self.passwords.append(self.password)
        return self.password

    def keep_password(self, password: str, name: str = "admin.password") -> Path:
        """Write a password file whole, as one that rotates it does."""
        secret = self.folder / name
        draft = self.folder / f"{name}.draft"
        self.secret_files |= {secret, draft}
        draft.touch(mode=0o600)
        draft.write_text(password + "\n")
        draft.replace(secret)
        return secret

    def clusters(self, **more: str) -> str:
        """Write the `clusters` section for all simulators; *more* adds a line to each."""
        lines = ["clusters:"]
        for name, simulator in self.simulators.items():
            keys = {
                "url": simulator.url,
                "username": "admin",
                "password_file": "admin.password",
                "retry": "{attempts: 3, first_delay: 50ms, max_delay: 200ms}",
                "timeout": "{connect: 2s, read: 2s, total: 4s}",
                **more,
                **self.special.get(name, {}),
            }
            given = (f"    {key}: {value}" for key, value in keys.items() if value)
            lines += [f"  {name}:", *given]
        for name, url in self.elsewhere.items():
            lines += [f"  {name}: {{url: {url!r}, username: admin, password_file: admin.password}}"]
        return "\n".join(lines) + "\n"

    def write(self, windows: str, *, top: str = "resync: 1s\n", **cluster: str) -> None:
        """Write the file whole, as an editor that renames does."""
        self.keep_password(self.password)
        draft = self.folder / "draft.yaml"
        draft.write_text(f"{top}{self.clusters(**cluster)}windows:\n{windows}")
        draft.replace(self.config)

    def close_in(self, seconds: float, window: str = ".*") -> None:
        """Move the end of a window in the file, or of the first one, to seconds from now.

        Tests that are about an end first wait for the pause: a busy machine may take long for it.
        """
        found = rf"(  {window}:\n    once: .*end: ')[^']*"
        text = re.sub(found, rf"\g<1>{moment(seconds)}", self.config.read_text(), count=1)
        draft = self.folder / "draft.yaml"
        draft.write_text(text)
        draft.replace(self.config)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of cbmaintd with this file and ledger."""
        options = ["--config", str(self.config), "--ledger", self.ledger]
        return [sys.executable, "-m", "daemon", *options, *arguments]

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a child."""
        return {**os.environ, "PYTHONPATH": str(ROOT), **more}

    def start(
        self,
        *arguments: str,
        prefix: tuple[str, ...] = ("-m", "daemon"),
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> Running:
        """Start the daemon; *prefix* says how Python is told to, *environ* is added to its own."""
        plain = self.command("run", "--log-format", "json", *arguments)
        command = [sys.executable, *prefix, *plain[3:]]
        manager = {"NOTIFY_SOCKET": self._listen().address}
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environ({**manager, **environ}),
        )
        running = Running(process)
        assert process.stderr is not None
        running.follow(process.stderr)
        running.note_command_line()
        self.daemons.append(running)
        return running

    def _listen(self) -> ServiceManager:
        if self.manager is None:
            self.manager = self.exits.enter_context(ServiceManager())
        return self.manager

    def ask(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            cwd=self.folder,
            env=self.environ(environ),
        )
        self.said += [done.stdout.encode(), done.stderr.encode()]
        return done

    def finish(self) -> None:
        """End all that still runs, and check what holds in every test.

        Every request that a simulator saw has one `http.attempted` line (a daemon that was killed
        could not write its last one), and no password is anywhere.
        """
        for running in self.daemons:
            if running.process.poll() is None:
                running.stop()
        self.exits.close()
        # A test that has brought servers of its own counts for itself.
        is_counted = bool(self.daemons and self.all_simulators)
        if is_counted and not any(running.was_killed for running in self.daemons):
            self._check_attempts()
        self._check_secrets()

    def _check_attempts(self) -> None:
        logged = sum(
            line["error"] not in NEVER_ARRIVED
            for running in self.daemons
            for line in running.events("http.attempted")
        )
        saw = sum(len(simulator.requests) for simulator in self.all_simulators)
        assert logged == saw

    def _check_secrets(self) -> None:
        assert leaks(self.left_behind(), self.passwords, "admin") == []

    def left_behind(self) -> dict[str, bytes]:
        """Gather what daemons and commands wrote, showed and told, by where it was found."""
        left = {f"what command {n} printed": text for n, text in enumerate(self.said)}
        for running in self.daemons:
            pid = running.process.pid
            left[f"the log of {pid}"] = b"".join(running.raw)
            left[f"the command line of {pid}"] = b"\n".join(running.command_lines)
        if self.manager:
            left["what the service manager was told"] = b"\n".join(self.manager.heard)
        return left | files_below(self.folder, self.secret_files)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Set the stage, and strike it whatever happens."""
    with ExitStack() as exits:
        stage = Stage(tmp_path, canary(), exits)
        try:
            yield stage
        finally:
            stage.finish()


def moment(seconds: float) -> str:
    """Return the first full second at least so many seconds from now, as the file takes it."""
    instant = datetime.now(UTC) + timedelta(seconds=seconds + 1)
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def once(
    name: str, start: float, end: float, repositories: str = '{prod: ["*"]}', more: str = ""
) -> str:
    """Write a window that opens *start* and closes *end* seconds from now."""
    return (
        f"  {name}:\n"
        f"    once: {{start: {moment(start)!r}, end: {moment(end)!r}}}\n"
        f"    repositories: {repositories}\n{more}"
    )
