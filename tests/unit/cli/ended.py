"""How a command ended: its exit code and what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import main

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        return dict(json.loads(self.out))

    @property
    def words(self) -> str:
        """What stands on stdout, with single spaces: a table may break its lines anywhere."""
        return " ".join(self.out.split())


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """Run cbmaintd in this process, to its end."""
    code = main(arguments)
    said = capsys.readouterr()
    return Ended(code, said.out, said.err)


def started(*arguments: str, **environ: str) -> Ended:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environ,
        timeout=300,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
