"""Opening a ledger by its URL: what exists, what a dry run opens, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import LedgerError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import MEMORY, exists, open_ledger, open_to_look
from daemon.ledger.sqlite_file import Mode, reading_mode
from tests.unit.ledger.ledger_samples import FULL


def test_whether_a_ledger_exists(tmp_path: Path) -> None:
    """A ledger exists when its file does; one in memory never does, one in a database may."""
    (tmp_path / "l.db").touch()

    assert exists(f"sqlite:///{tmp_path}/l.db")
    assert not exists(f"sqlite:///{tmp_path}/other.db")
    assert not exists(MEMORY)
    assert exists("postgresql+psycopg://host/database")


def test_a_look_creates_nothing(tmp_path: Path) -> None:
    """Where there is no ledger, a dry run has an empty one in memory."""
    with open_to_look(f"sqlite:///{tmp_path}/none.db") as ledger:
        records = ledger.records()

    assert records == []
    assert list(tmp_path.iterdir()) == []


def test_a_look_disturbs_no_daemon(tmp_path: Path) -> None:
    """A dry run sees what a daemon holds, while that one runs."""
    url = f"sqlite:///{tmp_path}/l.db"
    with open_ledger(url, Access.DAEMON) as owner:
        owner.save([FULL])
        with open_to_look(url) as ledger:
            records = ledger.records()

    assert records == [FULL]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@db/cbmaintd",
        "postgresql://u:hunter2@db/cbmaintd",
        "postgresql+psycopg://u:hunter2@db",
        "mysql://u:hunter2@db:x/cbmaintd",
    ],
)
def test_another_database_is_refused(url: str) -> None:
    """A URL that no ledger has is refused, with what to write and without its password."""
    with pytest.raises(LedgerError, match=r"sqlite:///|postgresql\+psycopg://") as caught:
        open_ledger(url, Access.DAEMON)

    assert "hunter2" not in str(caught.value)


def test_a_question_mark_in_a_path_is_refused(tmp_path: Path) -> None:
    """What follows it would be taken for parameters, and another file be opened."""
    url = f"sqlite:///{tmp_path}/here?.db"

    for use in (lambda: open_ledger(url, Access.DAEMON), lambda: exists(url)):
        with pytest.raises(LedgerError, match="question mark"):
            use()

    assert list(tmp_path.iterdir()) == []


def test_who_may_only_read_needs_no_more(tmp_path: Path) -> None:
    """Beside a ledger at rest nothing has to be written; one that is written to is followed."""
    assert reading_mode(tmp_path / "l.db") is Mode.READ
    assert reading_mode(None) is Mode.READ
    # As a folder that may not be written to.
    assert reading_mode(Path("/nowhere/l.db")) is Mode.READ_ALONE
