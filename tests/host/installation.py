"""What people install: the wheel and the source archive, and empty environments with them.

All that is built is built once, for all workers of a run. Environments take libraries from the
package index of this machine, through its ordinary clients; where none answers, tests are skipped.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TESTS_LOCK = ROOT / "tests" / "requirements.lock"
LEFT_BEHIND = ("__pycache__", ".*_cache", ".hypothesis", ".venv", ".git", "build", "*.egg-info")
PROBE = "mdurl"
"""A small library of the lock."""


@dataclass(frozen=True, slots=True)
class Built:
    """The source archive, the wheel made from the checkout, and the one made from the archive."""

    archive: Path
    wheel: Path
    rebuilt: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Return what `build_into` has left in *folder*."""
        (archive,) = folder.glob("archive/*.tar.gz")
        (wheel,) = folder.glob("wheel/*.whl")
        (rebuilt,) = folder.glob("archive/*.whl")
        return cls(archive, wheel, rebuilt)


def build_into(folder: Path) -> None:
    """Build from a copy of the checkout in which things lie about that nobody should be sent."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*LEFT_BEHIND, "node_modules"))
    for stray in ("prod.password", "tests/prod.password", "daemon/__pycache__/main.pyc"):
        (source / stray).parent.mkdir(exist_ok=True)
        (source / stray).write_text("canary")
    for name, wanted in (("archive", ()), ("wheel", ("--wheel",))):
        options = ("--no-isolation", "--outdir", str(folder / name), *wanted)
        run([sys.executable, "-m", "build", *options, str(source)], cwd=folder)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that *make* fills for all workers of this run; the others wait for it."""
    base = factory.getbasetemp()
    # Each worker of xdist has a folder of its own in that of the run.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def run(command: list[str], *, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises AssertionError with what it said if it fails."""
    done = attempt(command, cwd=cwd, **environ)
    assert done.returncode == 0, f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}"
    return done


def attempt(command: list[str], *, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever becomes of it."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


class Environment:
    """An environment of its own, and somebody whose home and whose current folder are empty."""

    def __init__(self, folder: Path, installer: str) -> None:
        """Say where it is, or will be once `install_into` has made it."""
        self.folder = folder
        self.home = folder / "home"
        self.bin = folder / INSTALLERS[installer].bin

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.bin / "python")

    @property
    def command(self) -> str:
        """The command that was installed into it."""
        return str(self.bin / "cbmaintd")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in that home, which has to do what it is asked to."""
        return run(list(command), cwd=self.home, **self._environ())

    def attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in that home, whatever becomes of it."""
        return attempt(list(command), cwd=self.home, **self._environ())

    def install(self, *command: str) -> None:
        """Run a module that installs; skip the test if it fails where no package index answers."""
        done = self.attempt(sys.executable, "-m", *command)
        if done.returncode and not _index_answers(self.folder):
            pytest.skip("no package index can be reached")
        assert done.returncode == 0, done.stdout + done.stderr

    def _environ(self) -> dict[str, str]:
        home = str(self.home)
        kinds = ("CONFIG", "STATE", "CACHE", "DATA", "BIN")
        return {
            "HOME": home,
            **{f"XDG_{kind}_HOME": f"{home}/.{kind.lower()}" for kind in kinds},
            "UV_CACHE_DIR": str(self.folder.parent / "uv-cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_TOOL_DIR": f"{home}/tools",
            "UV_TOOL_BIN_DIR": f"{home}/bin",
            "PIPX_HOME": f"{home}/pipx",
            "PIPX_BIN_DIR": f"{home}/bin",
        }


def _by_pip(made: Environment, wheel: str) -> None:
    """Install what the lock names and nothing else, and then the wheel by pip.

    Libraries come by uv, which does in a second what takes pip ten, and knows hashes as well.
    """
    made.install("venv", "--without-pip", str(made.bin.parent))
    locked = ("--require-hashes", "--requirement", str(LOCK))
    made.install("uv", "pip", "install", "--python", made.python, *locked)
    pip = ("pip", "--python", made.python, "install", "--quiet", "--no-compile")
    made.install(*pip, "--no-index", "--no-deps", wheel)


def _by_pipx(made: Environment, wheel: str) -> None:
    made.install("pipx", "install", f"--pip-args=--constraint={_pins(made)}", wheel)


def _by_uv_tool(made: Environment, wheel: str) -> None:
    made.install("uv", "tool", "install", "--constraints", _pins(made), wheel)


def _by_uv(made: Environment, wheel: str) -> None:
    made.install("uv", "venv", str(made.bin.parent), "--python", sys.executable)
    uv = ("uv", "pip", "install", "--python", made.python)
    made.install(*uv, "--constraints", _pins(made), wheel)


def _pins(made: Environment) -> str:
    """Write what the lock pins without its hashes, which clients take for a demand on the wheel."""
    pins = re.findall(r"^\S+==[^ \\]+(?: ; [^\\]+)?", LOCK.read_text(), re.MULTILINE)
    file = made.folder / "pins.txt"
    file.write_text("\n".join(pins))
    return str(file)


@dataclass(frozen=True, slots=True)
class Installer:
    """A way to install a wheel, and where the commands of its environment are then."""

    install: Callable[[Environment, str], None]
    bin: str


INSTALLERS = {
    "pip": Installer(_by_pip, "env/bin"),
    "pipx": Installer(_by_pipx, "home/pipx/venvs/cbmaintd/bin"),
    "uv": Installer(_by_uv, "env/bin"),
    "uv-tool": Installer(_by_uv_tool, "home/tools/cbmaintd/bin"),
}


def install_into(folder: Path, installer: str, wheel: Path, extra: str = "") -> Environment:
    """Make an environment with the wheel, and with one extra of it or none."""
    made = Environment(folder, installer)
    made.home.mkdir()
    INSTALLERS[installer].install(made, f"{wheel}[{extra}]" if extra else str(wheel))
    return made


def _index_answers(folder: Path) -> bool:
    asked = ("download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", str(folder), PROBE)
    return attempt([sys.executable, "-m", "pip", *asked], cwd=folder).returncode == 0
