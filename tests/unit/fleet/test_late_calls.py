"""Calls that came too late: given to a lane once, and noted only when that has recorded them."""

from __future__ import annotations

from daemon.core.attempt import Action
from daemon.fleet.late_calls import LateCalls
from daemon.ledger.postgresql.claims import Look, Stale

FIRST = Stale(7, "prod", "orders", Action.PAUSE)
SECOND = Stale(8, "prod", "archive", Action.PAUSE)
OTHER = Stale(9, "test", "orders", Action.RESUME)
STALE = (FIRST, SECOND, OTHER)


def test_each_is_given_once() -> None:
    """What the database names again at every beat is looked at once; what is not ours, never."""
    calls = LateCalls()
    is_news = [calls.find(STALE, {"prod"}) for _ in range(2)]

    assert is_news == [True, False]
    assert calls.to_look_at({"prod", "test"}) == [FIRST, SECOND]
    assert calls.to_look_at({"prod", "test"}) == []


def test_what_has_no_lane_yet_is_kept() -> None:
    """A call whose cluster was claimed a moment ago is looked at once there is a lane for it."""
    calls = LateCalls()
    calls.find(STALE, {"prod", "test"})
    before = calls.to_look_at({"test"})
    calls.find(STALE, {"prod", "test"})

    assert before == [OTHER]
    assert calls.to_look_at({"prod", "test"}) == [FIRST, SECOND]
    assert calls.to_look_at({"prod", "test"}) == []


def test_only_what_is_recorded_is_noted() -> None:
    """Whoever dies before its lane has recorded a suspicion leaves the look to the next owner."""
    calls = LateCalls()
    calls.find(STALE, {"prod", "test"})
    calls.to_look_at({"prod", "test"})
    before = calls.to_note()
    calls.recorded(FIRST, 2)

    assert (before, calls.to_note()) == ({}, {"prod": Look(2, FIRST.id)})


def test_what_is_noted_is_forgotten() -> None:
    """What was recorded while the database noted the others is noted next."""
    calls = LateCalls()
    calls.find(STALE, {"prod", "test"})
    calls.to_look_at({"prod", "test"})
    calls.recorded(FIRST, 2)
    last = calls.to_note()
    calls.recorded(SECOND, 2)
    calls.noted(last)

    assert calls.to_note() == {"prod": Look(2, SECOND.id)}
    calls.noted(calls.to_note())
    assert calls.to_note() == {}


def test_what_a_lane_did_not_record_is_found_again() -> None:
    """After the end of a lane its cluster may be claimed anew, and what it left is looked at."""
    calls = LateCalls()
    calls.find(STALE, {"prod", "test"})
    calls.to_look_at({"prod", "test"})
    calls.recorded(FIRST, 2)
    calls.end("prod")
    calls.recorded(FIRST, 2)

    assert calls.to_note() == {}
    assert calls.find(STALE, {"prod", "test"})
    assert calls.to_look_at({"prod", "test"}) == [FIRST, SECOND]
