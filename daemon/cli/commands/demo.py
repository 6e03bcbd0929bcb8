"""`cbmaintd demo`: the real daemon on a simulated service, shown as it happens."""

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

from rich.console import Console  # noqa: TID251  # as a type
from rich.markup import escape

from daemon.cli import output
from daemon.cli.reports.tables import console
from daemon.log import events
from daemon.simulator.server import Simulator
from daemon.wording import printable

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
    events.DAEMON_STARTED: "   the daemon started, pid {pid}",
    events.WINDOW_OPENED: "   window [bold]{window}[/] opened",
    events.WINDOW_CLOSED: "   window [bold]{window}[/] closed",
    events.REPOSITORY_PAUSED: (
        "→  [yellow]{repository:<10}[/] paused, {after_ms} ms after the opening"
    ),
    events.REPOSITORY_RESUMED: "←  [green]{repository:<10}[/] resumed, {after_ms} ms after the end",
    events.REPOSITORY_LEFT: "·  [cyan]{repository:<10}[/] left alone: {why}",
    events.REPOSITORY_FAILED: "!  [red]{repository:<10}[/] {action} failed: {error}",
    events.CLUSTER_UNREACHABLE: "!  [red]the service does not answer: {error}[/]",
    events.DAEMON_STOPPED: "   the daemon stopped; repositories that it still holds: {holds}",
}
WHY = {"paused_elsewhere": "somebody else had paused it"}


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the demo; return 0 if exactly what should be was paused and resumed."""
    out = console()
    length = timedelta(seconds=args.seconds)
    password = secrets.token_urlsafe(12)
    with (
        _sigterm_as_ctrl_c(),
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
        if not _came_out(story, simulator):
            output.warn("cbmaintd: the demo failed; the daemon's last lines:")
            for line in story.last:
                output.warn(line)
            return 1
    out.print("\n[bold green]Every repository of the window was paused and resumed.[/]")
    return 0


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that nothing that was started or written remains."""
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
    """What the daemon's log has told so far."""

    out: Console
    has_begun: bool = False
    resumed: set[str] = field(default_factory=set)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=10))

    def follow(self, stream: IO[str]) -> None:
        """Print what the log tells until it ends."""
        for text in stream:
            self.last.append(text.rstrip())
            if text.startswith("{"):
                self._tell(json.loads(text))

    def _tell(self, line: dict[str, Any]) -> None:
        told = _told(line)
        if told:
            at = datetime.fromisoformat(line["timestamp"]).astimezone()
            self.out.print(f"[dim]{at:%H:%M:%S.%f}"[:-3] + f"[/]  {told}")
        if line["event"] == events.DAEMON_STARTED:
            self.has_begun = True
        if line["event"] == events.REPOSITORY_RESUMED:
            self.resumed.add(line["repository"])

    @property
    def is_over(self) -> bool:
        """Check whether everything was paused and resumed."""
        return set(OURS) <= self.resumed


def _told(line: dict[str, Any]) -> str | None:
    """Return a line of the log in words; None if it is not part of the story."""
    said = SAID.get(line["event"])
    if said is None:
        return None
    words = line | {"why": WHY.get(line.get("reason", ""), line.get("reason"))}
    # What looks like markup in a word is none.
    return said.format_map({key: escape(printable(str(word))) for key, word in words.items()})


@contextmanager
def _daemon(
    folder: Path, story: _Story, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run the real daemon; stop it as systemd would, whatever happens."""
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
        # Interrupted again, or it did not stop in time: it must not outlive its folder.
        process.kill()
        process.wait()


def _wait(condition: Callable[[], bool], process: subprocess.Popen[str], within: timedelta) -> None:
    """Wait for a condition; a daemon that is gone has told all that it will."""
    end = time.monotonic() + within.total_seconds()
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def _came_out(story: _Story, simulator: Simulator) -> bool:
    """Check with the service, not the daemon, what was done to which repository."""
    posts = {tuple(r.path.split("/")[-2:]) for r in simulator.requests if r.method == "POST"}
    wanted = {(id_, action) for id_ in OURS for action in ("pause", "resume")}
    expected = dict.fromkeys((*OURS, LEFT_OUT), "active") | {THEIRS: "paused"}
    return posts == wanted and story.is_over and simulator.states() == expected
