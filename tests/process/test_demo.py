"""The demo as people run it: what it shows, what it leaves behind, and how it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemon.cli.commands import demo

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
SHORT = ("--seconds", "2")
LONG = ("--seconds", "600")


@contextmanager
def playing(folder: Path, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo with *folder* for its temporary files; it is gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), **environ},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def pid_of_daemon(process: subprocess.Popen[str]) -> int:
    """Read on until the demo tells that its daemon has started; return the daemon's pid."""
    assert process.stdout is not None
    line = next(line for line in process.stdout if "the daemon started" in line)
    return int(line.split()[-1])


def seconds_between(out: str, *events: str) -> float:
    """Return how much later the second of two lines was told than the first."""
    lines = [next(line for line in out.splitlines() if event in line) for event in events]
    first, second = (datetime.strptime(line.split()[0], "%H:%M:%S.%f") for line in lines)  # noqa: DTZ007  # a time of day
    return (second - first).total_seconds() % timedelta(days=1).total_seconds()


def is_alive(pid: int) -> bool:
    """Check whether a process runs."""
    return Path(f"/proc/{pid}").exists()


def test_the_demo_shows_pause_and_resume(tmp_path: Path) -> None:
    """Each repository of the window is told to be paused and resumed, the foreign one left.

    The window opens two seconds after the daemon is up, however long that took. Piped, the story
    has no colours and no line over 80 columns.
    """
    with playing(tmp_path, *SHORT) as process:
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (0, "")
    told = [line.split(maxsplit=4)[1:4] for line in out.splitlines()]
    assert all(["→", id_, "paused,"] in told for id_ in demo.OURS)
    assert all(["←", id_, "resumed,"] in told for id_ in demo.OURS)
    assert ["·", demo.THEIRS, "left"] in told
    assert not list(tmp_path.iterdir())
    assert seconds_between(out, "the daemon started", "window demo opened") >= 2
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped in the middle it ends with 130, its daemon is gone, and so are its files."""
    with playing(tmp_path, *LONG) as process:
        pid = pid_of_daemon(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (130, "cbmaintd: interrupted\n")
    assert not is_alive(pid)
    assert not list(tmp_path.iterdir())


def test_a_daemon_that_dies_ends_the_demo(tmp_path: Path) -> None:
    """When the daemon goes away, the demo waits for nothing more: code 1, and its last words."""
    with playing(tmp_path, *LONG) as process:
        pid = pid_of_daemon(process)
        os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert err.startswith("cbmaintd: the demo failed")
    assert '"event": "daemon.started"' in err or '"event":"daemon.started"' in err
    assert not list(tmp_path.iterdir())


def test_a_foreign_package_of_our_name_is_not_run(tmp_path: Path) -> None:
    """A folder `daemon` where the user stands does not take the place of the real one."""
    home = tmp_path / "home"
    (home / "daemon").mkdir(parents=True)
    (home / "daemon" / "__init__.py").touch()
    (home / "daemon" / "__main__.py").write_text("raise SystemExit('not ours')\n")
    code = (
        "import sys; from daemon.cli.main import main; sys.exit(main(['demo', '--seconds', '2']))"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE_S,
    )

    assert (done.returncode, done.stderr) == (0, "")
