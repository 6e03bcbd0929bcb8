"""The benchmark's table says what was measured, and what came nearest to missing its goal first."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench import goals
from tests.bench.goals import Goal
from tests.bench.measures import Row, interleaved, ratio_of, table, within


def test_a_goal_that_is_a_number_is_met_up_to_it() -> None:
    """A value at its limit meets the goal, one above does not."""
    assert within("start", 0.8, Goal(0.8, "s")).is_met
    assert not within("start", 0.81, Goal(0.8, "s")).is_met


def test_a_goal_may_be_nothing() -> None:
    """Where nothing is allowed, nothing meets the goal, and anything comes first in the table."""
    none, some = (within(f"{value} bytes", value, Goal(0, "bytes")) for value in (0, 1))
    missed = Row("missed", "1", "x", 9.0, 1.0)

    assert none.is_met
    assert not some.is_met
    assert [line.split()[1] for line in table([none, missed, some]).splitlines()[2:]] == [
        "1",
        "missed",
        "0",
    ]


def test_every_goal_is_measured() -> None:
    """No goal is left in the table that nothing is held against."""
    named = {name for name in vars(goals) if name.isupper()}
    modules = (Path(goals.__file__).parent).glob("*.py")
    used = set(re.findall(r"\bgoals\.([A-Z0-9_]+)", "".join(each.read_text() for each in modules)))

    assert named == used


def test_a_row_without_a_goal_is_neither_met_nor_missed() -> None:
    """What is shown for comparison alone has no verdict."""
    assert Row("start", "1 s", "Python: 0.5 s", 2.0).is_met is None


def test_ratios_are_of_the_same_round() -> None:
    """A round in which everything was slow does not change the ratio."""
    assert ratio_of([1.0, 30.0, 1.0], [2.0, 60.0, 2.0]) == 0.5


def test_each_round_measures_everything_once() -> None:
    """Peers are measured in turn, and another one begins in each round."""
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    samples = interleaved(2, {"a": lambda: measure("a"), "b": lambda: measure("b")})

    assert order == ["a", "b", "b", "a"]
    assert samples == {"a": [1.0, 4.0], "b": [2.0, 3.0]}


def test_the_worst_row_comes_first() -> None:
    """Rows are sorted by how much of their goal is used up, those without one come last."""
    rows = [
        Row("shown", "1", "x", 50.0),
        Row("met", "1", "x", 0.5, 1.0),
        Row("missed", "1", "x", 0.3, 0.25),
    ]

    lines = table(rows).splitlines()

    assert [line.split()[1] for line in lines[2:]] == ["missed", "met", "shown"]
