"""What is said of openings, at the start of whichever of many passes comes first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from daemon.core.progress import Progress
from daemon.core.summary import ProgressNote
from daemon.fleet.lane import Lane
from daemon.fleet.lanes import Lanes
from daemon.runtime.announcer import WAIT_FOR_LISTS, WAIT_FOR_RESUMES, Announcer
from daemon.service.cluster import ClusterSettings
from daemon.windows.overrides import Override, OverrideKind, in_force
from daemon.windows.rules import Cron, Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from tests.unit.config.config_files import REPOSITORIES, RULE, file_with, read
from tests.unit.notify.test_queues import Book

BEFORE = datetime(2026, 11, 23, 1, 59, 59, tzinfo=UTC)
"""A second before the window of `RULE` opens, in UTC."""

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
END = START + HOUR
BOTH = (("prod", Patterns(("*",))), ("dr", Patterns(("*",))))
NIGHT = Window("night", Once(START, END), ZoneInfo("UTC"), BOTH)
NOTE = ProgressNote("prod", "night", START, END, START, 2, 2, 0, is_listed=True)


def never_made(settings: ClusterSettings, *_: object) -> Lane:
    """Fail: no lane is opened."""
    raise AssertionError(settings)


class Clock:
    """Says each time a later time, from the first second on."""

    def __init__(self) -> None:
        """Begin before the opening."""
        self._now = BEFORE

    def __call__(self) -> datetime:
        """Return the next time."""
        self._now += timedelta(milliseconds=10)
        return self._now


@dataclass
class Clusters:
    """What is known of two clusters that both answer, unless a test says otherwise."""

    known: set[str] = field(default_factory=lambda: {"prod", "dr"})
    unlisted: frozenset[str] = frozenset()
    found: Progress = field(default_factory=lambda: Progress(wanted=2, paused=2))
    noted: tuple[ProgressNote, ...] = (NOTE,)
    has_settled: bool = True

    def known_ids(self) -> dict[str, frozenset[str]]:
        """Return the clusters that were listed or found unreachable."""
        return dict.fromkeys(self.known, frozenset())

    def never_listed(self) -> frozenset[str]:
        """Name the clusters of which no list is known."""
        return self.unlisted

    async def progress(self, timeline: Timeline, now: datetime) -> dict[str, Progress]:
        """Return the same of each opening."""
        return {opening.id: self.found for opening in timeline.covering(now)}

    def notes(self, _opening: str) -> tuple[ProgressNote, ...]:
        """Return what was noted of an opening."""
        return self.noted

    def is_settled(self, _opening: str) -> bool:
        """Check whether nothing is held any more."""
        return self.has_settled


class Stage:
    """An announcer of a daemon that runs for an hour, on clusters of a test."""

    def __init__(self, *windows: Window, started: datetime = START - HOUR) -> None:
        """Begin with nothing said."""
        self.book, self.clusters = Book(), Clusters()
        self.windows: tuple[Window, ...] = windows or (NIGHT,)
        self._announcer = Announcer(self.book, started)

    def tick(self, now: datetime, *, is_last: bool = False) -> None:
        """Do what the daemon does twice a second."""
        timeline = Timeline(self.windows)
        asyncio.run(self._announcer.announce(timeline, now, self.clusters))
        self._announcer.settle(now, self.clusters, is_last=is_last)

    def decide(self, kind: OverrideKind, now: datetime, end: datetime) -> None:
        """Apply what a person decides about the usual opening."""
        decision = Override(kind, "night", START, end, now, "me@here")
        self.windows = in_force(self.windows, [decision], ZoneInfo("UTC"))

    @property
    def said(self) -> list[str]:
        """Return what was said, in a word each."""
        return [event.rpartition(".")[2] for _, event in self.book.said]

    def keys(self, number: int = -1) -> dict[str, Any]:
        """Return the keys of a line."""
        return self.book.lines[number][2]


def test_an_opening_is_said_once_whoever_is_asked() -> None:
    """Passes that come after the first do not take back, or say again, what that one said."""
    timeline = Timeline([read(file_with(RULE, REPOSITORIES)).windows["w"]])
    ledger, clock = Book(), Clock()
    announcer = Announcer(ledger, BEFORE - timedelta(hours=1))

    async def announce() -> None:
        for _ in range(800):
            await announcer.announce(timeline, clock(), Lanes(never_made))

    asyncio.run(announce())

    assert ledger.said == [("info", "window.opened")]


class Counted(Lanes):
    """No lanes, and a count of how often somebody asks how far openings are."""

    asked = 0

    async def progress(self, timeline: Timeline, now: datetime) -> dict[str, Progress]:
        """Count the question, and let others come before it is answered."""
        self.asked += 1
        await asyncio.sleep(0)
        return await super().progress(timeline, now)


def test_what_opens_together_is_looked_at_together() -> None:
    """However many windows open at once, and passes ask, it is worked out once how far all are."""
    (window,) = read(file_with(RULE, REPOSITORIES)).windows.values()
    timeline = Timeline(replace(window, name=f"w{number}") for number in range(50))
    ledger, lanes = Book(), Counted(never_made)
    announcer = Announcer(ledger, BEFORE - timedelta(hours=1))

    async def announce() -> None:
        now = BEFORE + timedelta(seconds=2)
        await asyncio.gather(*(announcer.announce(timeline, now, lanes) for _ in range(9)))

    asyncio.run(announce())

    assert lanes.asked == 1
    assert ledger.said == [("info", "window.opened")] * 50


def test_an_opening_and_its_end_are_a_line_each() -> None:
    """The first has how many repositories it is for, the second what became of them."""
    stage = Stage()

    for now in (START - SECOND, START, START + SECOND, END, END + SECOND):
        stage.tick(now)

    assert stage.said == ["opened", "closed"]
    assert stage.keys(0) == {"window": "night", "start": START, "end": END, "repositories": 2}
    closed = stage.keys()
    assert (closed["end"], closed["wanted"], closed["paused"]) == (END, 2, 2)
    assert closed["repositories"] == 2


def test_an_extension_is_no_other_opening() -> None:
    """Nothing is said of it here; the end that is said later is the new one."""
    stage = Stage()
    stage.tick(START)

    stage.decide(OverrideKind.EXTEND, START, END + HOUR)
    for now in (START + SECOND, END, END + HOUR):
        stage.tick(now)

    assert stage.said == ["opened", "closed"]
    assert stage.keys()["end"] == END + HOUR


def test_an_opening_that_is_closed_early_ended_then() -> None:
    """Its line does not claim the end that was planned."""
    stage = Stage()
    stage.tick(START)
    now = START + 60 * SECOND

    stage.decide(OverrideKind.CLOSE, now, now)
    stage.tick(now + SECOND / 2)

    assert stage.said == ["opened", "closed"]
    assert stage.keys()["end"] == now + SECOND / 2


def test_a_window_that_overlaps_itself_has_lines_for_each_opening() -> None:
    """Two openings of one window begin and end at times of their own."""
    stage = Stage(replace(NIGHT, rule=Cron("0,30 12 * * *", HOUR)))
    half = HOUR / 2

    for now in (START, START + half, END, END + half):
        stage.tick(now)

    assert stage.said == ["opened", "opened", "closed", "closed"]
    assert [line[2]["start"] for line in stage.book.lines] == 2 * [START, START + half]


def test_an_opening_found_at_the_start_waits_for_lists() -> None:
    """How many repositories it is for is known once clusters were asked, or do not answer."""
    stage = Stage(started=START)
    stage.clusters.known = {"prod"}
    stage.tick(START)
    before = stage.said

    stage.clusters.known = {"prod", "dr"}
    stage.tick(START + SECOND)

    assert (before, stage.said) == ([], ["opened"])


def test_it_does_not_wait_for_ever() -> None:
    """A cluster that hangs keeps nobody from hearing that a window is open."""
    stage = Stage(started=START)
    stage.clusters.known = set()
    stage.tick(START)

    stage.tick(START + WAIT_FOR_LISTS)

    assert stage.said == ["opened"]


@pytest.mark.parametrize(
    ("wanted", "unlisted", "silent", "repositories", "unanswered"),
    [
        (0, {"dr"}, (), None, ["dr"]),
        (2, {"dr"}, (), 2, ["dr"]),
        (2, (), ("dr", "prod"), 2, ["dr", "prod"]),
        (0, (), (), 0, None),
    ],
)
def test_nobody_claims_none_of_a_cluster_that_was_never_reached(
    wanted: int, unlisted: set[str], silent: tuple[str, ...], repositories: object, unanswered: Any
) -> None:
    """Without a list the number is unknown, not zero, and who gave none is named."""
    stage = Stage()
    stage.clusters.unlisted = frozenset(unlisted)
    stage.clusters.found = Progress(wanted=wanted, silent=silent)

    stage.tick(START)

    assert stage.keys()["repositories"] == repositories
    assert stage.keys().get("unanswered") == unanswered


def test_the_end_waits_for_resumes_and_not_for_ever() -> None:
    """Its line comes when all is resumed, or with what there is after a while."""
    stage = Stage()
    stage.clusters.has_settled = False
    stage.tick(START)
    stage.tick(END)
    stage.tick(END + WAIT_FOR_RESUMES)
    waited = list(stage.said)

    stage.tick(END + WAIT_FOR_RESUMES + SECOND)

    assert (waited, stage.said) == (["opened"], ["opened", "closed"])


def test_a_stop_says_what_there_is() -> None:
    """A daemon that stops has no time to wait; an opening that goes on has not closed."""
    stage = Stage(NIGHT, replace(NIGHT, name="long", rule=Once(START, END + HOUR)))
    stage.clusters.has_settled = False
    stage.tick(START)

    stage.tick(END, is_last=True)

    assert stage.said == ["opened", "opened", "closed"]
    assert stage.keys()["window"] == "night"


def test_an_edit_that_is_taken_back_at_once_is_no_news() -> None:
    """What left the file for a moment, and was not resumed, neither closed nor opened again."""
    stage = Stage()
    stage.clusters.has_settled = False
    stage.tick(START)

    stage.windows = ()
    stage.tick(START + SECOND)
    stage.windows = (NIGHT,)
    for now in (START + 2 * SECOND, END, END + WAIT_FOR_RESUMES + SECOND):
        stage.tick(now)

    assert stage.said == ["opened", "closed"]


def test_an_opening_of_which_nothing_was_noted_says_zeros() -> None:
    """One of several daemons that has none of its clusters knows nothing of it."""
    stage = Stage()
    stage.clusters.noted = ()
    stage.tick(START)

    stage.tick(END)

    assert (stage.keys()["wanted"], stage.keys()["missed"]) == (0, [])
