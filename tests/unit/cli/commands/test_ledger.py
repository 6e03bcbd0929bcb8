"""`apply` and `ledger copy` where no database server is: what is copied, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from tests.unit.cli.ended import ended
from tests.unit.config.config_files import CLUSTERS
from tests.unit.ledger.ledger_samples import CONFIG, FULL, NOW, sent

SKIP = Override(OverrideKind.SKIP, "nightly", NOW, None, NOW, "me@here", "why not", ())


@pytest.fixture
def old(tmp_path: Path) -> str:
    """Return a ledger that has something of everything, and more attempts than a page has."""
    url = f"sqlite:///{tmp_path}/old.db"
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save_config(CONFIG)
        ledger.save([FULL], [sent(NOW + timedelta(seconds=after)) for after in range(1001)])
        ledger.add_override(SKIP)
    return url


def everything(ledger: Ledger) -> tuple[object, ...]:
    """Read all that a ledger has."""
    return ledger.records(), ledger.attempts(NOW), ledger.overrides(), ledger.configs()


def test_everything_is_copied(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The new ledger has what the old one had, in the same order."""
    new = f"sqlite:///{tmp_path}/there/new.db"

    done = ended(capsys, "ledger", "copy", old, new)

    with open_ledger(old, Access.READ) as source, open_ledger(new, Access.READ) as target:
        assert everything(source) == everything(target)
    assert (done.code, done.out) == (
        0,
        "Copied: 1 repository, 1001 attempts, 1 decision, 1 configuration.\n",
    )


def test_nothing_is_mixed(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger that has something already is refused, and stays as it is; so is the same one."""
    new = f"sqlite:///{tmp_path}/new.db"
    with open_ledger(new, Access.DAEMON) as ledger:
        ledger.add_override(SKIP)

    second = ended(capsys, "ledger", "copy", old, new)
    same = ended(capsys, "ledger", "copy", old, old)
    missing = ended(capsys, "ledger", "copy", f"{old}.not", new)

    assert [each.code for each in (second, same, missing)] == [1, 1, 1]
    assert "something in this ledger already" in second.err
    assert "the same ledger" in same.err
    assert "there is no ledger here" in missing.err
    with open_ledger(new, Access.READ) as ledger:
        assert ledger.records() == []


def test_a_ledger_in_use_is_not_copied(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a daemon runs on it, what was copied would be old at once."""
    with open_ledger(old, Access.DAEMON):
        done = ended(capsys, "ledger", "copy", old, f"sqlite:///{tmp_path}/new.db")

    assert (done.code, "in use by pid" in done.err) == (1, True)


def test_one_daemon_needs_no_apply(
    old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a ledger for one daemon `apply` says what is to be used in its place."""
    monkeypatch.setenv("PW", "word")
    file = tmp_path / "schedules.yaml"
    file.write_text(f"{CLUSTERS}windows: {{}}\n")

    done = ended(capsys, "--config", str(file), "--ledger", old, "apply")

    assert (done.code, "cbmaintd reload" in done.err) == (2, True)
