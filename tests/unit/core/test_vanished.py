"""Repositories that vanish from the list while they are held, and come back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.decide import Adopt, Decision, Keep, Leave, Missing, Pause, Reason, Resume, decide
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository
from daemon.core.vanished import GONE_AFTER, REMEMBERED, gone
from daemon.windows.timeline import Desired
from tests.unit.core.test_decide import KEY, NOW, OVER, desired, held, seen

HELD = held(Phase.PAUSED, uuid="a", reached="here", missing_since=NOW.wall - GONE_AFTER)
GONE = gone(HELD)
LONG_AGO = NOW.wall - REMEMBERED
PAUSED, ACTIVE = replace(seen("paused"), uuid="a"), replace(seen("active"), uuid="a")
ODD = ObservedRepository("orders", None, "a", problem="its state is unknown")


@pytest.mark.parametrize(
    ("wanted", "observed", "expected"),
    [
        (desired(), PAUSED, Adopt),
        (None, PAUSED, Resume),
        (desired(), ACTIVE, Pause),
        (None, ACTIVE, Keep),
        (None, ODD, Resume),
        (desired(), ODD, Leave),
        (None, replace(PAUSED, uuid=""), Resume),
        (desired(), replace(PAUSED, uuid="b"), Leave),
        (None, replace(PAUSED, uuid="b"), Keep),
        (None, replace(ODD, uuid="b"), Keep),
        (None, None, Keep),
        (desired(), None, Missing),
        (None, ObservedRepository("", None, problem="row 1 of the list has no id"), Keep),
    ],
    ids=[
        *("paused, wanted: ours again", "paused, over: resumed", "active, wanted: paused"),
        *("active, over: forgotten", "not understood, over: resumed", "not understood: left"),
        *("no number, over: resumed", "another, wanted: left", "another, over: forgotten"),
        *("another, not understood: forgotten", "missing: remembered", "missing, named: reported"),
        "a row without an id: remembered",
    ],
)
def test_what_was_gone_comes_back(
    wanted: Desired | None, observed: ObservedRepository | None, expected: type[Decision]
) -> None:
    """It is ours as it was if it is paused as it was; another one with its id is not."""
    decision = decide(KEY, wanted, observed, GONE, NOW, here="here")

    assert type(decision) is expected
    if observed is None or not observed.id:
        assert decision.record == GONE
    elif observed.uuid == "b" or expected is Keep:
        assert decision.record.is_spent
    else:
        assert decision.record.is_hold
    if isinstance(decision, Leave) and observed is PAUSED:
        assert decision.reason is Reason.PAUSED_ELSEWHERE


@pytest.mark.parametrize(
    "record",
    [
        Record(KEY, uuid="a", yielded=HELD.openings),
        Record(KEY, uuid="a", suspect_pause=OVER),
        Record(KEY, uuid="a", backup_due=NOW.wall),
    ],
    ids=["a person's word", "a lost pause", "an owed backup"],
)
def test_what_else_is_known_is_remembered(record: Record) -> None:
    """A list that lacks the repository disproves nothing, and another with its id ends it."""
    missing = replace(record, missing_since=NOW.wall - GONE_AFTER)
    other = replace(ACTIVE, uuid="b")

    assert decide(KEY, None, None, missing, NOW) == Keep(missing)
    assert decide(KEY, desired(), None, missing, NOW) == Missing(missing)
    assert decide(KEY, None, other, missing, NOW) == Keep(Record(KEY))
    assert decide(KEY, None, None, replace(missing, missing_since=LONG_AGO), NOW) == Keep(
        Record(KEY)
    )


def test_it_is_not_remembered_for_ever() -> None:
    """After a day it is forgotten, also where the clock was set back."""
    old = replace(GONE, missing_since=LONG_AGO)
    ahead = replace(GONE, missing_since=NOW.wall + REMEMBERED)

    assert decide(KEY, None, None, old, NOW) == Keep(Record(KEY))
    assert decide(KEY, None, None, ahead, NOW) == Keep(Record(KEY))


@pytest.mark.parametrize(("number", "expected"), [("a", Resume), ("", Keep), ("b", Keep)])
def test_at_another_address_its_number_has_to_show(number: str, expected: type[Decision]) -> None:
    """A repository with its id behind another URL is the same only if its number says so."""
    there = replace(GONE, reached="there")

    decision = decide(KEY, None, replace(PAUSED, uuid=number), there, NOW, here="here")

    assert type(decision) is expected
