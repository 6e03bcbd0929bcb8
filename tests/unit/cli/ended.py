"""How a command ended: its exit code and what it said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from daemon.cli.main import main


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
