"""The soak's judge finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.bench.soak.calls import Call, overlapping
from tests.bench.soak.judge import Change, Owner, Verdict, judge


def verdict(*words: str) -> Verdict:
    """Judge a history of words: who (`daemon`, `person`, `claimed` for both) and what."""
    changes = []
    for word in words:
        who, _, action = word.partition(" ")
        changes.append(Change("r", action, who == "daemon", is_claimed=who == "claimed"))
    return judge("c", changes, foreign=["archive"])


@pytest.mark.parametrize(
    ("history", "owner"),
    [
        ([], None),
        (["daemon pause"], Owner.DAEMON),
        (["daemon pause", "daemon resume"], None),
        (["daemon pause", "person resume"], None),
        (["daemon pause", "person pause"], Owner.DAEMON),
        (["person pause", "daemon pause"], Owner.PERSON),
        (["claimed pause"], Owner.EITHER),
        (["claimed pause", "daemon resume"], None),
    ],
)
def test_a_pause_has_an_owner(history: list[str], owner: Owner | None) -> None:
    """Who paused a repository first owns it until somebody resumes it; nothing is wrong with it."""
    found = verdict(*history)

    assert found.owners.get("r") == owner
    assert found.violations == ()
    assert found.left_paused == (("r",) if owner is Owner.DAEMON else ())


def test_a_resume_of_what_a_person_paused_is_found() -> None:
    """A daemon that resumes a person's pause broke a promise, and so does one of the foreign."""
    of_person = verdict("person pause", "daemon resume")
    of_foreign = judge("c", [Change("archive", "resume", is_daemon=True)], foreign=["archive"])

    assert of_person.violations == ("I2: c/r was resumed, but a person had paused it",)
    assert of_foreign.violations == ("I2: c/archive was resumed, but a person had paused it",)


def call(member: str, began: float, ended: float, repository: str = "r") -> Call:
    """Return a pause."""
    return Call(began, ended, repository, "pause", member)


@pytest.mark.parametrize(
    ("first", "second", "is_found"),
    [
        (call("a", 0, 0.5), call("b", 0.4, 0.6), True),
        (call("a", 0, 0.5), call("b", 0.5, 0.6), False),
        (call("a", 0, 0.5), call("b", 0.4, 0.6, "other"), False),
        (call("a", 0, 9.0), call("b", 1.1, 1.2), False),
        (call("a", 0, 9.0), call("b", 0.9, 1.2), True),
        (call("a", 0, 0.5), call("a", 0.1, 0.6), True),
        (call("a", 0, 0.5), call("a", 0.4, 0.6), False),
    ],
)
def test_calls_that_met_are_found(first: Call, second: Call, *, is_found: bool) -> None:
    """Of two daemons at any time; a gateway may notice late that one's own call is over."""
    assert overlapping([second, first], longest_s=1.0) == ([(first, second)] if is_found else [])
