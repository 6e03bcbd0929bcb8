"""A daemon's ledger, and commands that run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli.main import main
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.simulator.server import Simulator
from tests.unit.cli.commands import check_kit
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


@pytest.fixture
def check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> check_kit.Check:
    """Return a way to check a file that has these clusters and windows."""
    monkeypatch.setenv("PW", check_kit.PASSWORD)
    file = tmp_path / "schedules.yaml"

    def run(text: str, *arguments: str) -> check_kit.Ended:
        file.write_text(text)
        code = main(["-c", str(file), "check", *arguments])
        said = capsys.readouterr()
        assert check_kit.PASSWORD not in said.out + said.err
        return check_kit.Ended(code, said.out.splitlines(), said.err.splitlines())

    return run


@pytest.fixture
def service() -> Iterator[Simulator]:
    """Return a service with two repositories."""
    with Simulator(["orders", "archive"], {"u": (check_kit.PASSWORD, "backup_admin")}) as simulator:
        yield simulator
