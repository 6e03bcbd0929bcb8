"""Looking ahead: when it is due, and that it leaves no work for searches for garbage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.core.moment import Moment
from daemon.host.thread import WorkerThread
from daemon.runtime.rules import EVERY, MANY, LookAhead, uncollected
from daemon.windows.rules import Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def moment(minutes: int) -> Moment:
    """Return the moment some minutes after NOW."""
    return Moment(NOW + minutes * MINUTE, "boot", minutes * MINUTE)


def test_looking_ahead_is_due_after_each_change() -> None:
    """What opens next is found before it does; where nothing opens, now and then is enough."""
    rule = Once(NOW + 3 * MINUTE, NOW + 5 * MINUTE)
    everything = (("prod", Patterns(("*",))),)
    timeline = Timeline([Window("w", rule, ZoneInfo("UTC"), everything)])
    ahead = LookAhead(WorkerThread("rules"))
    due = []

    async def live() -> None:
        for minute in range(2 * EVERY // MINUTE):
            if ahead.is_due(moment(minute)):
                due.append(minute)
                await ahead.look(timeline, moment(minute))

    asyncio.run(live())

    assert due == [0, 3, 5, 15]


@pytest.fixture
def searches() -> Iterator[list[int]]:
    """Return the generations in which garbage was searched for."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.unfreeze()


@pytest.mark.parametrize(("count", "is_kept"), [(MANY + 1_000, True), (100, False)])
def test_many_openings_are_not_searched_for_garbage(
    searches: list[int], count: int, *, is_kept: bool
) -> None:
    """Neither while they are computed nor later; little that is made is searched as ever."""
    gc.collect()
    searches.clear()
    before = gc.get_freeze_count()

    with uncollected():
        made = [[number] for number in range(count)]

    assert len(made) == count
    assert searches == []
    assert gc.isenabled()
    assert (gc.get_freeze_count() - before > count) is is_kept
