"""One daemon for one ledger: who is refused, and what the lock outlives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.errors import AlreadyRunningError, LedgerError
from daemon.ledger.ledger import Access
from daemon.ledger.lock import read_holder
from daemon.ledger.opening import open_ledger
from tests.unit.ledger.ledger_samples import FULL, file_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a ledger in a folder of its own that does not exist yet."""
    return f"sqlite:///{tmp_path}/state/ledger.db"


def test_a_second_daemon_is_refused(url: str) -> None:
    """A second daemon on the same ledger is refused with the holder's pid and host."""
    with (
        open_ledger(url, Access.DAEMON),
        pytest.raises(AlreadyRunningError, match=rf"pid {os.getpid()} on \S+"),
    ):
        open_ledger(url, Access.DAEMON)


def test_a_link_is_the_ledger_that_it_leads_to(url: str, tmp_path: Path) -> None:
    """By whatever name, a ledger has one daemon; a link to one that is still to be made, too."""
    link = tmp_path / "linked" / "ledger.db"
    link.parent.mkdir()
    link.symlink_to(file_of(url))

    with open_ledger(f"sqlite:///{link}", Access.DAEMON) as ledger:
        ledger.save([FULL])
        with pytest.raises(AlreadyRunningError, match=f"pid {os.getpid()}"):
            open_ledger(url, Access.DAEMON)
    with open_ledger(url, Access.DAEMON) as ledger:
        records = ledger.records()
        with pytest.raises(AlreadyRunningError, match=f"pid {os.getpid()}"):
            open_ledger(f"sqlite:///{link}", Access.DAEMON)

    assert records == [FULL]
    assert [file.name for file in link.parent.iterdir()] == [link.name]


def test_the_lock_dies_with_its_process(url: str) -> None:
    """A killed daemon leaves no lock behind."""
    script = (
        "import os, signal, sys\n"
        "from daemon.ledger.ledger import Access\n"
        "from daemon.ledger.opening import open_ledger\n"
        "ledger = open_ledger(sys.argv[1], Access.DAEMON)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, url], check=False)  # our own text

    with open_ledger(url, Access.DAEMON) as ledger:
        is_running = ledger.daemon().running

    assert killed.returncode == -signal.SIGKILL
    assert is_running


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be a user who may not read what is for its owner alone."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_who_may_not_read_the_lock_is_not_told_that_no_daemon_runs(url: str) -> None:
    """A reader of the ledger alone cannot know it, and is told so; a missing lock has no holder."""
    lock = file_of(url).with_name("ledger.db.lock")
    with open_ledger(url, Access.DAEMON):
        lock.chmod(0)
        with somebody_else(), pytest.raises(LedgerError, match="not known whether a daemon runs"):
            read_holder(file_of(url))
    lock.unlink()

    assert read_holder(file_of(url)) is None


def test_a_deleted_lock_is_taken_again(url: str) -> None:
    """Whoever deletes all files of a ledger in use does not make room for a second daemon."""
    with open_ledger(url, Access.DAEMON) as ledger:
        for file in file_of(url).parent.iterdir():
            file.unlink()
        with pytest.raises(LedgerError):
            ledger.save([FULL])

        with pytest.raises(AlreadyRunningError):
            open_ledger(url, Access.DAEMON)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A ledger that cannot be created is an error with its place and a way out."""
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match=r"file.*cannot be written.*--ledger"):
        open_ledger(f"sqlite:///{tmp_path}/file/ledger.db", Access.DAEMON)
