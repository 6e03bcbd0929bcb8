"""Openings as lines of text: how far one is, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.reports.openings import as_decided, sentence, summaries
from daemon.core.summary import ProgressNote
from daemon.windows.overrides import Override, OverrideKind

START = datetime(2026, 11, 23, 22, tzinfo=UTC)
END = START + timedelta(hours=4)
MINUTE = timedelta(minutes=1)
NOTE = ProgressNote(*("prod", "night", START, END, START - MINUTE, 2, 2, 0), is_listed=True)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (START - MINUTE, "22:00 to Tue 2026-11-24 02:00 UTC: 2 of 2 paused before it began"),
        (START, "22:00 open until Tue 2026-11-24 02:00 UTC: 2 of 2 paused before it began"),
        (END, "22:00 to Tue 2026-11-24 02:00 UTC: 2 of 2 paused before it began, 0 of 2 resumed"),
    ],
)
def test_a_line_says_whether_it_is_open(now: datetime, said: str) -> None:
    """What is paused for early is not open yet, and nothing of it was to be resumed so far."""
    (found,) = summaries([NOTE])

    assert sentence(found, ZoneInfo("UTC"), now) == f"night Mon 2026-11-23 {said}"


def test_what_never_began_is_no_opening() -> None:
    """One that was cancelled while its repositories were paused early is not told."""
    cancelled = ProgressNote(
        *("prod", "night", START, START - MINUTE, START - MINUTE, 2, 2, 0), is_listed=True
    )

    assert summaries([NOTE, cancelled]) == []


@pytest.mark.parametrize(
    ("decided", "now", "end"),
    [
        (START + MINUTE, START + 2 * MINUTE, START + MINUTE),
        (START + MINUTE, END + MINUTE, START + MINUTE),
        (END + MINUTE, START + MINUTE, END + MINUTE),
        # A daemon saw both to their ends: as noted, a moment after the decision.
        (END - timedelta(seconds=1), END + MINUTE, END),
        (END + MINUTE, END + 2 * MINUTE, END),
    ],
)
def test_what_a_person_ended_while_no_daemon_ran_is_over(
    decided: datetime, now: datetime, end: datetime
) -> None:
    """Nobody noted its end, and what a person decided is what became of it."""
    decision = Override(OverrideKind.EXTEND, "night", START, decided, START, "me@here")

    (found,) = as_decided(summaries([NOTE]), [decision], now)

    assert found.end == end
