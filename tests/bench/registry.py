"""All benchmarks by name; a new one is a function in a module of its family and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tests.bench import (
    durability,
    fan_out,
    hanging,
    inside,
    lateness,
    looking,
    several,
    starting,
    steady,
)
from tests.bench.measures import Row


class Benchmark(Protocol):
    """Measures something and gives the rows of the table; its docstring says what."""

    __doc__: str | None

    def __call__(self, *, quick: bool) -> list[Row]:
        """Measure; *quick* means fewer rounds and shorter times."""


BENCHMARKS: Mapping[str, Benchmark] = {
    "fan-out": fan_out.thousand,
    "fan-out-10000": fan_out.ten_thousand,
    "clusters-500": fan_out.hundreds_of_clusters,
    "clusters-2000": fan_out.thousands_of_clusters,
    "cpu": fan_out.cpu,
    "hanging": hanging.one_hangs,
    "lateness": lateness.first_posts,
    "reload": lateness.reload,
    "fsync": durability.syncs,
    "planning": inside.planning,
    "questions": inside.questions,
    "excluded": inside.excluded_dates,
    "log": inside.log_lines,
    "starts": starting.starts,
    "memory": steady.memory,
    "idle": steady.idle,
    "page": looking.pages,
    "members": several.members,
}

BY_NAME_ALONE = frozenset({"members"})
"""What is no part of a run of all: it needs a PostgreSQL, and compares daemons with each other."""
