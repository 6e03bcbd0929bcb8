"""Looking for people's decisions twice a second keeps nobody from writing, and misses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from daemon.errors import LedgerError
from daemon.ledger.ledger import Access, DamagedError
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from tests.unit.ledger.ledger_samples import FULL, NOW, file_of
from tests.unit.ledger.test_sqlite_file import no_file_larger_than

SKIP = Override(OverrideKind.SKIP, "nightly", NOW, None, NOW, "me@here", "why not", ())


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a ledger that does not exist yet."""
    return f"sqlite:///{tmp_path}/ledger.db"


def test_a_look_needs_no_lock(url: str) -> None:
    """While somebody else writes, a look neither waits nor fails, and sees it once it is there."""
    with open_ledger(url, Access.DAEMON) as ledger:
        known = ledger.new_overrides(0)
        with closing(sqlite3.connect(file_of(url), isolation_level=None)) as person:
            person.execute("BEGIN IMMEDIATE")
            during = ledger.new_overrides(0)
            person.execute("ROLLBACK")

    assert (known, during) == (None, None)


def test_a_look_finds_what_others_decided(url: str) -> None:
    """A decision is found by the next look, and again until it is known."""
    with open_ledger(url, Access.DAEMON) as daemon, open_ledger(url, Access.EDIT) as person:
        before = daemon.new_overrides(0)
        person.add_override(SKIP)
        daemon.save([FULL])
        found = [daemon.new_overrides(known) for known in (0, 0, 1, 1)]

    assert before is None
    assert found == [[SKIP], [SKIP], None, None]


def test_a_look_notices_a_lost_ledger(url: str) -> None:
    """A ledger that was deleted is replaced by one with the same decisions, which is said once."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.add_override(SKIP)
        ledger.new_overrides(0)
        file_of(url).unlink()

        with pytest.raises(DamagedError):
            ledger.new_overrides(1)
        found, decided = ledger.new_overrides(1), ledger.overrides()

    assert found is None
    assert decided == [SKIP]


def test_a_look_fills_a_new_ledger_once_there_is_room(url: str) -> None:
    """What a lost ledger held is not left out of the new one until somebody has to write."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
        for file in file_of(url).parent.iterdir():
            file.unlink()
        with no_file_larger_than(0), pytest.raises(LedgerError):
            ledger.new_overrides(0)

        with suppress(DamagedError):
            ledger.new_overrides(0)
        ledger.new_overrides(0)
        with open_ledger(url, Access.READ) as reader:
            records = reader.records()

    assert records == [FULL]


def test_a_look_at_what_is_read_only_needs_no_file_in_place(url: str) -> None:
    """A dry run, which owns nothing, goes on with the ledger that it opened."""
    open_ledger(url, Access.DAEMON).close()
    with open_ledger(url, Access.READ) as ledger:
        ledger.new_overrides(0)
        file_of(url).unlink()

        assert ledger.new_overrides(0) is None
