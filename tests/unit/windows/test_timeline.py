"""What windows want of each repository, and what lies ahead; "rule N" is the contract's number."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.windows.rules import Cron, Once, Rrule, Rule
from daemon.windows.timeline import LOOK_AHEAD, Desired, Timeline, ahead
from daemon.windows.window import CatchUp, OnDrift, Patterns, Window
from tests.unit.windows.window_samples import BERLIN, DAY, EVERYTHING, HOUR, UTC_ZONE, at, daily

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def once(name: str, start: str, end: str, *ids: str, **more: Any) -> Window:
    """Return a window that is open once, for the repositories *ids* of prod."""
    targets = (("prod", Patterns(ids or ("*",))),)
    return Window(name, Once(at(start), at(end)), UTC_ZONE, targets, **more)


def desired(windows: Sequence[Window], now: str, *, gap: timedelta = 0 * HOUR) -> Desired | None:
    """Return what is desired of the repository `orders` of prod."""
    return Timeline(windows, gap).desired("prod", ["orders"], at(now)).get("orders")


def test_a_whole_timeline_is_sorted() -> None:
    """All openings are listed by start, then by window."""
    windows = [daily("b", 3, HOUR), daily("a", 3, HOUR), daily("c", 2, HOUR)]

    found = Timeline(windows).openings(at("00:00"), at("23:00"))

    assert [opening.window for opening in found] == ["c", "a", "b"]


def test_covering_is_half_open() -> None:
    """Rule 1: an opening covers its start and not its end; a pause ahead of it does not count."""
    timeline = Timeline([once("w", "02:00", "06:00", pause_before=HOUR)])

    found = [bool(timeline.covering(at(now))) for now in ("01:59:59", "02:00", "05:59:59", "06:00")]

    assert found == [False, True, True, False]


def test_next_change_goes_from_edge_to_edge() -> None:
    """The next change is the next begin of a pause, start or end, strictly later."""
    timeline = Timeline(
        [once("a", "02:00", "06:00", pause_before=HOUR), once("b", "04:00", "08:00")]
    )

    edges, now = [], timeline.next_change(at("00:00"))
    while now:
        edges.append(f"{now:%H}")
        now = timeline.next_change(now)

    assert edges == ["01", "02", "04", "06", "08"]


def test_next_change_of_a_cluster() -> None:
    """With a cluster only its windows count; of an unknown one nothing ever changes."""
    other = daily("b", 5, HOUR, targets=(("test", Patterns(("*",))),))
    timeline = Timeline([daily("a", 3, HOUR), other])

    found = [timeline.next_change(at("00:00"), name) for name in (None, "prod", "test", "nowhere")]

    assert found == [at("03:00"), at("03:00"), at("05:00"), None]


@pytest.mark.parametrize(("days", "is_seen"), [(1, True), (399, True), (400, True), (401, False)])
def test_next_change_looks_400_days_ahead(days: int, is_seen: bool) -> None:
    """The next change is found up to 400 days ahead, and not beyond, whatever was asked before."""
    now = at("00:00")
    far = Window("far", Once(now + days * DAY, None, HOUR), UTC_ZONE, EVERYTHING)
    timeline = Timeline([far])
    timeline.next_change(now + 20 * DAY)

    assert timeline.next_change(now) == (now + days * DAY if is_seen else None)


def test_next_change_passes_over_no_window() -> None:
    """The end of an opening that is long open does not hide what opens before it."""
    windows = [
        once("long", "2026-11-01T00:00", "2027-09-01T00:00"),
        once("b", "2027-03-01T00:00", "2027-03-01T01:00"),
    ]

    found = Timeline(windows).next_change(at("00:00"))

    assert found == at("2027-03-01T00:00")


def test_next_change_of_nothing() -> None:
    """Without windows, with disabled ones or with those of the past alone, nothing changes."""
    past = once("past", "2020-01-01T00:00", "2020-01-01T01:00")

    found = [
        Timeline(windows).next_change(at("00:00"))
        for windows in ([], [past], [daily("w", 2, HOUR, enabled=False)])
    ]

    assert found == [None, None, None]


@pytest.mark.parametrize("hours", [24, 26, 24 * 30])
def test_as_long_as_its_period(hours: int) -> None:
    """Rule 3: a window as long as its period is always open, without a break."""
    timeline = Timeline([daily("always", 2, hours * HOUR)])
    times = [at("00:00") + step * HOUR / 2 for step in range(200)]

    assert all(timeline.desired("prod", ["orders"], now) for now in times)


@pytest.mark.parametrize(
    ("second", "until"),
    [
        (("05:00", "08:00"), "08:00"),
        (("06:00", "08:00"), "08:00"),
        (("03:00", "04:00"), "06:00"),
        (("06:00:01", "08:00"), "06:00"),
    ],
)
def test_until_the_last_end(second: tuple[str, str], until: str) -> None:
    """Rule 3: openings that overlap or touch hold without a break, until the end of the last."""
    found = desired([once("a", "02:00", "06:00"), once("b", *second)], "02:30")

    assert found
    assert found.until == at(until)


def test_a_pause_ahead_closes_a_hole() -> None:
    """Rule 3: what counts between two openings is when the second begins to pause."""
    windows = [once("a", "02:00", "06:00"), once("b", "06:30", "08:00", pause_before=HOUR / 2)]

    found = desired(windows, "03:00")

    assert found
    assert found.until == at("08:00")


def test_until_follows_the_windows_of_the_repository() -> None:
    """Rule 3: another repository's windows prolong nothing."""
    windows = [once("a", "02:00", "06:00"), once("b", "05:00", "08:00", "archive")]

    found = desired(windows, "03:00")

    assert found
    assert found.until == at("06:00")


def test_until_of_a_window_that_is_always_open() -> None:
    """The look ahead of `until` is bounded, and steady for days so that records are."""
    timeline = Timeline([daily("always", 2, DAY)])

    found = {
        timeline.desired("prod", ["orders"], at("02:00") + step * HOUR)["orders"].until
        for step in range(20)
    }

    assert len(found) == 1
    assert found.pop() >= at("02:00") + 8 * DAY


def test_a_pause_begins_ahead() -> None:
    """A repository is held from `pause_before` on; its openings are those that hold it."""
    window = once("w", "02:00", "06:00", pause_before=HOUR)

    found = [desired([window], now) for now in ("00:59:59", "01:00", "05:59", "06:00")]

    assert [bool(each) for each in found] == [False, True, True, False]
    assert found[1]
    assert found[1].openings == tuple(window.openings(at("02:00"), at("03:00")))


def test_a_pause_begins_weeks_ahead() -> None:
    """A repository is held by an opening that is still far beyond what `until` looks at."""
    window = once("w", "2027-01-20T02:00", "2027-01-20T06:00", pause_before=60 * DAY)

    found = [desired([window], now) for now in ("2026-11-21T01:59", "2026-11-21T02:00")]

    assert [bool(each) for each in found] == [False, True]


def test_the_strongest_wish_wins() -> None:
    """Of windows that hold, one that enforces is enough, and the strongest catch_up counts."""
    windows = [
        once("c", "02:00", "06:00", catch_up=CatchUp.MISSED, on_drift=OnDrift.ENFORCE),
        once("a", "02:00", "05:00", catch_up=CatchUp.ALWAYS),
        once("b", "04:00", "05:00"),
    ]

    found = [desired(windows, now) for now in ("03:00", "05:30")]

    assert [(d.enforce, d.catch_up, d.windows) for d in found if d] == [
        (True, CatchUp.ALWAYS, ("a", "c")),
        (True, CatchUp.MISSED, ("c",)),
    ]


@pytest.mark.parametrize(
    ("gap", "is_bridged"), [(31 * MINUTE, True), (30 * MINUTE, False), (0 * MINUTE, False)]
)
def test_a_hole_shorter_than_the_merge_gap(gap: timedelta, is_bridged: bool) -> None:
    """A hole strictly shorter than merge_gap is bridged in the name of the next windows."""
    windows = [once("a", "02:00", "04:00"), once("b", "05:00", "06:00", pause_before=HOUR / 2)]

    inside, before = desired(windows, "04:15", gap=gap), desired(windows, "03:00", gap=gap)

    assert before
    assert before.until == at("06:00" if is_bridged else "04:00")
    assert (inside is not None) is is_bridged
    if inside:
        assert (inside.openings, inside.windows, inside.bridged) == ((), ("b",), True)
        assert inside.until == at("06:00")


def test_a_hole_is_between_openings() -> None:
    """Before the first opening and after the last one there is no hole to bridge."""
    windows = [once("a", "02:00", "04:00")]

    found = [desired(windows, now, gap=2 * HOUR) for now in ("01:00", "04:30")]

    assert found == [None, None]


def test_a_hole_is_a_repositorys_own() -> None:
    """The hole between two windows is bridged only for repositories that both hold."""
    windows = [
        once("a", "02:00", "04:00", "orders"),
        once("b", "04:10", "06:00", "archive", "orders"),
    ]
    timeline = Timeline(windows, HOUR)

    found = timeline.desired("prod", ["orders", "archive"], at("04:05"))

    assert list(found) == ["orders"]


def test_a_merge_gap_longer_than_any_look_ahead() -> None:
    """A hole of weeks is bridged, too, if that is what is asked for."""
    windows = [once("a", "02:00", "04:00"), once("b", "2026-12-30T00:00", "2026-12-30T01:00")]

    found = desired(windows, "2026-12-01T00:00", gap=60 * DAY)

    assert found
    assert found.windows == ("b",)


def test_desired_names_what_is_covered_alone() -> None:
    """Only repositories of the cluster that some open window is for are desired."""
    windows = [
        once("a", "02:00", "04:00", "orders", "tenant-*", "!tenant-b"),
        Window("b", Once(at("02:00"), None, HOUR), UTC_ZONE, (("test", Patterns(("*",))),)),
    ]
    timeline = Timeline(windows)

    found = timeline.desired("prod", ["orders", "tenant-a", "tenant-b", "archive"], at("02:30"))

    assert list(found) == ["orders", "tenant-a"]
    assert not timeline.desired("nowhere", ["orders"], at("02:30"))


def test_a_cluster_named_twice() -> None:
    """A window may address one cluster by several keys; each adds repositories."""
    targets = (("prod", Patterns(("orders",))), ("prod", Patterns(("tenant-*",))))
    window = Window("w", Once(at("02:00"), None, HOUR), UTC_ZONE, targets)

    found = Timeline([window]).desired("prod", ["orders", "tenant-a", "x"], at("02:00"))

    assert [(id_, each.windows) for id_, each in found.items()] == [
        ("orders", ("w",)),
        ("tenant-a", ("w",)),
    ]


@pytest.mark.parametrize(
    ("now", "is_wanted"),
    [("01:29", False), ("01:30", True), ("03:59", True), ("04:15", True), ("06:00", False)],
)
def test_whether_a_cluster_is_wanted(now: str, is_wanted: bool) -> None:
    """A cluster is wanted while any of its windows holds or a hole is bridged, else it is left."""
    windows = [
        once("a", "02:00", "04:00", pause_before=HOUR / 2),
        once("b", "04:30", "06:00"),
    ]
    timeline = Timeline(windows, HOUR)

    assert timeline.is_wanted("prod", at(now)) is is_wanted
    assert not timeline.is_wanted("test", at(now))


def test_what_windows_name() -> None:
    """A timeline tells a window's clusters, and the ids named outright."""
    targets = (("prod", Patterns(("orders", "t-*"))), ("test", Patterns(("*",))))
    timeline = Timeline([Window("w", Once(at("02:00"), None, HOUR), UTC_ZONE, targets)])

    assert timeline.clusters_of("w") == {"prod", "test"}
    assert timeline.clusters_of("gone") == frozenset()
    assert timeline.plain_ids("prod") == {"orders"}
    assert timeline.plain_ids("test") == frozenset()


def test_openings_keep_their_ends() -> None:
    """Rule 4: an opening that has begun ends as it did when it began, in another month and year."""
    rule = Rrule("FREQ=MONTHLY;BYDAY=-1SA", at("2026-01-31T23:50").replace(tzinfo=None), 30 * HOUR)
    timeline = Timeline([Window("last", rule, UTC_ZONE, EVERYTHING)])
    begun = at("2026-02-01T00:00")

    found = [timeline.covering(begun + step * HOUR) for step in range(29)]

    assert {opening.id for each in found for opening in each} == {"last@2026-01-31T23:50:00Z"}


def test_many_threads() -> None:
    """Threads that ask at once, near and far, get what a fresh timeline answers."""
    windows = [daily(f"w{hour}", hour, 90 * MINUTE) for hour in range(0, 24, 5)]
    shared = Timeline(windows, HOUR)
    times = [at("00:00") + step * 31 * HOUR for step in (0, 300, 1, 299, 2, 150, 3, 0) * 5]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(shared.next_change, times))

    assert found == [Timeline(windows, HOUR).next_change(now) for now in times]


@pytest.mark.parametrize(
    "rule",
    [
        Cron("30 23 * * *", 2 * HOUR),
        Cron("0 0 1 * *", 40 * 24 * HOUR),
        Cron("0 2 25 12 *", HOUR),
        Once(NOW - HOUR, None, 3 * HOUR),
        Once(NOW - HOUR, None, 500 * 24 * HOUR),
        Once(NOW - 2 * HOUR, None, HOUR),
        Once(NOW + LOOK_AHEAD, None, HOUR),
    ],
    ids=str,
)
def test_looking_further_bit_by_bit_sees_the_same(rule: Rule) -> None:
    """What lies ahead is what one look over the whole time would show, each opening once."""
    window = Window("w", rule, BERLIN, ())

    assert list(ahead(window, NOW)) == window.openings(NOW, NOW + LOOK_AHEAD)


def test_a_disabled_window_has_nothing_ahead() -> None:
    """A window that is disabled does not open."""
    disabled = Window("w", Cron("* * * * *", HOUR), UTC_ZONE, (), enabled=False)

    assert not list(ahead(disabled, NOW))
