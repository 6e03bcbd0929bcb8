"""`cbmaintd demo`: the real daemon on a simulated service, told as it happens."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from daemon.errors import HostError
from daemon.presentation import console
from daemon.simulator.server import Simulator

OURS = ("orders", "tenant-a", "tenant-b")
THEIRS = "legacy"
LEFT_OUT = "tenant-demo"
OPENS_IN = timedelta(seconds=2)
PATIENCE = timedelta(seconds=30)
SAID = {
    "daemon.started": "the daemon started, pid {pid}",
    "window.opened": "window [bold]{window}[/] opened, for {repositories} repositories",
    "window.closed": "window [bold]{window}[/] closed",
    "repository.paused": "[yellow]{repository}[/] is paused, {after_ms} ms after the start",
    "repository.resumed": "[green]{repository}[/] is active again, {after_ms} ms after the end",
    "repository.left": "[cyan]{repository}[/] is left alone: {reason}",
    "repository.failed": "[red]{repository}: {action} failed: {error}[/]",
    "cluster.unreachable": "[red]{cluster} does not answer: {error}[/]",
    "daemon.stopped": "the daemon stopped; it holds {holds} repositories",
}


@dataclass
class _Story:
    """What the daemon's log told so far."""

    out: Console
    paused: set[str] = field(default_factory=set)
    resumed: set[str] = field(default_factory=set)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=5))

    def follow(self, stream: IO[str]) -> None:
        """Tell what the log says until it ends."""
        for text in stream:
            self.last.append(text.rstrip())
            if text.startswith("{"):
                self._tell(json.loads(text))

    def _tell(self, line: dict[str, Any]) -> None:
        event = line["event"]
        if event == "repository.paused":
            self.paused.add(line["repository"])
        elif event == "repository.resumed":
            self.resumed.add(line["repository"])
        if event in SAID:
            at = datetime.fromisoformat(line["timestamp"]).astimezone()
            self.out.print(f"[dim]{at:%H:%M:%S.%f}"[:-3] + f"[/]  {SAID[event].format(**line)}")

    @property
    def is_over(self) -> bool:
        """Tell whether everything was paused and resumed."""
        return set(OURS) <= self.resumed


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Play the demo; 0 if all that should be was paused and resumed, and nothing else touched.

    Raises:
        HostError: it did not come out as it should; says what the daemon said last.

    """
    out = console()
    password = secrets.token_urlsafe(12)
    with (
        Simulator((*OURS, LEFT_OUT, THEIRS), {"cbmaintd": (password, "backup_admin")}) as simulator,
        tempfile.TemporaryDirectory(prefix="cbmaintd-demo-") as name,
    ):
        simulator.pause(THEIRS)
        _introduce(out, simulator.url, args.seconds)
        folder = Path(name)
        _write(folder, simulator.url, password, timedelta(seconds=args.seconds))
        story = _Story(out)
        with _daemon(folder, story, environ):
            _wait(story, OPENS_IN + timedelta(seconds=args.seconds) + PATIENCE)
        _judge(story, simulator)
    out.print("[bold green]Every repository of the window was paused and resumed.[/]")
    return 0


def _introduce(out: Console, url: str, seconds: int) -> None:
    out.print(f"A simulated Backup Service listens on {url}.")
    out.print(f"The window [bold]demo[/] is for every repository but {LEFT_OUT};")
    out.print(f"it opens in about 2 s, for {seconds} s. Somebody paused {THEIRS} before.\n")


def _write(folder: Path, url: str, password: str, length: timedelta) -> None:
    secret = folder / "demo.password"
    secret.touch(mode=0o600)
    secret.write_text(f"{password}\n")
    start = (datetime.now(UTC) + OPENS_IN).replace(microsecond=0)
    (folder / "schedules.yaml").write_text(
        "resync: 1s\n"
        "clusters:\n"
        f'  demo: {{url: "{url}", username: cbmaintd, password_file: demo.password}}\n'
        "windows:\n"
        "  demo:\n"
        f'    once: {{start: "{start.isoformat()}", end: "{(start + length).isoformat()}"}}\n'
        f'    repositories: {{demo: ["*", "!{LEFT_OUT}"]}}\n'
    )


@contextmanager
def _daemon(folder: Path, story: _Story, environ: Mapping[str, str]) -> Iterator[None]:
    """Run the real daemon; it is stopped as systemd would, whatever happens."""
    command = [
        *(sys.executable, "-m", "daemon", "--config", str(folder / "schedules.yaml")),
        *("--ledger", f"sqlite:///{folder}/ledger.db", "run", "--log-format", "json"),
    ]
    ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(  # noqa: S603  # our own program, with our own arguments
        command, stderr=subprocess.PIPE, text=True, env={**environ, **ours}
    )
    assert process.stderr is not None  # noqa: S101  # it was asked for
    reader = threading.Thread(target=story.follow, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE.total_seconds())
        reader.join(timeout=1.0)
        process.stderr.close()


def _wait(story: _Story, within: timedelta) -> None:
    end = time.monotonic() + within.total_seconds()
    while not story.is_over and time.monotonic() < end:
        time.sleep(0.05)


def _judge(story: _Story, simulator: Simulator) -> None:
    expected = dict.fromkeys((*OURS, LEFT_OUT), "active") | {THEIRS: "paused"}
    touched = any(f"/{LEFT_OUT}/" in request.path for request in simulator.requests)
    if story.paused >= set(OURS) and simulator.states() == expected and not touched:
        return
    raise HostError(
        "the demo did not come out as it should; the daemon said last:\n" + "\n".join(story.last)
    )
