"""What openings cost: which runs are lost, and for how long no backup is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli.reports.impact import Gap, Impact, Inventory, LostRun, impact
from daemon.core.repository import (
    ObservedRepository,
    RepositoryKey,
    RepositoryState,
    ScheduledRun,
)
from daemon.windows.rules import Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening, Patterns, Window

DAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDERS = RepositoryKey("prod", "orders")
REPOSITORY = ObservedRepository(
    "orders",
    RepositoryState.ACTIVE,
    plan="hourly",
    scheduled=(
        ScheduledRun(DAY + HOUR / 2, "backup", "BACKUP"),
        ScheduledRun(DAY + 3 * HOUR, "merge", "MERGE"),
    ),
)
PERIODS = {"hourly": {"backup": HOUR, "merge": 24 * HOUR}}


def nightly(start: int, hours: int, pattern: str = "*", **more: timedelta) -> Window:
    """Build a window that opens every day."""
    return Window(
        name=f"at-{start}",
        rule=Weekly(frozenset(range(7)), time(start), duration=hours * HOUR),
        zone=ZoneInfo("UTC"),
        targets=(("prod", Patterns((pattern,))),),
        pause_before=more.get("pause_before", timedelta(0)),
    )


def cost(*windows: Window, repository: ObservedRepository = REPOSITORY, days: int = 1) -> Impact:
    """Return what *windows* cost the repository from the beginning of the day."""
    inventory = Inventory("prod", [repository], PERIODS)
    return impact(inventory, Timeline(windows), DAY, DAY + timedelta(days=days))


def runs(found: Impact) -> list[LostRun]:
    """Return the lost runs one by one, the first first."""
    return sorted(run for each in found.lost for run in each)


def hours(found: Impact) -> list[float]:
    """Return when the lost runs were to be, in hours of the day."""
    return [(run.at - DAY) / HOUR for run in runs(found)]


def test_each_run_in_an_opening_is_lost() -> None:
    """All runs that the plan puts into an opening are lost, not only the next one."""
    found = cost(nightly(2, 2))

    assert hours(found) == [2.5, 3, 3.5]
    assert [run.task_type for run in runs(found)] == ["BACKUP", "MERGE", "BACKUP"]
    assert {run.windows for run in found.lost} == {("at-2",)}


@pytest.mark.parametrize(("merge_gap", "lost"), [(2, [1.5, 4.5]), (2.5, [1.5, 2.5, 3, 3.5, 4.5])])
def test_only_a_gap_that_is_shorter_is_bridged(merge_gap: float, lost: list[float]) -> None:
    """Between two openings as far apart as `merge_gap` a repository is resumed, and runs happen."""
    timeline = Timeline([nightly(1, 1), nightly(4, 1)], merge_gap * HOUR)
    inventory = Inventory("prod", [REPOSITORY], PERIODS)

    found = impact(inventory, timeline, DAY, DAY + timedelta(days=1))

    assert hours(found) == lost


def test_the_gap_is_told() -> None:
    """The longest time between two backups that are made is told beside the usual one."""
    found = cost(nightly(2, 2))

    assert found.gaps == (Gap(ORDERS, DAY + 1.5 * HOUR, DAY + 4.5 * HOUR, usual=HOUR),)
    assert found.gaps[0].length == 3 * HOUR


def test_the_gap_reaches_beyond_the_days_asked_for() -> None:
    """An opening at the edge of the days asked for makes as long a gap as one in their middle."""
    found = cost(nightly(23, 3))

    assert found.gaps == (Gap(ORDERS, DAY - 1.5 * HOUR, DAY + 2.5 * HOUR, usual=HOUR),)


def test_a_gap_without_an_end_says_so() -> None:
    """Where no backup is made at all, the gap is at least as long as was looked."""
    found = cost(nightly(0, 24))

    assert len(runs(found)) == 25
    assert [gap.is_open for gap in found.gaps] == [True]
    assert found.gaps[0].length >= 15 * 24 * HOUR


def test_openings_that_touch_are_one() -> None:
    """Two openings without a hole between them make one gap, by both windows."""
    found = cost(nightly(2, 2), nightly(4, 1))

    assert found.gaps[0].length == 4 * HOUR
    assert found.lost[0].windows == ("at-2", "at-4")


def test_the_lead_counts() -> None:
    """A run that falls due after the pause but before the window's start is lost as well."""
    found = cost(nightly(2, 1, pause_before=HOUR))

    assert hours(found) == [1.5, 2.5]


def test_an_unknown_plan_tells_the_next_run_alone() -> None:
    """Without the plan nobody knows how often a task runs: only its next run is told."""
    found = cost(nightly(0, 5), repository=replace(REPOSITORY, plan="secret"))

    assert hours(found) == [0.5, 3]
    assert found.gaps == ()


def test_what_is_paused_now_is_unknown() -> None:
    """The service plans nothing for a paused repository, so that nothing can be told of it."""
    paused = replace(REPOSITORY, state=RepositoryState.PAUSED, scheduled=())

    found = cost(nightly(2, 2), repository=paused)

    assert found == Impact((), (), (ORDERS,))


def test_windows_for_others_cost_nothing() -> None:
    """A window that does not match the repository takes nothing from it."""
    assert cost(nightly(2, 2, "tenant-*")) == Impact((), (), ())


class CountingTimeline(Timeline):
    """A timeline that counts how often it is asked, and for how long a time at most."""

    asked = 0
    longest = timedelta(0)

    def openings(self, start: datetime, end: datetime) -> list[Opening]:
        """Count, and answer."""
        self.asked += 1
        self.longest = max(self.longest, end - start)
        return super().openings(start, end)


def test_a_plan_of_ten_thousand_weeks_is_not_followed() -> None:
    """Beside a task each minute it had billions of runs looked at, for each repository."""
    plan = {"minutes": HOUR / 60, "aeons": timedelta(weeks=10_000)}
    runs = (
        ScheduledRun(DAY, "minutes", "BACKUP"),
        ScheduledRun(DAY + HOUR, "aeons", "BACKUP"),
    )
    repositories = [replace(REPOSITORY, id=f"r{n}", plan="p", scheduled=runs) for n in range(50)]
    timeline = CountingTimeline([nightly(2, 1)])

    found = impact(Inventory("prod", repositories, {"p": plan}), timeline, DAY, DAY + 24 * HOUR)

    assert [(len(each.times), len(each.repositories)) for each in found.lost] == [(60, 50)]
    assert {gap.usual for gap in found.gaps} == {HOUR / 60}
    assert timeline.asked == 1
    assert timeline.longest < timedelta(days=30)


@pytest.mark.parametrize("weeks", [10_000, 400_000])
def test_a_plan_beyond_the_calendar_is_not_followed(weeks: int) -> None:
    """Whatever a server says of how often a task runs, it is no bug of ours."""
    run = ScheduledRun(DAY + 2.5 * HOUR, "aeons", "BACKUP")
    late = ScheduledRun(DAY - 24 * HOUR, "aeons", "BACKUP")
    repositories = [
        replace(REPOSITORY, id=each.next_run.isoformat()[:10], plan="p", scheduled=(each,))
        for each in (run, late)
    ]
    inventory = Inventory("prod", repositories, {"p": {"aeons": timedelta(weeks=weeks)}})

    found = impact(inventory, Timeline([nightly(2, 1)]), DAY, DAY + 24 * HOUR)

    assert [lost.at for lost in runs(found)] == [run.next_run]
