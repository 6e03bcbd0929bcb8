"""`cbmaintd demo`: the real daemon on a simulated service, told as it happens."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from daemon.cli.reports.tables import console
from daemon.errors import HostError
from daemon.simulator.server import Simulator

OURS = ("orders", "tenant-a", "tenant-b")
THEIRS = "legacy"
LEFT_OUT = "tenant-demo"
USER = "cbmaintd"
OPENS_IN = timedelta(seconds=2)
PATIENCE = timedelta(seconds=60)
"""How long the daemon may take to start, and then for its calls beyond the window's length."""

STOPS_WITHIN = timedelta(seconds=15)
"""How long the daemon may take to stop: ten seconds for its calls, and some for itself."""

SAID = {
    "daemon.started": "   the daemon started, pid {pid}",
    "window.opened": "   window [bold]{window}[/] opened",
    "window.closed": "   window [bold]{window}[/] closed",
    "repository.paused": "→  [yellow]{repository:<10}[/] paused, {after_ms} ms after the opening",
    "repository.resumed": "←  [green]{repository:<10}[/] resumed, {after_ms} ms after the end",
    "repository.left": "·  [cyan]{repository:<10}[/] left alone: {why}",
    "repository.failed": "!  [red]{repository:<10}[/] {action} failed: {error}",
    "cluster.unreachable": "!  [red]the service does not answer: {error}[/]",
    "daemon.stopped": "   the daemon stopped; repositories that it still holds: {holds}",
}
WHY = {"paused_elsewhere": "somebody else had paused it"}


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Play the demo; 0 if all that should be was paused and resumed, and nothing else touched.

    Raises:
        HostError: it did not come out as it should; says what the daemon said last.

    """
    out = console()
    length = timedelta(seconds=args.seconds)
    password = secrets.token_urlsafe(12)
    with (
        _told_to_stop_as_by_keyboard(),
        Simulator((*OURS, LEFT_OUT, THEIRS), {USER: (password, "backup_admin")}) as simulator,
        tempfile.TemporaryDirectory(prefix="cbmaintd-demo-") as name,
    ):
        simulator.pause(THEIRS)
        _introduce(out, simulator.url, length)
        _write_password(Path(name), password)
        _write(Path(name), simulator.url, "{}")
        story = _Story(out)
        with _daemon(Path(name), story, environ) as process:
            _wait(lambda: story.has_begun, process, PATIENCE)
            # Only now: a busy machine may take longer to start a daemon than until the opening.
            _write(Path(name), simulator.url, _window(length))
            process.send_signal(signal.SIGHUP)
            _wait(lambda: story.is_over, process, OPENS_IN + length + PATIENCE)
        _judge(story, simulator)
    out.print("\n[bold green]Every repository of the window was paused and resumed.[/]")
    return 0


@contextmanager
def _told_to_stop_as_by_keyboard() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does: nothing that was started or written stays."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _introduce(out: Console, url: str, length: timedelta) -> None:
    out.print(f"A simulated Backup Service listens on {url}.")
    lasts = f"for {length.total_seconds():.0f} s"
    out.print(f"The window [bold]demo[/] opens 2 s after the daemon is up, {lasts}.")
    out.print(f"It is for orders, tenant-* and {THEIRS}, but not for {LEFT_OUT};")
    out.print(f"somebody else has paused {THEIRS} before.\n")


def _write_password(folder: Path, password: str) -> None:
    secret = folder / "demo.password"
    secret.touch(mode=0o600)
    secret.write_text(f"{password}\n")


def _write(folder: Path, url: str, windows: str) -> None:
    draft = folder / "draft.yaml"
    draft.write_text(
        "resync: 1s\n"
        "clusters:\n"
        f'  demo: {{url: "{url}", username: {USER}, password_file: demo.password}}\n'
        f"windows: {windows}\n"
    )
    draft.replace(folder / "schedules.yaml")


def _window(length: timedelta) -> str:
    # The file takes whole seconds: the first one that is at least so far away.
    start = (datetime.now(UTC) + OPENS_IN + timedelta(seconds=1)).replace(microsecond=0)
    return (
        "\n  demo:\n"
        f'    once: {{start: "{start.isoformat()}", end: "{(start + length).isoformat()}"}}\n'
        f'    repositories: {{demo: [orders, legacy, "tenant-*", "!{LEFT_OUT}"]}}'
    )


@dataclass
class _Story:
    """What the daemon's log told so far."""

    out: Console
    has_begun: bool = False
    resumed: set[str] = field(default_factory=set)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=10))

    def follow(self, stream: IO[str]) -> None:
        """Return what the log says until it ends."""
        for text in stream:
            self.last.append(text.rstrip())
            if text.startswith("{"):
                self._tell(json.loads(text))

    def _tell(self, line: Mapping[str, Any]) -> None:
        told = _told(line)
        if told:
            at = datetime.fromisoformat(line["timestamp"]).astimezone()
            self.out.print(f"[dim]{at:%H:%M:%S.%f}"[:-3] + f"[/]  {told}")
        if line["event"] == "daemon.started":
            self.has_begun = True
        if line["event"] == "repository.resumed":
            self.resumed.add(line["repository"])

    @property
    def is_over(self) -> bool:
        """Check whether everything was paused and resumed."""
        return set(OURS) <= self.resumed


def _told(line: Mapping[str, Any]) -> str | None:
    """Say a line of the log as one tells it; None for those that are no part of the story."""
    said = SAID.get(line["event"])
    if said is None:
        return None
    return said.format(**line, why=WHY.get(line.get("reason", ""), line.get("reason")))


@contextmanager
def _daemon(
    folder: Path, story: _Story, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run the real daemon; it is stopped as systemd would, whatever happens."""
    command = [
        *(sys.executable, "-m", "daemon", "--config", str(folder / "schedules.yaml")),
        *("--ledger", f"sqlite:///{folder}/ledger.db", "run", "--log-format", "json"),
    ]
    ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    # Started in its own folder, so that no `daemon` of the current one is run in place of ours.
    process = subprocess.Popen(  # noqa: S603  # our own program, with our own arguments
        command, stderr=subprocess.PIPE, text=True, cwd=folder, env={**environ, **ours}
    )
    assert process.stderr is not None  # noqa: S101  # it was asked for
    with process.stderr:
        reader = threading.Thread(target=story.follow, args=(process.stderr,), daemon=True)
        reader.start()
        try:
            yield process
        finally:
            _stop(process)
            reader.join(timeout=STOPS_WITHIN.total_seconds())


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOPS_WITHIN.total_seconds())
    finally:
        # Asked twice to end (Ctrl-C again), or in vain: it must not outlive its folder.
        process.kill()
        process.wait()


def _wait(condition: Callable[[], bool], process: subprocess.Popen[str], within: timedelta) -> None:
    """Wait for a condition; a daemon that is gone has told all that it will."""
    end = time.monotonic() + within.total_seconds()
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def _judge(story: _Story, simulator: Simulator) -> None:
    """Believe the service, not the daemon, about what was done to which repository."""
    posts = {tuple(r.path.split("/")[-2:]) for r in simulator.requests if r.method == "POST"}
    wanted = {(id_, action) for id_ in OURS for action in ("pause", "resume")}
    expected = dict.fromkeys((*OURS, LEFT_OUT), "active") | {THEIRS: "paused"}
    if posts == wanted and story.is_over and simulator.states() == expected:
        return
    raise HostError(
        "the demo did not come out as it should; the daemon said last:\n" + "\n".join(story.last)
    )
