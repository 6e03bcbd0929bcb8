"""Files that are not ours: none is renamed, written to, or given tables."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.errors import AlreadyRunningError, LedgerError
from daemon.ledger import sqlite_file
from daemon.ledger.ledger import Access, LossReason
from daemon.ledger.lock import LedgerLock, read_holder
from daemon.ledger.opening import open_ledger
from tests.unit.ledger.ledger_samples import FULL

THEIRS = 0x0B0B0B0B


def text(place: Path) -> None:
    """Write what is no database."""
    place.write_text("root:x:0:0:root:/root:/bin/bash\n" * 20)


def database(place: Path, statements: str) -> None:
    """Write somebody's database."""
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(statements)


def of_an_application(place: Path) -> None:
    """Write a database with a mark of its own."""
    database(place, f"PRAGMA application_id = {THEIRS}; CREATE TABLE a (b);")


def with_our_names(place: Path) -> None:
    """Write a database with tables that are called like ours, and another's mark."""
    names = "".join(f"CREATE TABLE {name} (b);" for name in ("meta", "record", "attempt"))
    database(place, f"PRAGMA application_id = {THEIRS}; {names}")


def without_a_mark(place: Path) -> None:
    """Write a database without a mark, of tables that are not ours."""
    database(place, "CREATE TABLE meta (b); CREATE TABLE orders (c);")


FOREIGN = [text, of_an_application, with_our_names, without_a_mark, Path.mkdir, os.mkfifo]


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Return what is in a folder, byte for byte."""
    return {
        found.name: (found.lstat().st_mtime_ns, _digest(found))
        for found in sorted(folder.iterdir())
    }


def _digest(found: Path) -> str:
    if not stat.S_ISREG(found.lstat().st_mode):
        return ""
    return hashlib.sha256(found.read_bytes()).hexdigest()


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("make", FOREIGN)
def test_a_foreign_file_is_left_alone(
    make: Callable[[Path], None], access: Access, tmp_path: Path
) -> None:
    """Whoever opens it is told in one line, and nothing is made beside it."""
    place = tmp_path / "theirs.db"
    make(place)
    before = state(tmp_path)

    with pytest.raises(
        LedgerError, match=r"theirs\.db: this is not a ledger of cbmaintd"
    ) as refused:
        open_ledger(f"sqlite:///{place}", access)

    assert state(tmp_path) == before
    assert "\n" not in str(refused.value)


def test_ours_say_whose_they_are(tmp_path: Path) -> None:
    """A ledger carries our mark; one from before that is known by its tables and given it."""
    place = tmp_path / "ledger.db"
    with open_ledger(f"sqlite:///{place}", Access.DAEMON) as ledger:
        ledger.save([FULL])
    database(place, "PRAGMA application_id = 0;")

    with open_ledger(f"sqlite:///{place}", Access.DAEMON) as ledger:
        found = ledger.loss, ledger.records()
    with closing(sqlite3.connect(place)) as connection:
        mark = connection.execute("PRAGMA application_id").fetchone()[0]

    assert found == (None, [FULL])
    assert mark == sqlite_file.APPLICATION_ID


@pytest.mark.parametrize("damage", ["header", "schema"])
def test_a_corrupt_ledger_of_ours_is_still_replaced(damage: str, tmp_path: Path) -> None:
    """What was ours by the id beside it is set aside, and a new one is begun."""
    place = tmp_path / "ledger.db"
    with open_ledger(f"sqlite:///{place}", Access.DAEMON) as ledger:
        ledger.save([FULL])
    with place.open("r+b") as file:
        file.seek(0 if damage == "header" else 100)
        file.write(b"\xff" * 200)

    with open_ledger(f"sqlite:///{place}", Access.DAEMON) as ledger:
        loss = ledger.loss

    assert loss is not None
    assert loss.reason is LossReason.DAMAGED


def test_what_takes_the_place_of_a_ledger_in_use_is_left_alone(tmp_path: Path) -> None:
    """Somebody's database that is put in its place is neither renamed nor written to."""
    place, theirs = tmp_path / "ledger.db", tmp_path / "theirs.db"
    of_an_application(theirs)
    content = theirs.read_bytes()
    with open_ledger(f"sqlite:///{place}", Access.DAEMON) as ledger:
        ledger.save([FULL])
        theirs.replace(place)

        for _ in range(2):
            with pytest.raises(LedgerError, match="this is not a ledger of cbmaintd"):
                ledger.save([FULL])

    assert place.read_bytes() == content
    assert not list(tmp_path.glob("*.corrupt-*"))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda lock: lock.symlink_to("victim")])
def test_only_a_regular_lock_is_taken(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A link, a FIFO or a folder in the place of the lock is refused, and none waits for it."""
    victim = tmp_path / "victim"
    victim.write_text("kept")
    make(tmp_path / "ledger.db.lock")

    with pytest.raises(LedgerError, match=r"ledger\.db\.lock: the ledger cannot be written"):
        LedgerLock.take(tmp_path / "ledger.db")

    assert read_holder(tmp_path / "ledger.db") is None
    assert victim.read_text() == "kept"


@pytest.mark.parametrize("suffix", [".id", ".id.new"])
def test_no_link_is_followed_to_write_an_id(suffix: str, tmp_path: Path) -> None:
    """A link in the place of the id's file, or of its draft, is not written through."""
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / f"ledger.db{suffix}").symlink_to(victim)

    open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON).close()

    assert victim.read_text() == "kept"
    assert not (tmp_path / "ledger.db.id").is_symlink()


READERS = """
import sys
from pathlib import Path
from daemon.ledger.lock import read_holder
while True:
    read_holder(Path(sys.argv[1]))
    print(flush=True)
"""


def test_no_reader_keeps_a_daemon_from_its_ledger(tmp_path: Path) -> None:
    """Thousands of looks at who runs beside hundreds of starts: none is refused."""
    place = tmp_path / "ledger.db"
    LedgerLock.take(place).release()
    readers = [
        subprocess.Popen([sys.executable, "-c", READERS, str(place)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    refused = 0
    try:
        for reader in readers:
            assert reader.stdout is not None
            reader.stdout.readline()
        for _ in range(3_000):
            try:
                LedgerLock.take(place).release()
            except AlreadyRunningError:
                refused += 1
    finally:
        for reader in readers:
            reader.kill()
            with reader:
                pass

    assert refused == 0


def test_a_reader_that_looks_takes_no_lock(tmp_path: Path) -> None:
    """Who holds it is seen without taking it, also from another process than the holder's."""
    place = tmp_path / "ledger.db"
    lock = LedgerLock.take(place)
    held = read_holder(place)
    lock.release()

    assert held is not None
    assert held.pid == os.getpid()
    assert read_holder(place) is None
