"""A daemon's ledger, and commands that run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from tests.unit.cli.commands.planned import NOW, TEXT, Ask
from tests.unit.cli.ended import Ended, ended


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger that a daemon, this process, has open with the file in force."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(AppliedConfig("s.yaml", tmp_path, TEXT.encode(), NOW))
        yield ledger


@pytest.fixture
def ask(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a way to run a command beside that daemon."""
    assert ledger.records() == []
    (tmp_path / "s.yaml").write_text(TEXT)

    def run(*arguments: str) -> Ended:
        places = ("--config", f"{tmp_path}/s.yaml", "--ledger", f"sqlite:///{tmp_path}/ledger.db")
        return ended(capsys, *places, *arguments)

    return run
