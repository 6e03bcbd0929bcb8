"""What became of an opening, from the notes of each cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.core.repository import ScheduledRun
from daemon.core.summary import (
    MissedRun,
    ProgressNote,
    outcome,
    outcome_of_none,
    summarize,
    summary_json,
)

START = datetime(2026, 11, 23, 19, 20, tzinfo=UTC)
END = START + timedelta(minutes=2)
SECOND = timedelta(seconds=1)
RUN = ScheduledRun(START + SECOND, "daily", "BACKUP")


def note(cluster: str, at: datetime, wanted: int, paused: int) -> ProgressNote:
    """Return a note about an opening of two minutes."""
    return ProgressNote(cluster, "live", START, END, at, wanted, paused, 0, is_listed=True)


FINAL = note("prod", START + SECOND / 5, 5, 5)
RESUMED = replace(FINAL, at=END + SECOND / 10, resumed=3)
NOTES = [
    note("prod", START, 5, 0),
    note("prod", START + SECOND / 10, 5, 3),
    FINAL,
    note("dr", START + SECOND / 10, 1, 1),
    RESUMED,
    replace(FINAL, at=END + 3 * SECOND / 10, resumed=2, missed=(MissedRun("prod", "a", RUN),),
            missed_total=1),
    replace(note("dr", END + SECOND / 10, 1, 1), resumed=1),
]  # fmt: skip


def test_the_clusters_of_an_opening_are_one_entry() -> None:
    """Counts are the last of each cluster, resumes add up, and times are those of the last one."""
    found = summary_json(summarize(NOTES))

    assert found == {
        "window": "live",
        "start": START.isoformat(),
        "end": END.isoformat(),
        "wanted": 6,
        "paused": 6,
        "failed": 0,
        "resumed": 6,
        "missed": [
            {
                "cluster": "prod",
                "repository": "a",
                "task": "daily",
                "task_type": "BACKUP",
                "due": (START + SECOND).isoformat(),
            }
        ],
        "paused_after_ms": 200,
        "resumed_after_ms": 300,
    }


def test_an_entry_reads_as_a_change_ticket_has_it() -> None:
    """How many of how many were paused and resumed, how fast, and what was missed."""
    said = outcome(summary_json(summarize(NOTES)))

    assert said == "6 of 6 paused in 0.2 s, 6 of 6 resumed in 0.3 s, missed: prod/a daily"


def test_what_drifted_is_not_paused_at_the_end() -> None:
    """The last note counts: somebody resumed one of them, and nobody paused it again."""
    drifted = note("prod", START + 60 * SECOND, 5, 4)

    found = summarize([FINAL, drifted])

    assert (found.paused, found.failed, found.paused_after) == (4, 1, SECOND / 5)


def test_a_cluster_without_a_list_is_a_failure() -> None:
    """An opening that passed without an answer is no success, though nothing is known to want."""
    silent = replace(note("dr", START, 0, 0), is_listed=False)

    found = summarize([silent])

    assert (found.failed, found.unlisted) == (1, ("dr",))
    assert outcome(summary_json(found)) == "0 of 0 paused, 0 of 0 resumed, no list of dr"


def test_what_an_earlier_process_noted_counts() -> None:
    """A daemon that was down at the end knows of the resumes alone; the opening is told in full.

    An opening that a person closed meanwhile ended no later than its last resume was noted.
    """
    late = ProgressNote(*("prod", "live", START), END + 60 * SECOND, END + 60 * SECOND,
                        *(0, 0, 0), is_listed=True, resumed=5)  # fmt: skip
    closed = replace(late, end=END - 60 * SECOND, at=END - 60 * SECOND)

    found, cut = summarize([FINAL, late]), summarize([FINAL, closed])

    assert (found.wanted, found.paused, found.failed, found.resumed) == (5, 5, 0, 5)
    assert (found.end, cut.end) == (END, END - 60 * SECOND)
    assert outcome(summary_json(found)).endswith("5 of 5 resumed in 60.0 s")


def test_more_resumes_than_pauses_are_no_fraction() -> None:
    """What an edit took out of an open window was resumed, and is no longer wanted."""
    edited = note("prod", START + SECOND, 0, 0)

    found = summarize([FINAL, edited, replace(edited, resumed=5)])

    assert outcome(summary_json(found)) == "0 of 0 paused, 5 resumed before it ended"


def test_somebody_elses_pause_is_not_ours_to_resume() -> None:
    """What was paused before counts as paused, and nobody expects its resume."""
    found = summarize([replace(FINAL, elsewhere=2), replace(RESUMED, elsewhere=2)])

    said = outcome(summary_json(found))

    assert said == "5 of 5 paused in 0.2 s, 2 of them by somebody else, 3 of 3 resumed in 0.1 s"


def test_runs_that_are_only_counted_are_told_as_such() -> None:
    """A note keeps some of the missed runs and the number of all."""
    many = replace(FINAL, resumed=5, missed=(MissedRun("prod", "a", RUN),), missed_total=80)

    document = summary_json(summarize([many]))

    assert document["missed_total"] == 80
    assert outcome(document).endswith("missed: prod/a daily and 79 more")


def test_an_opening_of_others_has_nothing_to_tell() -> None:
    """One of several daemons that has none of its clusters says zeros."""
    assert outcome(outcome_of_none()) == "0 of 0 paused, 0 of 0 resumed"
