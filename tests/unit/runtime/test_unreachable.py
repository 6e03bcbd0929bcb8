"""Which clusters do not answer: what is noted, and how it is named in a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.core.unreachable import Unreachable
from daemon.runtime.unreachable import UnreachableClusters

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def down(cluster: str, minutes: int = 1, error: str = "refused") -> Unreachable:
    """Return a cluster that has not answered for so many minutes."""
    return Unreachable(cluster, error, "Connection refused", NOW - timedelta(minutes=minutes))


def test_only_changes_are_noted() -> None:
    """A cluster is noted when it stops answering, changes or answers again, and at first."""
    watch = UnreachableClusters()
    refused, other = down("a"), down("a", error="dns")

    looks: list[dict[str, Unreachable | None]] = [
        {"a": None}, {"a": None}, {"a": refused}, {"a": refused}, {"a": other}, {}
    ]  # fmt: skip
    changes = [watch.changes(found) for found in looks]

    assert [change for change in changes if change] == [
        {"a": None},
        {"a": refused},
        {"a": other},
        {"a": None},
    ]


def test_the_longest_are_named_first() -> None:
    """Three are named with their errors, the others are counted."""
    watch = UnreachableClusters()
    watch.changes({name: down(name, minutes) for minutes, name in enumerate("abcde")} | {"f": None})

    said = watch.in_short

    assert said == (
        "e UNREACHABLE (refused), d UNREACHABLE (refused), c UNREACHABLE (refused), 2 more"
    )


def test_an_unreachable_cluster_survives_the_ledger() -> None:
    """What is written of one is read again."""
    assert Unreachable.parse("a", down("a").text()) == down("a")
