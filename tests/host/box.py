"""A real systemd, booted in a container box over a throw-away copy of this machine's own files.

Writes go to a file system in memory; inside there is no network but loopback. What runs inside has
none of this machine's rights over clock, kernel and modules.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
HOME = "/opt/cbmaintd"
PYTHON = Path("/usr/bin/python3")
CGROUPS = Path("/sys/fs/cgroup")
BOOT_WITHIN_S = 240.0
LIMITS = "-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-sys_resource"

LAUNCHER = f"""\
#!{HOME}/bin/python
import sys
sys.path.insert(0, "{HOME}/src")
from daemon.cli.main import main
sys.exit(main())
"""


def unavailable() -> str:
    """Say why no box can be booted here; empty if nothing is known to be in the way."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("systemd-nspawn", "nsenter", "setpriv", "mount"):
        if not shutil.which(tool):
            return f"needs {tool}"
    # /home and /root are hidden from the unit, so the interpreter has to be the system's own.
    asked = "import sys; print(*sys.version_info[:2], sep='.')"
    version = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=False)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version.stdout.strip() != ours:
        return f"needs {PYTHON} to be Python {ours}, for which the libraries are installed"
    return ""


class BootError(Exception):
    """Raised when this machine boots no box."""


class Box:
    """One box; `boot` may be called again after `cut_power`: what was written is still there."""

    def __init__(self, folder: Path) -> None:
        """Lay its file system over this machine's; nothing runs yet."""
        self._folder = folder
        self._group = _cgroups() / f"box-{folder.name}-{os.getpid()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", "size=512m,mode=755", "box", str(folder))
        for name in ("up", "work", "root"):
            (folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder}/up,workdir={folder}/work"
        _run("mount", "-t", "overlay", "-o", layers, "box", str(folder / "root"))
        self._group.mkdir()

    def place(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file before the boot."""
        file = self._folder / "root" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        file.chmod(mode)

    def install(self) -> None:
        """Put the program where the unit has it: our files, and the libraries of this test."""
        root = self._folder / "root"
        self.place(f"{HOME}/pyvenv.cfg", "home = /usr/bin\n")
        self.place(f"{HOME}/bin/cbmaintd", LAUNCHER, 0o755)
        (root / HOME.lstrip("/") / "bin" / "python").symlink_to(PYTHON)
        source = root / HOME.lstrip("/") / "src"
        for name in ("daemon", "systemd"):
            shutil.copytree(ROOT / name, source / name)
        shutil.copy(ROOT / "schedules.yaml", source)

    def boot(self) -> None:
        """Start systemd as far as basic.target. Raises BootError."""
        libraries = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        site = next(path for path in sys.path if path.endswith("site-packages"))
        command = [
            *("systemd-nspawn", "-q", "-D", str(self._folder / "root")),
            *(f"--machine={self._group.name[:60]}", "--register=no", "--keep-unit"),
            *("--private-network", "--console=read-only"),
            f"--bind-ro={site}:{HOME}/{libraries}",
            *("--boot", "systemd.unit=basic.target"),
        ]
        console = (self._folder / "console").open("ab")
        group = self._group / "cgroup.procs"
        with console:
            self._process = subprocess.Popen(
                # A shell that moves itself first, so that nothing of the box is outside the group.
                ["/bin/sh", "-c", f'echo $$ > {group}; exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        self._await_boot(time.monotonic() + BOOT_WITHIN_S)

    def _await_boot(self, deadline: float) -> None:
        process = self._process
        while process and process.poll() is None and time.monotonic() < deadline:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            self._leader = int(children[0]) if children else 0
            if self._leader and self.run("systemctl is-system-running", check=False) in {
                "running\n",
                "degraded\n",
            }:
                return
            time.sleep(0.05)
        said = (self._folder / "console").read_text(errors="replace")[-500:]
        raise BootError(f"no systemd came up: {said}")

    def run(self, script: str, *, check: bool = True) -> str:
        """Run a script of bash inside, and give what it printed on either stream."""
        into = ["nsenter", "-t", str(self._leader), "-a", "setpriv", "--bounding-set", LIMITS]
        done = subprocess.run(
            [*into, "--inh-caps", "-all", "bash", "-c", dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1200,
        )
        if check and done.returncode:
            raise AssertionError(f"{script}: exit {done.returncode}: {done.stdout}")
        return done.stdout

    def until(self, script: str, holds: Callable[[str], bool], within_s: float = 120.0) -> str:
        """Run *script* until what it prints is as wanted, and give that."""
        deadline = time.monotonic() + within_s
        while not holds(said := self.run(script, check=False)):
            if time.monotonic() > deadline:
                journal = self.run("journalctl -u cbmaintd -o cat | tail -15", check=False)
                raise AssertionError(f"{script}: still {said!r}; journal: {journal}")
            time.sleep(0.1)
        return said

    def cut_power(self) -> None:
        """End everything inside at once, with no chance to write anything more."""
        if self._leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGKILL)
        if self._process:
            self._process.wait(30)
        self._leader, self._process = 0, None

    def close(self) -> None:
        """End it, and leave nothing behind."""
        self.cut_power()
        for mounted in (self._folder / "root", self._folder):
            _run("umount", "-l", str(mounted))
        # Beside ours there is one of the same name in each other hierarchy, made by systemd-nspawn.
        for group in {self._group, *CGROUPS.glob(f"*/{self._group.name}")}:
            for folder in (*sorted(group.rglob("*/"), reverse=True), group):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _cgroups() -> Path:
    unified = CGROUPS / "unified"
    return unified if unified.is_dir() else CGROUPS


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


@contextlib.contextmanager
def booted(folder: Path, prepare: Callable[[Box], None]) -> Iterator[Box]:
    """Return a box that has been prepared and booted. Raises BootError."""
    try:
        box = Box(folder)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise BootError(f"no file system for a box: {exc}") from exc
    try:
        prepare(box)
        box.boot()
        yield box
    finally:
        box.close()
