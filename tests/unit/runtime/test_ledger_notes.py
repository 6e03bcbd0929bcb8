"""What the daemon notes in the ledger: what fails is logged, and stops nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.runtime.ledger_notes import OwnNotes
from tests.unit.ledger.ledger_samples import CONFIG, DAY, NOW, file_of, sent


@dataclass
class Log:
    """Keeps the events."""

    events: list[str] = field(default_factory=list)

    def info(self, event: str, **_: object) -> None:
        """Keep the event."""
        self.events.append(event)

    warning = error = critical = info


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a ledger that does not exist yet."""
    return f"sqlite:///{tmp_path}/ledger.db"


def test_a_configuration_in_force_has_no_faults(url: str) -> None:
    """It is stored as the last good one, and earlier faults of the file are forgotten."""
    log = Log()

    with open_ledger(url, Access.DAEMON) as ledger:
        notes = OwnNotes(ledger, log)
        asyncio.run(notes.read_with(["a fault"]))
        faults = ledger.daemon().reading.faults
        asyncio.run(notes.applied(CONFIG))
        found = ledger.daemon().reading.faults, ledger.last_good()

    assert faults == ("a fault",)
    assert found == ((), CONFIG)
    assert log.events == []


def test_what_cannot_be_written_is_logged(url: str) -> None:
    """A ledger that takes no writes is an error in the log, and the daemon goes on."""
    log = Log()
    open_ledger(url, Access.DAEMON).close()

    with open_ledger(url, Access.READ) as ledger:
        asyncio.run(OwnNotes(ledger, log).read_with(()))

    assert log.events == ["ledger.failed"]


def test_a_lost_ledger_is_replaced(url: str) -> None:
    """What hits a ledger that was deleted is written into the new one, which is logged."""
    log = Log()

    with open_ledger(url, Access.DAEMON) as ledger:
        file_of(url).unlink()
        asyncio.run(OwnNotes(ledger, log).read_with(["a fault"]))
        faults = ledger.daemon().reading.faults

    assert faults == ("a fault",)
    assert log.events == ["ledger.failed", "ledger.recovered"]


def test_old_attempts_are_deleted(url: str) -> None:
    """Attempts from before an instant go; that a ledger refuses is left to the passes to log."""
    log = Log()
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([], [sent(NOW - DAY), sent(NOW)])
        asyncio.run(OwnNotes(ledger, log).forget_attempts(NOW))
        left = [attempt.started for attempt in ledger.attempts(NOW - 2 * DAY)]
    with open_ledger(url, Access.READ) as ledger:
        asyncio.run(OwnNotes(ledger, log).forget_attempts(NOW))

    assert left == [NOW]
    assert log.events == []
