"""What other daemons do, as the ledger shows it to whoever looks at the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.core.listing import Listing
from daemon.core.moment import Moment
from daemon.core.progress import progress
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.fleet.others import CURRENT, EVERY, SILENT, LedgerState, Others
from daemon.monitoring.page.scene import HistoryScene
from daemon.windows.timeline import Timeline
from tests.unit.monitoring.page_scenes import NOW, attempt, member, window

TIMELINE = Timeline((window("nightly"),))
OPENING = TIMELINE.covering(NOW)[0].id
PAUSED = LedgerState(
    members=(member(id="me"), member(id="b", host="ops2")),
    owners={"prod": "me", "dr": "b"},
    records=(
        Record(RepositoryKey("dr", "orders"), Phase.PAUSED, openings=(OPENING,)),
        Record(RepositoryKey("prod", "orders"), Phase.PAUSED, openings=(OPENING,)),
    ),
    listings={"dr": Listing(frozenset({"orders"}), frozenset({OPENING}))},
    attempts=(
        (attempt("dr", "orders", None), "b"),
        (attempt("dr", "orders", None), "gone"),
        (attempt("prod", "orders", None), "me"),
    ),
)


@dataclass
class Clock:
    """A clock that is moved by hand."""

    passed: timedelta = timedelta(hours=1)

    def __call__(self) -> Moment:
        """Return the moment."""
        return Moment(NOW + self.passed, "boot", self.passed)


@dataclass
class Database:
    """A ledger that may fail, or not answer; it counts how often it was asked."""

    asked: int = 0
    error: str = ""
    may_answer: threading.Event = field(default_factory=threading.Event)
    has_answered: threading.Event = field(default_factory=threading.Event)

    def read(self) -> LedgerState:
        """Return what it says."""
        self.asked += 1
        self.may_answer.wait()
        self.has_answered.set()
        if self.error:
            raise LedgerError(self.error)
        return PAUSED


@pytest.fixture
def database() -> Iterator[Database]:
    """Return one that answers, and whose threads end."""
    database = Database()
    database.may_answer.set()
    yield database
    database.may_answer.set()


@pytest.fixture
def others(database: Database) -> Others:
    """Return what looks at it."""
    return Others(database.read, "me", Clock())


def settled(others: Others, is_there: Callable[[], object]) -> None:
    """Look until what is on its way is there; the test's own time limit is the bound."""
    while not is_there():
        others.look()


def test_what_others_hold_and_did_is_known(others: Others) -> None:
    """Their clusters have their records and their names; what we sent ourselves is not repeated."""
    settled(others, lambda: others.look().read)
    seen = others.look()

    ((view, scene),) = seen.clusters({"dr", "prod"}, {"prod"})
    assert progress(TIMELINE, [view], NOW)[OPENING].is_complete
    assert (scene.member, scene.is_up, len(scene.records)) == ("ops2 pid 17", True, 1)
    ours = seen.history([HistoryScene(NOW, attempt("prod", "orders", None))])
    assert [each.member.partition(" pid")[0] for each in ours][1:] == ["ops2", "an earlier daemon"]


def test_many_readers_cost_one_look(database: Database) -> None:
    """It is read once in two seconds, however many look, and never when nobody does."""
    clock = Clock()
    others = Others(database.read, "me", clock)
    settled(others, lambda: others.look().read)
    for _ in range(100):
        others.look()
    once = database.asked
    clock.passed += EVERY
    others.look()

    assert (once, database.asked) == (1, 2)


def test_a_database_that_hangs_is_not_waited_for(database: Database) -> None:
    """Who looks gets an answer, and doubt; it is asked once, however long that takes."""
    database.may_answer.clear()
    clock = Clock()
    others = Others(database.read, "me", clock)
    for _ in range(20):
        clock.passed += EVERY
        seen = others.look()

    assert database.asked == 1
    assert (seen.state, seen.read, bool(seen.doubt)) == (None, None, True)
    ((view, scene),) = seen.clusters({"dr"}, ())
    found = progress(TIMELINE, [view], NOW)[OPENING]
    assert scene.doubt == SILENT
    assert SILENT in [each.why for each in found.pending]


def test_an_answer_is_as_old_as_its_question(database: Database) -> None:
    """One that came after its reader had gone is in doubt for the next one, a minute later."""
    database.may_answer.clear()
    clock = Clock()
    asked = clock().wall
    others = Others(database.read, "me", clock)
    others.look()
    database.may_answer.set()
    database.has_answered.wait()
    database.may_answer.clear()
    clock.passed += timedelta(minutes=1)
    settled(others, lambda: others.look().read)
    seen = others.look()

    assert (seen.read, bool(seen.doubt)) == (asked, True)


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_what_was_known_is_doubted_once_it_may_have_changed(
    database: Database, trouble: str
) -> None:
    """All was paused: that stays on the page with its time, but nobody is told to start."""
    clock = Clock()
    others = Others(database.read, "me", clock)
    settled(others, lambda: others.look().read)
    read = others.look().read
    if trouble == "fails":
        database.error = "refused"
        clock.passed += EVERY
    else:
        database.may_answer.clear()
        clock.passed += CURRENT + EVERY
    settled(others, lambda: others.look().doubt)
    seen = others.look()

    ((view, _),) = seen.clusters({"dr"}, ())
    found = progress(TIMELINE, [view], NOW)[OPENING]
    assert seen.read == read
    assert (found.wanted, found.paused, found.is_complete) == (1, 1, False)
    assert [each.why for each in found.pending] == [SILENT]


def test_a_bug_is_no_silent_ledger(database: Database) -> None:
    """What is wrong with us is raised to whoever made the page, which logs it."""

    def read() -> LedgerState:
        raise ZeroDivisionError

    others = Others(read, "me", Clock())

    with pytest.raises(ZeroDivisionError):
        settled(others, lambda: False)
    assert database.asked == 0
