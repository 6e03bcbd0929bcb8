"""How far openings come on a cluster: what their notes say, while a pass runs and after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from daemon.core.attempt import Attempt
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News, summarize
from daemon.passes.holdings import Holdings
from daemon.passes.tally import Tally
from daemon.windows.timeline import Timeline

END = datetime(2026, 11, 24, 6, tzinfo=UTC)
OPENING = "night@2026-11-24T02:00:00+00:00"


class Store:
    """Keeps nothing: what is noted is read from the tally itself."""

    async def save(
        self, records: Iterable[Record], attempts: Iterable[Attempt] = (), news: News | None = None
    ) -> None:
        """Write nothing."""


def resuming(id_: str) -> Record:
    """Return the record of a repository that was held for the opening."""
    key = RepositoryKey("prod", id_)
    return Record(key, phase=Phase.RESUMING, openings=(OPENING,), until=END)


def test_what_a_pass_has_resumed_so_far_counts_before_it_ends() -> None:
    """The log's line of a close that takes long says how many are active again by then."""
    tally = Tally("prod", Holdings(Store(), []))
    for number, id_ in enumerate("abc", start=1):
        tally.resumed(resuming(id_), END + timedelta(seconds=number))

    meanwhile = summarize(tally.notes(OPENING))
    tally.follow(Timeline(()), None, END + timedelta(seconds=9), is_kept=True)
    after = summarize(tally.notes(OPENING))

    assert meanwhile == after
    assert (after.resumed, after.resumed_after) == (3, timedelta(seconds=3))
    assert (after.start, after.end) == (END - timedelta(hours=4), END)
