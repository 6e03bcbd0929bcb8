"""What keeps us from deciding as usual: a clock that is wrong, and an address that is another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.decide import (
    Decision,
    Keep,
    Leave,
    Reason,
    Resume,
    Stray,
    decide,
)
from daemon.core.record import Phase, Record
from daemon.core.vanished import GONE_AFTER, gone
from tests.unit.core.test_decide import KEY, LIVE, NOW, desired, held, seen


@pytest.mark.parametrize("enforce", [False, True])
@pytest.mark.parametrize("record", [None, held(Phase.PAUSING, suspect_pause=LIVE)])
def test_a_wrong_clock_pauses_nothing(record: Record | None, *, enforce: bool) -> None:
    """Where `may_pause` is false nothing is paused, what is known stays, and the reason is said."""
    known = record or Record(KEY)

    decision = decide(KEY, desired(enforce=enforce), seen("active"), record, NOW, may_pause=False)

    assert decision == Leave(known, Reason.CLOCK_DIFFERS)


def test_a_wrong_clock_enforces_nothing_but_resumes() -> None:
    """A wrong clock does not overrule a person either; what is ours is resumed all the same."""
    ours = held(Phase.PAUSED)

    inside = decide(KEY, desired(enforce=True), seen("active"), ours, NOW, may_pause=False)
    outside = decide(KEY, None, seen("paused"), ours, NOW, may_pause=False)

    assert inside == Leave(ours, Reason.CLOCK_DIFFERS)
    assert isinstance(outside, Resume)


@pytest.mark.parametrize(
    ("reached", "expected"),
    [("there", Stray), ("here", Leave), ("", Leave)],
    ids=["made elsewhere: looked for there", "made here: gone", "unknown: gone"],
)
def test_what_another_address_has_is_not_gone(reached: str, expected: type[Decision]) -> None:
    """A hold made at another address than the one asked is a stray where it stays missing."""
    first = held(Phase.PAUSED, reached=reached)
    second = replace(first, missing_since=NOW.wall - GONE_AFTER)

    early = decide(KEY, desired(), None, first, NOW, here="here")
    late = decide(KEY, desired(), None, second, NOW, here="here")
    is_another = decide(
        KEY, None, replace(seen("paused"), uuid="b"), replace(second, uuid="a"), NOW, here="here"
    )

    assert early == Keep(replace(first, missing_since=NOW.wall))
    assert (type(late), type(is_another)) == (expected, expected)
    assert late.record == (second if expected is Stray else gone(second))


def test_a_hold_notes_where_it_was_made() -> None:
    """The intent to pause carries the address, and a hold seen at another one follows it."""
    intent = decide(KEY, desired(), seen("active"), None, NOW, here="here")
    moved = decide(KEY, desired(), seen("paused"), held(Phase.PAUSED, reached="x"), NOW, here="y")

    assert (intent.record.reached, moved.record.reached) == ("here", "y")
