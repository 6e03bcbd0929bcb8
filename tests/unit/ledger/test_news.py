"""What lists showed and how openings go, of many clusters at once: in as few statements as of one.

At the start of an opening all clusters have news, and all wait for one thread.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daemon.core.listing import Listing
from daemon.core.summary import News, ProgressNote
from daemon.ledger.changes import Change
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.thread import writer_of
from tests.unit.ledger.ledger_samples import NOW


def news(cluster: str, *ids: str) -> News:
    """Return what a list of the cluster showed, and how an opening goes there."""
    end, count = NOW + timedelta(hours=1), len(ids)
    note = ProgressNote(cluster, "night", NOW, end, NOW, count, 0, 0, is_listed=True)
    return News(cluster, Listing(frozenset(ids)), (note, note))


@pytest.mark.parametrize("clusters", [1, 50])
def test_the_number_of_statements_does_not_depend_on_that_of_clusters(
    tmp_path: Path, clusters: int
) -> None:
    """The transaction takes its time on the thread for rows, not for round trips."""
    asked: Counter[str] = Counter()
    changes = [Change([], [], news=news(f"c{number}", "r")) for number in range(clusters)]
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:

        def count(*arguments: object) -> None:
            asked[str(arguments[2]).split()[0]] += 1

        sa.event.listen(sa.Engine, "before_cursor_execute", count)
        try:
            assert writer_of(ledger)(changes) == [None] * clusters
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", count)
        found = ledger.listings(), ledger.progress(NOW)

    assert asked["INSERT"] == 2
    assert sum(asked.values()) <= 4
    assert len(found[0]) == clusters
    assert len(found[1]) == 2 * clusters


def test_of_several_lists_of_a_cluster_the_last_counts(tmp_path: Path) -> None:
    """One row says what the last list showed, also where two were to be written together."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save([], [], [news("prod", "a")])
        ledger.save([], [], [news("prod", "b"), news("prod", "c")])

        assert ledger.listings() == {"prod": Listing(frozenset({"c"}))}
