"""Which clusters do not answer: what is kept of that, and how it is named in a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from daemon.core.unreachable import Unreachable
from daemon.runtime.unreachable import UnreachableClusters

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def each(cluster: str, minutes: int = 1, error: str = "refused") -> Unreachable:
    """Make a each that began so many minutes ago."""
    return Unreachable(cluster, error, "Connection refused", NOW - timedelta(minutes=minutes))


def test_only_what_changes_is_kept() -> None:
    """A each is kept when it begins, changes or ends, and a cluster's first state as well."""
    kept: list[Mapping[str, Unreachable | None]] = []
    watch = UnreachableClusters(kept.append)
    down, other = each("a"), each("a", error="dns")

    for found in ({"a": None}, {"a": None}, {"a": down}, {"a": down}, {"a": other}, {}):
        watch.look(found)

    assert kept == [{"a": None}, {"a": down}, {"a": other}, {"a": None}]


def test_the_longest_are_named_first() -> None:
    """Three are named with their errors, the others are counted."""
    watch = UnreachableClusters(lambda _: None)
    watch.look({name: each(name, minutes) for minutes, name in enumerate("abcde")} | {"f": None})

    said = watch.in_short()

    assert said == (
        "e UNREACHABLE (refused), d UNREACHABLE (refused), c UNREACHABLE (refused), 2 more"
    )


def test_a_trouble_survives_the_ledger() -> None:
    """What is written of one is read again."""
    assert Unreachable.parse("a", each("a").text()) == each("a")
