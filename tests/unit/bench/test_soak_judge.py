"""The soak's judge finds what it is there to find."""

from __future__ import annotations

import pytest

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
