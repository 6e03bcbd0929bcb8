"""What is wanted of repositories that no list shows."""

from __future__ import annotations

from daemon.core.absent import plainly_wanted
from daemon.windows.timeline import Timeline
from daemon.windows.work import MUCH, result_of
from tests.unit.core.test_progress import NOW, window


def test_only_who_names_it_plainly_wants_it() -> None:
    """A window's glob, and its plain names, are told apart; what a list shows is left as it is."""
    timeline = Timeline([window("a", "x", "y"), window("b", "*"), window("c", "y", "z*")])
    every = timeline.desired("prod", ["x", "y", "zz", "there"], NOW)

    found = result_of(plainly_wanted(timeline, "prod", {"x", "y", "zz"}, every))

    assert {id_: each.windows for id_, each in found.items()} == {
        "x": ("a",),
        "y": ("a", "c"),
        "there": ("b",),
    }
    assert found["there"] is every["there"]


def test_thousands_are_looked_at_in_steps_and_share_their_answer() -> None:
    """A cluster that was never reached may have many names; others have their turns meanwhile."""
    ids = {f"r{number}" for number in range(3 * MUCH)}
    timeline = Timeline([window("many", *ids)])
    every = timeline.desired("prod", ids, NOW)

    turns = sum(1 for _ in plainly_wanted(timeline, "prod", ids, every))
    found = result_of(plainly_wanted(timeline, "prod", ids, every))

    assert turns >= 3
    assert len({id(each) for each in found.values()}) == 1
