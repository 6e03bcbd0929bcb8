"""Decisions where a row is not understood, or where no list can be had."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from daemon.core.decide import (
    UNLISTED_AFTER,
    Decision,
    Keep,
    Leave,
    Missing,
    Reason,
    Resume,
    Stray,
    decide,
    decide_unlisted,
)
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, ScheduledRun
from daemon.core.vanished import GONE_AFTER
from daemon.windows.timeline import Desired
from tests.unit.core.test_decide import KEY, LIVE, NOW, OVER, START, YIELDED, desired, held

ODD = ObservedRepository("orders", None, problem="its state is unknown")
UNNAMED = ObservedRepository("", None, problem="row 2 has no id")
SECOND = timedelta(seconds=1)

INSIDE: list[tuple[str, Record | None, type[Decision]]] = [
    ("nothing known: nothing is newly paused", None, Leave),
    ("paused and ours: it stays", held(Phase.PAUSED), Leave),
    ("a pause of unknown fate: it stays", held(Phase.PAUSING, suspect_pause=LIVE), Leave),
    ("a pause that certainly failed: not again", held(Phase.PAUSING), Leave),
    ("a resume of unknown fate: nothing", held(Phase.RESUMING), Leave),
    ("a person won this opening: nothing", YIELDED, Leave),
    ("held for another opening, a person won this one: resume",
     held(Phase.PAUSED, yielded=YIELDED.yielded), Resume),
]  # fmt: skip

OUTSIDE: list[tuple[str, Record | None, type[Decision]]] = [
    ("nothing known: nothing", None, Keep),
    ("paused and ours: resume", held(Phase.PAUSED), Resume),
    ("a pause of unknown fate: resume", held(Phase.PAUSING, suspect_pause=LIVE), Resume),
    ("a late pause of unknown fate: resume", held(Phase.PAUSING, suspect_pause=OVER), Resume),
    ("a pause that certainly failed: perhaps somebody else's", held(Phase.PAUSING), Leave),
    ("a resume that does not show: again", held(Phase.RESUMING), Resume),
    ("a suspicion alone is no hold", Record(KEY, suspect_pause=OVER), Leave),
    ("an owed backup waits", Record(KEY, backup_due=START), Leave),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "record", "expected"),
    [(desired(), *row[1:]) for row in INSIDE] + [(None, *row[1:]) for row in OUTSIDE],
    ids=[f"inside: {row[0]}" for row in INSIDE] + [f"outside: {row[0]}" for row in OUTSIDE],
)
def test_a_row_that_is_not_understood(
    wanted: Desired | None, record: Record | None, expected: type[Decision]
) -> None:
    """What is ours and over is resumed unseen; nothing is newly paused, and nothing forgotten."""
    decision = decide(KEY, wanted, ODD, record, NOW)

    assert type(decision) is expected
    if isinstance(decision, Leave):
        assert decision.reason is Reason.NOT_UNDERSTOOD
    if isinstance(decision, Resume):
        assert decision.is_unseen
        assert decision.record.phase is Phase.RESUMING
    else:
        assert decision.record.phase is (record.phase if record else None)
        assert decision.record.is_spent is (record is None)


def test_a_number_says_more_than_a_row() -> None:
    """A row that shows another number is another repository, however odd; its own is its own."""
    record = held(Phase.PAUSED, uuid="a", missing_since=NOW.wall - GONE_AFTER)

    other = decide(KEY, None, replace(ODD, uuid="b"), record, NOW)
    same = decide(KEY, None, replace(ODD, uuid="a"), record, NOW)

    assert other == Leave(Record(KEY), Reason.GONE)
    assert isinstance(same, Resume)
    assert same.record.missing_since is None


def test_a_row_without_id_may_be_anybodys() -> None:
    """What is ours is not gone while a row has no id; what is not known at all is missing."""
    record = held(Phase.PAUSED, missing_since=NOW.wall - GONE_AFTER)

    assert isinstance(decide(KEY, None, UNNAMED, record, NOW), Resume)
    assert isinstance(decide(KEY, desired(), UNNAMED, record, NOW), Leave)
    assert isinstance(decide(KEY, desired(), UNNAMED, None, NOW), Missing)


def test_an_odd_row_at_another_address_is_not_resumed() -> None:
    """What was paused elsewhere is looked for there, whatever this cluster shows in its place."""
    record = held(Phase.PAUSED, reached="there", missing_since=NOW.wall - GONE_AFTER)

    assert isinstance(decide(KEY, None, ODD, record, NOW, here="here"), Leave)
    assert isinstance(decide(KEY, None, UNNAMED, record, NOW, here="here"), Stray)


def instants(*ago: timedelta) -> list[datetime]:
    """Return instants before now."""
    return [NOW.wall - each for each in ago]


LONG, LATELY = timedelta(hours=1), (SECOND, 0 * SECOND)
ENDED = NOW.wall - UNLISTED_AFTER
THREE = instants(UNLISTED_AFTER, UNLISTED_AFTER / 2, 0 * SECOND)


@pytest.mark.parametrize(
    ("record", "wanted", "failed", "is_resumed"),
    [
        (held(Phase.PAUSED, until=ENDED), None, THREE, True),
        (held(Phase.RESUMING, until=ENDED), None, THREE, True),
        (held(Phase.PAUSING, until=ENDED, suspect_pause=OVER), None, THREE, True),
        (held(Phase.PAUSING, until=ENDED), None, THREE, False),
        (held(Phase.PAUSED, until=ENDED), desired(), THREE, False),
        (held(Phase.PAUSED, until=ENDED), None, [], False),
        (held(Phase.PAUSED, until=ENDED), None, THREE[1:], False),
        (held(Phase.PAUSED, until=ENDED + SECOND), None, THREE, False),
        (held(Phase.PAUSED, until=ENDED), None, instants(LONG, LONG - SECOND, *LATELY), False),
        (held(Phase.PAUSED, until=ENDED, reached="there"), None, THREE, False),
        (held(Phase.PAUSED, until=ENDED, reached="here"), None, THREE, True),
        (held(Phase.PAUSED), None, THREE, True),
        (held(Phase.PAUSED), None, instants(UNLISTED_AFTER - SECOND, SECOND, 0 * SECOND), False),
        (held(Phase.PAUSED, until=None), None, THREE, True),
        (held(Phase.PAUSED, yielded=YIELDED.yielded, until=ENDED), desired(), THREE, True),
    ],
    ids=[
        "paused", "resumed without effect", "a pause of unknown fate", "a pause that failed",
        "still wanted", "no look failed", "two looks", "a second too early", "a look too early",
        "paused elsewhere", "paused here", "ended by an edit", "ended by an edit just now",
        "without an end", "a person won what is open",
    ],
)  # fmt: skip
def test_no_list_can_be_had(
    record: Record, wanted: Desired | None, failed: list[datetime], *, is_resumed: bool
) -> None:
    """Three looks and two minutes after its end, what is ours is resumed unseen, and not before."""
    decision = decide_unlisted(record, wanted, NOW, failed, here="here")

    assert isinstance(decision, Resume) is is_resumed
    assert isinstance(decision, Keep) is not is_resumed


def test_only_runs_within_the_pause_were_missed() -> None:
    """A run that was due before the pause, or long before anything, was not missed by it."""
    runs = tuple(
        ScheduledRun(at, "nightly", "BACKUP")
        for at in (START.replace(year=2000), START - SECOND, START, NOW.wall, NOW.wall + SECOND)
    )
    record = held(Phase.PAUSED, scheduled=runs)

    assert record.missed(NOW.wall) == runs[2:4]
