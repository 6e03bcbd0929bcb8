"""A ledger that is damaged, lost or cannot be written: nothing is guessed, nothing forgotten."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.ledger import sqlite_file
from daemon.ledger.ledger import SCHEMA_VERSION, Access, Ledger, Loss, LossReason
from daemon.ledger.opening import open_ledger
from tests.unit.ledger.ledger_samples import CONFIG, FULL, file_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a ledger in a folder of its own that does not exist yet."""
    return f"sqlite:///{tmp_path}/state/ledger.db"


def test_a_damaged_ledger_is_set_aside(url: str) -> None:
    """A ledger that is no database any more is kept under another name, and a new one is begun."""
    file = file_of(url)
    open_ledger(url, Access.DAEMON).close()
    file.write_bytes(b"this is not a database at all" * 100)

    with open_ledger(url, Access.DAEMON) as ledger:
        loss, records = ledger.loss, ledger.records()

    assert loss is not None
    assert loss.reason is LossReason.DAMAGED
    assert loss.aside is not None
    assert loss.aside.read_bytes().startswith(b"this is not")
    assert records == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_lost_ledger_is_noticed(url: str, damage: Callable[[Path], object]) -> None:
    """A ledger that was deleted or emptied is no first start; that is said once."""
    with open_ledger(url, Access.DAEMON) as ledger:
        first_loss = ledger.loss
        ledger.save([FULL])
    damage(file_of(url))

    with open_ledger(url, Access.DAEMON) as ledger:
        loss, records = ledger.loss, ledger.records()
    with open_ledger(url, Access.DAEMON) as ledger:
        later_loss = ledger.loss

    assert loss == Loss(LossReason.MISSING, None)
    assert (first_loss, later_loss) == (None, None)
    assert records == []


@pytest.mark.parametrize("column", ["windows", "since", "suspect_pause", "catch_up"])
def test_rotten_bits_are_noticed(url: str, column: str) -> None:
    """A value that cannot be read any more makes the ledger a damaged one, not a bug."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
    with sqlite3.connect(file_of(url)) as connection:
        connection.execute(f"update record set {column} = 'r\x07t'")  # noqa: S608  # our column
    connection.close()

    with open_ledger(url, Access.READ) as reading, pytest.raises(LedgerError, match="damaged"):
        reading.records()
    with open_ledger(url, Access.DAEMON) as ledger:
        loss = ledger.loss

    assert loss is not None
    assert loss.reason is LossReason.DAMAGED


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("reading", "r\x07t", lambda ledger: ledger.daemon()),
        ("reading", "{}", lambda ledger: ledger.daemon()),
        ("unreachable prod", "[]", lambda ledger: ledger.unreachable()),
        ("unreachable prod", "{}", lambda ledger: ledger.unreachable()),
        ("schema_version", "r\x07t", lambda ledger: ledger.check_version()),
    ],
)
def test_rotten_facts_are_noticed(
    url: str, name: str, value: str, read: Callable[[Ledger], object]
) -> None:
    """So it is with what the ledger says of itself and of its daemon."""
    with open_ledger(url, Access.DAEMON) as ledger:
        with sqlite3.connect(file_of(url)) as connection:
            connection.execute("replace into meta values (?, ?)", (name, value))
        connection.close()

        with pytest.raises(LedgerError, match="damaged"):
            read(ledger)


def test_a_ledger_of_no_version_is_set_aside(url: str) -> None:
    """A version that cannot be read any more is damage: the daemon starts, and says so."""
    open_ledger(url, Access.DAEMON).close()
    with sqlite3.connect(file_of(url)) as connection:
        connection.execute("delete from meta where name = 'schema_version'")
    connection.close()

    with open_ledger(url, Access.DAEMON) as ledger:
        loss = ledger.loss

    assert loss is not None
    assert loss.reason is LossReason.DAMAGED


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(Path.unlink, id="deleted"),
        pytest.param(lambda file: file.write_bytes(b""), id="emptied"),
        pytest.param(lambda file: file.with_name("other").replace(file), id="replaced"),
        pytest.param(lambda file: Path(f"{file}-wal").unlink(), id="without its log"),
    ],
)
def test_a_ledger_lost_in_use_is_begun_anew(url: str, damage: Callable[[Path], object]) -> None:
    """A ledger lost while it is in use fails one save; the next ones go into a new one."""
    file = file_of(url)
    with open_ledger(url, Access.DAEMON) as ledger:
        file.with_name("other").write_text("something else")
        ledger.save_config(CONFIG)
        damage(file)
        with pytest.raises(LedgerError):
            ledger.save([FULL])
        ledger.save([FULL])
    with open_ledger(url, Access.DAEMON) as ledger:
        found = ledger.loss, ledger.records(), ledger.last_good()

    assert found == (None, [FULL], CONFIG)


def test_whoever_finds_the_loss_what_was_known_is_written_again(url: str) -> None:
    """Each cluster writes its own records; a loss that another write finds forgets none of them."""
    other = replace(FULL, key=RepositoryKey("test", "orders"))
    spent = RepositoryKey("test", "done")
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL, Record(spent, phase=Phase.PAUSED)])
        ledger.save([Record(spent)])
        ledger.save_config(CONFIG)
        for file in file_of(url).parent.glob("ledger.db*"):
            file.unlink()

        with pytest.raises(LedgerError, match="the ledger is gone"):
            ledger.note_reading(())
        ledger.save([other])
    with open_ledger(url, Access.READ) as reader:
        records, config = reader.records(), reader.last_good()

    assert records == [FULL, other]
    assert config == CONFIG


def test_a_ledger_on_a_full_disk_can_be_read(url: str) -> None:
    """A daemon that finds no room at its start knows what it holds, and writes when there is."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([FULL])
    with no_file_larger_than(0):
        ledger = open_ledger(url, Access.DAEMON)
        records, loss = ledger.records(), ledger.loss
        with pytest.raises(LedgerError, match="check the disk"):
            ledger.save([Record(FULL.key)])
    ledger.save([Record(FULL.key)])
    afterwards = ledger.records()
    ledger.close()

    assert (records, loss, afterwards) == ([FULL], None, [])


@pytest.mark.parametrize(
    ("what", "advice"),
    [
        ("database is locked", "another program keeps it locked"),
        ("database or disk is full", "free some space"),
        ("unable to open database file", "check the disk and its rights"),
    ],
)
def test_the_advice_is_about_what_sqlite_refused(what: str, advice: str) -> None:
    """Who is told to look at the disk while another program locks the file looks in vain."""
    error = sqlite_file.translate(sqlite3.OperationalError(what), Path("/ledger.db"))

    assert f"/ledger.db: the ledger cannot be used ({what}); {advice}" in str(error)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size* bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_wal_is_read_without_an_index(tmp_path: Path) -> None:
    """What a killed daemon left in its WAL is read with nothing written beside it."""
    file, copy = tmp_path / "ledger.db", tmp_path / "there" / "ledger.db"
    copy.parent.mkdir()
    with open_ledger(f"sqlite:///{file}", Access.DAEMON):
        for suffix in ("", "-wal"):
            shutil.copy(f"{file}{suffix}", f"{copy}{suffix}")
    left = sorted(copy.parent.iterdir())

    engine = sqlite_file.connect(copy, sqlite_file.rescue_mode(copy))
    with engine.begin() as connection:
        version = connection.exec_driver_sql(
            "select value from meta where name = 'schema_version'"
        ).scalar_one()
    engine.dispose()

    assert version == str(SCHEMA_VERSION)
    assert sorted(copy.parent.iterdir()) == left
