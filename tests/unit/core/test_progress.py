"""How far openings are: one answer for status, wait, metrics, log and page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.core.decide import Reason
from daemon.core.listing import Listing
from daemon.core.progress import (
    MISSING,
    NO_DAEMON,
    NOT_LOOKED,
    UNSEEN,
    ClusterView,
    Pending,
    progress,
    wanted_now,
)
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.unreachable import Unreachable
from daemon.windows.rules import Cron, Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOWN = Unreachable("prod", "refused", "", NOW)


def window(name: str, *patterns: str, start: datetime = NOW - HOUR, before: int = 0) -> Window:
    """Return a window over prod that is open from *start* for three hours."""
    return Window(
        name,
        Once(start, start + 3 * HOUR),
        ZoneInfo("UTC"),
        (("prod", Patterns(patterns)),),
        pause_before=before * HOUR,
    )


NIGHT = window("night", "*", "!archive")
ID = "night@2026-11-23T11:00:00Z"


def listed(*ids: str, **left: Reason) -> Listing:
    """Return a list that was taken since the opening began."""
    return Listing(frozenset(ids), frozenset({ID}), left)


def record(id_: str, phase: Phase | None = Phase.PAUSED, error: str | None = None) -> Record:
    """Return a record of a repository of prod."""
    return Record(RepositoryKey("prod", id_), phase, openings=(ID,), last_error=error)


def totals(timeline: Timeline, seen: ClusterView, now: datetime) -> tuple[int, int]:
    """Return how many repositories are wanted, and how many are pending."""
    found = wanted_now(timeline, seen, now)
    return found.wanted, found.pending


def view(listing: Listing | None, *records: Record) -> ClusterView:
    """Return what is known of prod."""
    return ClusterView("prod", listing, {each.key.id: each for each in records})


def test_what_is_seen_paused_is_paused_whoever_paused_it() -> None:
    """Ours and somebody else's count, what no pattern wants does not, and nothing is pending."""
    seen = view(listed("a", "b", "archive", b=Reason.PAUSED_ELSEWHERE), record("a"))

    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert (found.wanted, found.paused, found.elsewhere) == (2, 2, 1)
    assert found.is_complete


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (view(listed("a")), NOT_LOOKED),
        (view(listed("a"), record("a", Phase.PAUSING)), "is being paused"),
        (view(listed("a"), record("a", Phase.RESUMING)), "is being resumed first"),
        (
            view(listed("a"), record("a", Phase.PAUSING, "server_error")),
            "it failed (server_error), and is tried again",
        ),
        (view(listed("a", a=Reason.YIELDED)), "somebody resumed it"),
        (
            view(listed("a", a=Reason.NOT_UNDERSTOOD), record("a")),
            "its row in the list is not understood",
        ),
        (replace(view(listed("a")), unreachable=DOWN), "prod does not answer (refused)"),
        (replace(view(listed("a")), is_attended=False), NO_DAEMON),
    ],
)
def test_what_is_pending_has_its_reason(seen: ClusterView, why: str) -> None:
    """Each repository that is not paused is named, with why."""
    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert (found.wanted, found.paused) == (1, 0)
    assert [(each.repository, each.why) for each in found.pending] == [("a", why)]


def test_what_no_list_has_is_final_once_a_list_was_taken() -> None:
    """A plain name that the cluster lacks is said to be missing, but only of a list of today."""
    timeline = Timeline([window("night", "gone", "a")])

    before = progress(timeline, [view(Listing(frozenset({"a"})))], NOW)[ID]
    after = progress(timeline, [view(listed("a"), record("a"))], NOW)[ID]

    assert [each.is_final for each in before.pending] == [False, False]
    assert after.pending == (Pending("prod", "gone", MISSING, is_final=True),)
    assert (after.wanted, after.paused) == (2, 1)


def test_a_cluster_that_was_never_listed_is_pending_as_a_whole() -> None:
    """Without a list nobody knows what there is: one entry without a name, and no made-up count."""
    seen = replace(view(None), unreachable=DOWN)

    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert found.pending == (Pending("prod", None, "prod does not answer (refused)"),)
    assert (found.wanted, found.is_complete) == (0, False)
    assert totals(Timeline([NIGHT]), seen, NOW) == (1, 1)


def test_an_opening_is_not_complete_by_an_older_list() -> None:
    """All that another opening had paused may not be all that this one is for."""
    patch = window("patch", "*", start=NOW)
    seen = view(listed("a"), record("a"))

    found = progress(Timeline([NIGHT, patch]), [seen], NOW)

    assert found[ID].is_complete
    assert not found["patch@2026-11-23T12:00:00Z"].is_complete
    assert found["patch@2026-11-23T12:00:00Z"].pending[0].repository is None


def test_an_older_list_says_nothing_of_why() -> None:
    """What was paused elsewhere in an earlier opening may be active by now."""
    old = Listing(frozenset({"a"}), frozenset({"night@2026-11-22T11:00:00Z"}))
    seen = view(replace(old, left={"a": Reason.PAUSED_ELSEWHERE}))

    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert (found.paused, found.pending[0].why) == (0, NOT_LOOKED)


def test_a_cluster_that_goes_down_when_all_is_paused_leaves_nothing_pending() -> None:
    """It may be down because it is maintained: that is what it was paused for."""
    seen = replace(view(listed("a"), record("a")), unreachable=DOWN)

    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert (found.paused, found.pending, found.silent) == (1, (), ("prod",))
    assert totals(Timeline([NIGHT]), seen, NOW) == (1, 0)


def test_what_is_paused_early_is_followed_but_not_open() -> None:
    """Before its start an opening has a progress, and monitoring wants nothing yet."""
    soon = window("soon", "*", start=NOW + HOUR, before=2)
    timeline, seen = Timeline([soon]), view(Listing(frozenset({"a"})))

    assert progress(timeline, [seen], NOW)["soon@2026-11-23T13:00:00Z"].wanted == 1
    assert totals(timeline, seen, NOW) == (0, 0)
    assert totals(timeline, seen, NOW + HOUR) == (1, 1)


def test_each_cluster_counts_in_its_opening_alone() -> None:
    """Clusters add up, and one without an opening adds nothing."""
    both = replace(NIGHT, targets=(("prod", Patterns(("*",))), ("dr", Patterns(("x",)))))
    views = [view(listed("a"), record("a")), ClusterView("dr"), ClusterView("other")]

    found = progress(Timeline([both]), views, NOW)

    assert list(found) == [ID]
    assert (found[ID].wanted, found[ID].paused, found[ID].unlisted) == (2, 1, ("dr",))
    assert totals(Timeline([both]), views[2], NOW) == (0, 0)


def test_each_open_window_has_its_own_counts() -> None:
    """What two windows want counts in both and once for the cluster; openings of one do not add up.

    What is paused early is no open window yet.
    """
    twice = Cron("0 10,11 * * *", 3 * HOUR)
    itself = replace(NIGHT, rule=twice, targets=(("prod", Patterns(("a",))),))
    patch = window("patch", "a", "b", start=NOW)
    later = window("later", "*", start=NOW + HOUR, before=2)
    seen = view(listed("a", "b"), record("a"))

    found = wanted_now(Timeline([itself, patch, later]), seen, NOW)

    assert found.windows == {"night": (1, 1), "patch": (2, 1)}
    assert (found.wanted, found.pending) == (2, 1)


@pytest.mark.parametrize("listing", [None, Listing(frozenset({"a"}), frozenset({ID}))])
def test_a_glob_is_for_what_there_is(listing: Listing | None) -> None:
    """What another window names plainly, and no list shows, is wanted by that one alone."""
    patch = window("patch", "gone", start=NOW)

    found = progress(Timeline([NIGHT, patch]), [view(listing)], NOW)

    named = [[each.repository for each in found[each_id].pending] for each_id in found]
    assert named == [["a"] if listing else [None], ["gone"]]


def test_what_the_last_list_lacks_is_not_paused() -> None:
    """A hold whose repository is gone, or is another by now, shows nothing of today."""
    seen = view(listed(), replace(record("a"), missing_since=NOW))

    found = progress(Timeline([NIGHT]), [seen], NOW)[ID]

    assert (found.paused, [each.why for each in found.pending]) == (0, [UNSEEN])


def test_a_pattern_that_nothing_matches_is_told() -> None:
    """An opening that wants nothing of a listed cluster says so; it waits for nothing."""
    found = progress(Timeline([window("night", "tennant-*")]), [view(listed("a"))], NOW)[ID]

    assert (found.wanted, found.empty, found.is_complete) == (0, ("prod",), True)


def test_thousands_are_counted_without_looking_at_each_window() -> None:
    """Ten thousand repositories of one window are one group, whose answer they share."""
    ids = [f"r{number}" for number in range(10_000)]
    seen = view(listed(*ids), *map(record, ids[1:]))

    found = progress(Timeline([window("night", "*")]), [seen], NOW)[ID]

    assert (found.wanted, found.paused) == (10_000, 9_999)
    assert [each.repository for each in found.pending] == ["r0"]
