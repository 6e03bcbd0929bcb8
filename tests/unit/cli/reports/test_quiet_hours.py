"""The times that are suggested for windows: no planned run falls into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.cli.drafting.quiet_hours import ENOUGH, LENGTHS, Slot, quietest
from daemon.cli.reports.impact import Inventory, impact
from daemon.core.repository import ObservedRepository, RepositoryState, ScheduledRun
from daemon.windows.rules import Weekly
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STEPS = st.sampled_from(
    [15 * MINUTE, 60 * MINUTE, 180 * MINUTE, DAY, 2 * DAY, 5 * DAY, 7 * DAY, 21 * DAY]
)


def inventory(*tasks: tuple[datetime, timedelta]) -> Inventory:
    """Return a cluster with one repository whose plan has these tasks."""
    scheduled = tuple(ScheduledRun(at, f"t{i}", "BACKUP") for i, (at, _) in enumerate(tasks))
    every = {f"t{i}": step for i, (_, step) in enumerate(tasks)}
    orders = ObservedRepository("orders", RepositoryState.ACTIVE, plan="p", scheduled=scheduled)
    return Inventory("c", (orders,), {"p": every})


def window(slot: Slot) -> Window:
    """Return the window of a slot."""
    days = frozenset({slot.weekday})
    rule = Weekly(days, slot.start, None, slot.length)
    return Window("w", rule, BERLIN, (("c", Patterns(("*",))),))


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 20_000).map(lambda n: NOW + n * MINUTE), STEPS),
        min_size=1,
        max_size=4,
    )
)
def test_no_run_falls_into_it(tasks: list[tuple[datetime, timedelta]]) -> None:
    """In the months to come, across a clock change, the window costs no run, or says how many."""
    found = inventory(*tasks)

    slot = quietest(found, found.repositories, BERLIN, NOW)

    cost = impact(found, Timeline([window(slot)]), NOW, NOW + 90 * DAY)
    assert slot.length in LENGTHS
    assert bool(cost.lost) <= bool(slot.runs)


def test_the_longest_is_taken_long_after_a_run() -> None:
    """With one run a day there are four hours, at a weekend's night, when the run is over."""
    found = inventory((NOW.replace(hour=21), DAY))

    slot = quietest(found, found.repositories, BERLIN, NOW)

    assert (slot.weekday, slot.start.hour, slot.length) == (6, 5, LENGTHS[0])


def test_the_minute_of_the_question_makes_no_difference() -> None:
    """Clocks change when they do, so the same hours are suggested all through an hour."""
    found = inventory((NOW.replace(hour=21), DAY))

    asked = (NOW + minute * MINUTE for minute in (0, 17, 59))
    slots = {quietest(found, found.repositories, BERLIN, now) for now in asked}

    assert len(slots) == 1


def test_between_runs_of_each_hour_there_is_half_of_one() -> None:
    """With a run each hour the window fits between two, at a distance from both."""
    found = inventory((NOW.replace(minute=0), 60 * MINUTE))

    slot = quietest(found, found.repositories, BERLIN, NOW)

    assert slot.length == 30 * MINUTE
    assert slot.start.minute == 15
    assert not slot.runs


def test_where_no_time_is_free_it_says_what_is_lost() -> None:
    """With a run each minute an hour loses sixty."""
    found = inventory((NOW, MINUTE))

    slot = quietest(found, found.repositories, BERLIN, NOW)

    assert (slot.length, slot.runs) == (ENOUGH, 60)
