"""A command that reads a ledger where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.ended import ended


def test_a_missing_ledger_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no daemon has run yet the ledger's place is named, with code 1; nothing is created."""
    found = ended(capsys, "status", "--ledger", f"sqlite:///{tmp_path}/ledger.db")

    assert (found.code, found.out) == (1, "")
    assert str(tmp_path / "ledger.db") in found.err
    assert "no daemon has run" in found.err
    assert not list(tmp_path.iterdir())


def test_a_missing_ledger_says_where_the_service_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who looks in the wrong place is told of the unit's ledger, if there is one."""
    monkeypatch.setattr("daemon.ledger.sqlite.OF_SERVICE", tmp_path)

    looked = ended(capsys, "status", "--ledger", f"{tmp_path}/gone.db")

    assert looked.code == 1
    assert f"gone.db: there is no ledger here; the service's is {tmp_path}: name it" in looked.err
