"""python-daemon in the environment of cbmaintd: both install a package `daemon`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "daemon"
THEIRS = "from .daemon import DaemonContext\n"
ADVICE = "install cbmaintd into an environment of its own\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder with our package in it, as pip would lay it out."""
    package = tmp_path / "daemon"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def add_python_daemon(package: Path, *, is_later: bool) -> None:
    """Lay the files of python-daemon into the same folder, before or after ours."""
    (package / "daemon.py").write_text("class DaemonContext:\n    pass\n")
    (package / "pidfile.py").write_text("")
    if is_later:
        (package / "__init__.py").write_text(THEIRS)


def version(package: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m daemon version` on it."""
    return subprocess.run(
        [sys.executable, "-m", "daemon", "version"],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_ours_was_installed_last(installed: Path) -> None:
    """The command works, and one line warns of what the next update breaks."""
    alone = version(installed)
    add_python_daemon(installed, is_later=False)

    beside = version(installed)

    assert (alone.returncode, alone.stderr) == (0, "")
    assert (beside.returncode, beside.stdout) == (0, alone.stdout)
    assert beside.stderr.startswith("cbmaintd: python-daemon is installed here as well")
    assert beside.stderr.endswith(ADVICE)
    assert beside.stderr.count("\n") == 1


def test_python_daemon_was_installed_last(installed: Path) -> None:
    """Nothing can run on the package of somebody else: one line says whose it is."""
    add_python_daemon(installed, is_later=True)

    broken = version(installed)

    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.startswith("cbmaintd: python-daemon, whose package is called daemon")
    assert broken.stderr.endswith(ADVICE)
    assert broken.stderr.count("\n") == 1


def test_python_daemon_was_removed_again(installed: Path) -> None:
    """What it takes with it is noticed, too: `__init__` is gone."""
    (installed / "__init__.py").unlink()

    broken = version(installed)

    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.endswith(ADVICE)
    assert broken.stderr.count("\n") == 1
