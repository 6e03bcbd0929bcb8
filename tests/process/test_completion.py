"""Tab in a real bash: commands, options and names that there are."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.conftest import Stage, once

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


@pytest.fixture
def file(stage: Stage, tmp_path: Path) -> Path:
    """Write a file with two windows, and the command as it is called by name."""
    stage.simulate("prod", "orders")
    stage.write(once("nightly", 3600, 7200, "{prod: [orders, archive]}") + once("night-2", 60, 90))
    program = tmp_path / "bin" / "cbmaintd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m daemon "$@"\n')
    program.chmod(0o755)
    return stage.config


def completed(file: Path, line: str) -> list[str]:
    """Return what bash would offer at the end of a line, once our code was sourced."""
    words = " ".join(map(shlex.quote, [*line.split(), *([""] if line.endswith(" ") else [])]))
    script = f"""
        source <(cbmaintd completion bash)
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_TYPE=9 COMP_KEY=9
        COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        complete -p cbmaintd >/dev/null || exit 3
        _python_argcomplete cbmaintd "${{COMP_WORDS[COMP_CWORD]}}" ""
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environ = os.environ | {
        "PATH": f"{file.parents[0] / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CBMAINTD_CONFIG": str(file),
        "CBMAINTD_LEDGER": f"sqlite:///{file.parent}/ledger.db",
    }
    done = subprocess.run(
        [str(BASH), "--norc", "-c", script],
        env=environ, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cbmaintd cal", ["calendar"]),
        ("cbmaintd calendar --imp", ["--impact"]),
        ("cbmaintd status --output ", ["table", "json"]),
        ("cbmaintd skip ni", ["night-2", "nightly"]),
        ("cbmaintd calendar --window nightl", ["nightly"]),
        ("cbmaintd why prod/", ["prod/archive", "prod/orders"]),
        ("cbmaintd completion f", ["fish"]),
    ],
)
def test_tab_completes(file: Path, line: str, expected: list[str]) -> None:
    """What can stand at the end of the line is offered, names out of the file included."""
    assert completed(file, line) == expected


def test_a_broken_file_completes_nothing_and_says_nothing(file: Path) -> None:
    """A file that is being edited does not write faults into a line that somebody types."""
    file.write_text("windows: 7\n")

    assert completed(file, "cbmaintd skip ni") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code(stage: Stage, shell: str) -> None:
    """The code for each shell names our command; an unknown shell is refused with the known."""
    done, refused = stage.ask("completion", shell), stage.ask("completion", "csh")

    assert done.returncode == 0
    assert "cbmaintd" in done.stdout
    assert refused.returncode == 2
    assert "there are: bash, zsh, fish" in refused.stderr
