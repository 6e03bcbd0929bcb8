"""The ledger on a real file: what is written is there again, and what is wrong is said."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.ledger.ledger import SCHEMA_VERSION, Access
from daemon.ledger.opening import open_ledger
from tests.unit.ledger.ledger_samples import CONFIG, DAY, FULL, NOW, file_of, sent


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a ledger in a folder of its own that does not exist yet."""
    return f"sqlite:///{tmp_path}/state/ledger.db"


def test_a_record_comes_back_as_it_was(url: str) -> None:
    """Every field of a record survives the way to the disk and back."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
    with open_ledger(url, Access.DAEMON) as ledger:
        records = ledger.records()

    assert records == [FULL]


def test_a_spent_record_is_removed(url: str) -> None:
    """A record that has nothing left to remember does not stay behind."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
        ledger.save([Record(FULL.key)])
        records = ledger.records()

    assert records == []


def test_a_save_is_one_transaction(url: str) -> None:
    """A thousand records and attempts cost one commit, not a thousand."""
    records = [Record(RepositoryKey("prod", f"r{n}"), phase=Phase.PAUSED) for n in range(1000)]
    with open_ledger(url, Access.DAEMON) as ledger:
        before = _frames(url)
        ledger.save(records, [sent(NOW)] * 1000)
        commits = _commits(url) - before

    assert commits == 1


def test_old_attempts_are_forgotten_bit_by_bit(url: str) -> None:
    """The oldest go first, no more at once than asked for, and none that is young enough."""
    attempts = [sent(NOW - age * DAY) for age in (3, 1, 5, 4, 2)]
    left = []
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([], attempts)
        for _ in range(3):
            ledger.forget_attempts(NOW - timedelta(days=2), 2)
            left.append([(NOW - each.started).days for each in ledger.attempts(NOW - 9 * DAY)])

    assert left == [[3, 2, 1], [2, 1], [2, 1]]


def _frames(url: str) -> int:
    return _commits(url)


def _commits(url: str) -> int:
    """Count the commit frames of the write-ahead log: those whose header gives a database size."""
    wal = file_of(url).with_name("ledger.db-wal").read_bytes()
    page = int.from_bytes(wal[8:12], "big")
    frames = range(32, len(wal), page + 24)
    return sum(int.from_bytes(wal[at + 4 : at + 8], "big") > 0 for at in frames)


def test_what_is_written_is_synced(url: str) -> None:
    """The ledger runs with WAL and `synchronous=FULL`: a power cut loses nothing committed."""
    with open_ledger(url, Access.DAEMON) as ledger, ledger.transaction() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous")
        ]

    assert modes == ["wal", 2]


def test_a_reader_sees_who_runs(url: str) -> None:
    """`status` is told the pid while a daemon holds the ledger, and that none runs afterwards."""
    with open_ledger(url, Access.DAEMON), open_ledger(url, Access.READ) as reader:
        during = reader.daemon()
    with open_ledger(url, Access.READ) as reader:
        after = reader.daemon()

    assert (during.running, during.pid) == (True, os.getpid())
    assert (after.running, after.pid) == (False, None)


def test_a_reader_creates_nothing(url: str) -> None:
    """Looking at a ledger that does not exist is an error that says so, and leaves no file."""
    with pytest.raises(LedgerError, match="no daemon has run"):
        open_ledger(url, Access.READ)

    assert not file_of(url).parent.exists()


def test_a_newer_ledger_is_left_alone(url: str) -> None:
    """A ledger of a newer version is refused, by number and with the way out, and not touched."""
    with open_ledger(url, Access.DAEMON):
        pass
    with sqlite3.connect(file_of(url)) as connection:
        connection.execute("update meta set value = '99' where name = 'schema_version'")
    connection.close()

    with pytest.raises(LedgerError, match=f"version 99, newer than .*{SCHEMA_VERSION}"):
        open_ledger(url, Access.DAEMON)


ADDED: dict[int, dict[str, tuple[str, ...]]] = {
    2: {"record": ("uuid", "reached", "running", "backup_due")},
    3: {"config": ("attached",)},
    4: {"config": ("digest",), "attempt": ("member", "epoch")},
    5: {"listing": (), "progress": ()},
}
"""Which columns each schema version added to the one before it; a table without any is new."""


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_older_ledger_is_brought_up_to_date(url: str, version: int) -> None:
    """A ledger of each older schema version keeps what it has; that gains what it lacked."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL], [sent(NOW)])
        ledger.save_config(CONFIG)
    with sqlite3.connect(file_of(url)) as connection:
        for later in range(version + 1, SCHEMA_VERSION + 1):
            for table, columns in ADDED[later].items():
                if not columns:
                    connection.execute(f"drop table {table}")
                for column in columns:
                    connection.execute(f"alter table {table} drop column {column}")
        connection.execute(f"update meta set value = '{version}' where name = 'schema_version'")  # noqa: S608  # our number
    connection.close()

    with pytest.raises(LedgerError, match="it is upgraded"):
        open_ledger(url, Access.READ)
    with open_ledger(url, Access.DAEMON) as ledger:
        found = ledger.records(), ledger.last_good(), len(ledger.attempts(NOW))
        ledger.save([FULL], [sent(NOW)])

    old = replace(FULL, uuid="", reached="", running=(), backup_due=None) if version < 2 else FULL
    assert found == ([old], CONFIG, 1)


def test_the_last_good_configuration_is_kept(url: str) -> None:
    """The configuration in force is found again after a restart, with its folder."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save_config(CONFIG)
    with open_ledger(url, Access.READ) as ledger:
        last = ledger.last_good()

    assert last == CONFIG


def test_older_configurations_stay_while_something_is_held(url: str) -> None:
    """A configuration that names a cluster we still owe a resume is not thrown away."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save_config(CONFIG)
        ledger.save([FULL])
        ledger.save_config(replace(CONFIG, text=b"other: file"))
        while_held = len(ledger.configs())
        ledger.save([Record(FULL.key)])
        ledger.save_config(CONFIG)
        afterwards = len(ledger.configs())

    assert (while_held, afterwards) == (2, 1)


def test_a_content_is_stored_once(url: str) -> None:
    """However often the same file is put in force while something is held, one copy is kept."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
        for minutes in range(40):
            ledger.save_config(replace(CONFIG, applied=CONFIG.applied + timedelta(minutes=minutes)))
        stored = ledger.configs()

    assert [config.applied - CONFIG.applied for config in stored] == [timedelta(minutes=39)]
