"""Notes about openings: what one cluster writes down of them, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.core.attempt import Attempt
from daemon.core.decide import Drifted, Reason, decide
from daemon.core.listing import Listing
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record
from daemon.core.repository import (
    ObservedRepository,
    RepositoryKey,
    RepositoryState,
    ScheduledRun,
)
from daemon.core.summary import MOST_MISSED, News, ProgressNote, summarize
from daemon.core.unreachable import Unreachable
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided
from daemon.passes.tally import REMEMBERED, Tally
from daemon.windows.overrides import Override, OverrideKind, in_force
from daemon.windows.rules import Cron, Once, Rule
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
END = START + 2 * HOUR
ID = "night@2026-11-23T12:00:00Z"
UTC_ZONE = ZoneInfo("UTC")


@dataclass
class Paper:
    """A ledger that takes everything, and keeps the notes."""

    notes: list[ProgressNote] = field(default_factory=list)

    async def save(
        self,
        _records: Iterable[Record],
        _attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Take it."""
        self.notes += news.notes if news else ()


def window(rule: Rule | None = None, *patterns: str, before: timedelta = 0 * HOUR) -> Window:
    """Return a window over prod, open for two hours from the start unless a rule says otherwise."""
    targets = (("prod", Patterns(patterns or ("*",))),)
    return Window("night", rule or Once(START, END), UTC_ZONE, targets, pause_before=before)


def paused(id_: str, *openings: str, **keys: object) -> Record:
    """Return a hold of prod for openings that end at the usual end."""
    record = Record(RepositoryKey("prod", id_), Phase.PAUSED, openings=openings or (ID,), until=END)
    return replace(record, **keys)  # type: ignore[arg-type]  # keys of a record


@dataclass
class Cluster:
    """A cluster with its notes, whose lists and records a test sets."""

    windows: tuple[Window, ...]
    paper: Paper = field(default_factory=Paper)
    unreachable: Unreachable | None = None

    def __post_init__(self) -> None:
        """Begin with no note."""
        self.holdings = Holdings(self.paper, ())
        self.tally = Tally("prod", self.holdings)

    def decide(self, kind: OverrideKind, now: datetime, end: datetime | None) -> None:
        """Apply what a person decides about the usual opening."""
        decision = Override(kind, "night", START, end, now, "me@here")
        self.windows = in_force(self.windows, [decision], UTC_ZONE)

    def list(self, *ids: str, now: datetime) -> None:
        """Take a list of these repositories."""
        self.tally.looked(frozenset(ids), (), Timeline(self.windows), now)

    def follow(self, now: datetime, *, is_kept: bool = True) -> None:
        """End a pass."""
        asyncio.run(
            self.tally.follow(Timeline(self.windows), self.unreachable, now, is_kept=is_kept)
        )

    def notes(self, opening: str = ID) -> tuple[ProgressNote, ...]:
        """Return the notes about an opening."""
        return self.tally.notes(opening)


def test_what_a_person_resumes_is_known_to_be_theirs_at_once() -> None:
    """From the look that finds it on, and not only from the next one on, nobody waits for it."""
    cluster = Cluster((window(),))
    before = paused("a", since=START)
    timeline = Timeline(cluster.windows)
    desired = timeline.desired("prod", ["a"], START)["a"]
    seen = ObservedRepository("a", RepositoryState.ACTIVE)
    decision = decide(before.key, desired, seen, before, Moment(START, "boot", HOUR))
    assert isinstance(decision, Drifted)

    cluster.tally.looked(frozenset("a"), [Decided(decision, desired, before)], timeline, START)

    assert cluster.holdings.listing == Listing(
        frozenset("a"), frozenset({ID}), {"a": Reason.YIELDED}
    )


def test_only_what_changes_is_noted() -> None:
    """Passes that find all as it was add nothing; each step is one note."""
    cluster = Cluster((window(),))
    cluster.list("a", "b", now=START)

    for minute in range(3):
        cluster.follow(START + minute * MINUTE)
    cluster.holdings.note(paused("a"))
    cluster.follow(START + 5 * MINUTE)
    cluster.follow(START + 6 * MINUTE)

    assert [(note.at, note.wanted, note.paused) for note in cluster.notes()] == [
        (START, 2, 0),
        (START + 5 * MINUTE, 2, 1),
    ]


def test_an_opening_that_is_extended_is_noted_with_its_new_end() -> None:
    """The ledger learns of the new end at the next pass, and of nothing else."""
    cluster = Cluster((window(),))
    cluster.list("a", now=START)
    cluster.follow(START)

    cluster.decide(OverrideKind.EXTEND, START + MINUTE, END + HOUR)
    cluster.follow(START + MINUTE)
    cluster.follow(END + MINUTE)

    assert [note.end for note in cluster.notes()] == [END, END + HOUR]


def test_an_opening_that_is_closed_early_ended_then() -> None:
    """Its last note has the real end, and the counts that it had, before anything is resumed."""
    cluster = Cluster((window(),))
    cluster.holdings.note(paused("a"))
    cluster.list("a", now=START)
    cluster.follow(START)
    now = START + 5 * MINUTE

    cluster.decide(OverrideKind.CLOSE, now, now)
    is_news = cluster.tally.is_news(Timeline(cluster.windows), now)
    cluster.follow(now)
    last = cluster.notes()[-1]

    assert is_news
    assert not cluster.tally.is_news(Timeline(cluster.windows), now)
    assert (last.end, last.wanted, last.paused, last.resumed) == (now, 1, 1, 0)
    assert len(cluster.notes()) == 2


def test_an_opening_that_ends_in_its_time_needs_no_note() -> None:
    """Its end is known since its first note, which is at hand for a while after that.

    However long ago it was: the line of the log about the end comes later.
    """
    cluster = Cluster((window(),))
    cluster.list("a", now=START)
    cluster.follow(START)

    cluster.follow(END)
    at_the_end = len(cluster.notes())
    cluster.follow(END + REMEMBERED)
    later = len(cluster.notes())
    cluster.follow(END + REMEMBERED + SECOND)

    assert (at_the_end, later, len(cluster.notes())) == (1, 1, 0)


def test_a_window_that_overlaps_itself_has_notes_of_each_opening() -> None:
    """Each opening counts what it wants; a resume is noted for all that it was held for."""
    cluster = Cluster((window(Cron("0 11,12 * * *", 2 * HOUR)),))
    earlier = "night@2026-11-23T11:00:00Z"
    record = paused("a", earlier, ID)
    cluster.holdings.note(record)
    cluster.list("a", now=START)
    cluster.follow(START)

    cluster.holdings.note(record.released())
    cluster.tally.resumed(record, END + SECOND)
    cluster.follow(END + SECOND)
    first, second = (summarize(cluster.notes(opening)) for opening in (earlier, ID))

    assert (first.end, first.paused, first.resumed) == (START + HOUR, 1, 1)
    assert (second.end, second.paused, second.resumed) == (END, 1, 1)
    assert second.resumed_after == SECOND


def test_a_cluster_that_is_never_reached_is_noted_before_anything_hangs() -> None:
    """Its opening has a note at once, without a list, and it stays the only one: a failure."""
    cluster = Cluster((window(),))
    is_news = cluster.tally.is_news(Timeline(cluster.windows), START)
    cluster.follow(START)
    is_still = cluster.tally.is_news(Timeline(cluster.windows), START)

    cluster.unreachable = Unreachable("prod", "refused", "", START)
    cluster.follow(START + MINUTE)
    cluster.follow(END)
    (note,) = cluster.notes()

    assert (is_news, is_still) == (True, False)
    assert (note.wanted, note.failed, note.is_listed) == (0, 1, False)


def test_a_repository_that_no_cluster_has_is_wanted_and_failed() -> None:
    """A plain name that the list lacks is one that was not paused."""
    cluster = Cluster((window(None, "gone", "a"),))
    cluster.holdings.note(paused("a"))
    cluster.list("a", now=START)

    cluster.follow(START)
    (note,) = cluster.notes()

    assert (note.wanted, note.paused, note.failed, note.is_listed) == (2, 1, 1, True)


def test_what_is_cancelled_while_it_is_paused_for_early_ends_before_it_began() -> None:
    """A note says so: nobody takes it for an opening that took place."""
    cluster = Cluster((window(before=HOUR),))
    cluster.list("a", now=START - MINUTE)
    cluster.follow(START - MINUTE)

    cluster.decide(OverrideKind.SKIP, START - SECOND, None)
    cluster.follow(START - SECOND)

    assert cluster.notes()[-1].end == START - SECOND


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_late_resume_is_noted_with_what_it_missed(is_forgotten: bool) -> None:
    """However late it is: where the counts are no longer at hand, the ledger has them."""
    run = ScheduledRun(START + MINUTE, "daily", "BACKUP")
    record = paused("a", since=START, scheduled=(run,))
    cluster = Cluster((window(),))
    cluster.holdings.note(record)
    cluster.list("a", now=START)
    cluster.follow(START)
    before = cluster.notes()
    late = END + 2 * REMEMBERED
    if is_forgotten:
        cluster.follow(late - MINUTE)

    cluster.tally.resumed(record, late)
    was_settled = cluster.tally.is_settled(ID)
    cluster.follow(late)
    last = cluster.notes()[-1]
    found = summarize([*before, last])

    assert (was_settled, cluster.tally.is_settled(ID)) == (False, True)
    assert (last.resumed, [missed.run for missed in last.missed]) == (1, [run])
    assert (found.wanted, found.paused, found.resumed, found.end) == (1, 1, 1, END)


def test_missed_runs_are_kept_up_to_a_bound_and_counted() -> None:
    """A thousand of them make one note of bounded size that says how many there were."""
    runs = tuple(ScheduledRun(START + MINUTE, f"t{n}", "BACKUP") for n in range(MOST_MISSED))
    cluster = Cluster((window(),))

    for id_ in ("a", "b"):
        cluster.tally.resumed(paused(id_, since=START, scheduled=runs), END)
    cluster.follow(END)
    (note,) = cluster.notes()

    assert (len(note.missed), note.missed_total, note.resumed) == (MOST_MISSED, 2 * MOST_MISSED, 2)


def test_a_dry_run_writes_nothing_down() -> None:
    """Its notes are for the log alone: what was rehearsed did not happen."""
    cluster = Cluster((window(),))

    cluster.follow(START, is_kept=False)
    cluster.list("a", now=START)
    cluster.follow(START + MINUTE)
    asyncio.run(cluster.holdings.flush())

    assert len(cluster.notes()) == 2
    assert cluster.paper.notes == [cluster.notes()[-1]]


def test_a_list_keeps_nothing_of_openings_when_none_holds() -> None:
    """Between openings a list says what there is, and nothing of why."""
    cluster = Cluster((window(),))

    cluster.list("a", now=START - HOUR)

    assert cluster.holdings.listing == Listing(frozenset({"a"}))


def test_what_a_pass_has_resumed_so_far_counts_before_it_ends() -> None:
    """The log's line of a close that takes long says how many are active again by then."""
    cluster = Cluster((window(),))
    cluster.list("a", "b", now=START)
    cluster.follow(START)
    for seconds, id_ in enumerate("ab", start=1):
        cluster.tally.resumed(paused(id_), END + seconds * SECOND)

    meanwhile = summarize(cluster.notes())
    cluster.follow(END + MINUTE)
    after = summarize(cluster.notes())

    assert meanwhile == after
    assert (after.resumed, after.resumed_after) == (2, 2 * SECOND)
