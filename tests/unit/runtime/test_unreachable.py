"""Which clusters do not answer: what is kept of that, and how it is named in a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from daemon.ledger.state import Trouble
from daemon.runtime.unreachable import TroubleWatch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def trouble(cluster: str, minutes: int = 1, error: str = "refused") -> Trouble:
    """Make a trouble that began so many minutes ago."""
    return Trouble(cluster, error, "Connection refused", NOW - timedelta(minutes=minutes))


def test_only_what_changes_is_kept() -> None:
    """A trouble is kept when it begins, changes or ends, and a cluster's first state as well."""
    kept: list[Mapping[str, Trouble | None]] = []
    watch = TroubleWatch(kept.append)
    down, other = trouble("a"), trouble("a", error="dns")

    for found in ({"a": None}, {"a": None}, {"a": down}, {"a": down}, {"a": other}, {}):
        watch.look(found)

    assert kept == [{"a": None}, {"a": down}, {"a": other}, {"a": None}]


def test_the_longest_are_named_first() -> None:
    """Three are named with their errors, the others are counted."""
    watch = TroubleWatch(lambda _: None)
    watch.look({name: trouble(name, minutes) for minutes, name in enumerate("abcde")} | {"f": None})

    said = watch.in_short()

    assert said == (
        "e UNREACHABLE (refused), d UNREACHABLE (refused), c UNREACHABLE (refused), 2 more"
    )


def test_a_trouble_survives_the_ledger() -> None:
    """What is written of one is read again."""
    assert Trouble.parse("a", trouble("a").text()) == trouble("a")
