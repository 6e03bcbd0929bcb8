"""When the tasks of a plan run: counted from the creation of the repository, as the vendor does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.simulator import plans
from daemon.simulator.tasks import TaskError, selected

FRIDAY = datetime(2026, 11, 27, 7, 45, 30, 500, tzinfo=UTC)


def slots(count: int, frequency: int, period: str, at: str = "") -> list[str]:
    """Return the first slots of a task that was made on a Friday morning."""
    schedule: dict[str, Any] = {"frequency": frequency, "period": period, "time": at}
    task = {"schedule": schedule}
    found = [plans.next_run(task, FRIDAY, FRIDAY)]
    while len(found) < count:
        found.append(plans.next_run(task, FRIDAY, found[-1]))
    return [f"{slot:%m-%d %H:%M:%S}" for slot in found]


@pytest.mark.parametrize(
    ("frequency", "period", "at", "expected"),
    [
        (1, "MONDAY", "01:00", ["11-30 01:00:00", "12-07 01:00:00"]),
        (8, "MONDAY", "13:11", ["01-18 13:11:00", "03-15 13:11:00"]),
        (1, "FRIDAY", "22:00", ["12-04 22:00:00", "12-11 22:00:00"]),
        (1, "SATURDAY", "", ["11-28 07:45:30", "12-05 07:45:30"]),
        (6, "DAYS", "", ["12-03 07:45:30", "12-09 07:45:30"]),
        (1, "DAYS", "02:00", ["11-28 02:00:00", "11-29 02:00:00"]),
        (5, "DAYS", "06:00", ["12-02 06:00:00", "12-07 06:00:00"]),
        (24, "DAYS", "19:42", ["12-21 19:42:00", "01-14 19:42:00"]),
        (1, "WEEKS", "22:04", ["12-04 22:04:00", "12-11 22:04:00"]),
        (10, "HOURS", "", ["11-27 17:45:30", "11-28 03:45:30"]),
        (1, "HOURS", "22:50", ["11-27 08:50:00", "11-27 09:50:00"]),
        (1, "HOURS", "00:30", ["11-27 09:30:00", "11-27 10:30:00"]),
        (20, "MINUTES", "00:30", ["11-27 08:05:30", "11-27 08:25:30"]),
    ],
)
def test_slots(frequency: int, period: str, at: str, expected: list[str]) -> None:
    """So many units pass before the first run; a time of day moves it in its day (S35)."""
    assert slots(2, frequency, period, at) == expected


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ({"offset_start": 1, "offset_end": 2}, [3, 2, 1]),
        ({"offset_start": 0, "offset_end": 2}, [2, 1, 0]),
        ({"offset_start": 0, "offset_end": 0}, [0]),
        ({"offset_end": 1}, [1, 0]),
        ({"offset_start": 4}, [4]),
    ],
)
def test_days_of_a_merge(options: dict[str, int], days: list[int]) -> None:
    """The second offset is counted from the first one: so many more are merged (S35)."""
    made = [FRIDAY - timedelta(days=day) for day in range(4, -1, -1)]
    backups = [{"date": f"{at:%Y-%m-%dT%H_%M_%S}Z"} for at in made]

    found = selected(backups, options, FRIDAY)

    assert found == [backups[4 - day]["date"] for day in days]


def test_a_merge_from_nowhere() -> None:
    """A point that is not there fails the task."""
    with pytest.raises(TaskError, match="no such backup"):
        selected([], {"start": "yesterday"}, FRIDAY)
