"""What was measured: series of samples, rows of the table, and the table itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.bench.goals import Goal

_LARGE = 1000
_HEADINGS = ("measured", "ours", "against", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: *ours* against a peer or, where there is none, against the goal itself.

    `goal` is the greatest ratio that is good enough; None where there is no goal. `samples` are
    what the medians were taken from.
    """

    what: str
    ours: str
    against: str
    ratio: float
    goal: float | None = None
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def strain(self) -> float:
        """How much of the goal is used up; above 1 it is not met."""
        return self.ratio / self.goal if self.goal else 0.0

    @property
    def is_met(self) -> bool | None:
        """Check whether the goal is met; None where there is none."""
        return None if self.goal is None else self.ratio <= self.goal

    def document(self) -> dict[str, Any]:
        """Return the row as JSON takes it."""
        return {**asdict(self), "strain": self.strain, "is_met": self.is_met}


def interleaved(rounds: int, measured: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure all of it once in each round, so that a busy minute is nobody's alone."""
    samples: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds):
        names = list(measured)
        # Another one begins each time: who comes after whom must not matter.
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            samples[name].append(measured[name]())
    return samples


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of samples from the same round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def raced(
    what: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    goal: Goal | None = None,
) -> Row:
    """Compare the seconds that the same work took us and *peer*."""
    return Row(
        what,
        f"{median(ours):.2f} s",
        f"{peer}: {median(theirs):.2f} s",
        ratio_of(ours, theirs),
        goal.most if goal else None,
        {"ours": ours, "theirs": theirs},
    )


def within(what: str, value: float, goal: Goal, samples: Sequence[float] = ()) -> Row:
    """Compare a value with a goal that is a number itself; more than 0 is infinitely more."""
    against = f"the goal: {goal.most:,g} {goal.unit}"
    ours = f"{value:.3g} {goal.unit}" if value < _LARGE else f"{value:,.0f} {goal.unit}"
    ratio = value / goal.most if goal.most else 0.0 if value <= 0 else math.inf
    return Row(what, ours, against, ratio, 1.0, samples={"ours": samples})


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown, what comes nearest to missing its goal first."""
    ordered = sorted(
        rows, key=lambda row: (row.goal is not None, row.strain, row.ratio), reverse=True
    )
    lines = [f"| {' | '.join(cells)} |\n" for cells in (_HEADINGS, *map(_cells, ordered))]
    lines.insert(1, "|" + "---|" * len(_HEADINGS) + "\n")
    return "".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    goal = "-" if row.goal is None else f"≤ {row.goal:g}"
    met = {True: "yes", False: "NO", None: "-"}[row.is_met]
    return (row.what, row.ours, row.against, f"{row.ratio:.3g}", goal, met)
