"""Lists of repositories and of plans, as the service sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.repository import ObservedRepository, RepositoryState, ScheduledRun
from daemon.service import answers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "state", "scheduled", "running_tasks", "next_run", "task_type"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
)


def listed(**keys: Any) -> ObservedRepository:
    """Read a list with one repository that has *keys* beside its id and state."""
    body = json.dumps([{"id": "orders", "state": "active", **keys}])
    (found,) = answers.repositories(body.encode())
    return found


def test_a_list_may_be_empty() -> None:
    """A cluster without repositories gives an empty list."""
    assert answers.repositories(b"[]") == ()


def test_scheduled_runs_are_read_as_instants() -> None:
    """Runs come in the order of their instants, in UTC, whatever offset and precision they have."""
    later = {"name": "b", "task_type": "MERGE", "next_run": "2026-11-23T22:00:00.123456789+01:00"}
    sooner = {"name": "a", "task_type": "BACKUP", "next_run": "2026-11-23t20:59:00z"}

    found = listed(scheduled={"b": later, "a": sooner})

    assert found.scheduled == (
        ScheduledRun(datetime(2026, 11, 23, 20, 59, tzinfo=UTC), "a", "BACKUP"),
        ScheduledRun(datetime(2026, 11, 23, 21, 0, 0, 123456, tzinfo=UTC), "b", "MERGE"),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"task_type": "BACKUP", "next_run": "0001-01-01T00:00:00+05:00"},
        {"task_type": "BACKUP", "next_run": "2026-11-23T22:00:00"},
        {"task_type": "BACKUP", "next_run": "soon"},
        {"task_type": "BACKUP"},
        {"next_run": "2026-11-23T22:00:00Z"},
        "BACKUP",
        None,
    ],
)
def test_a_run_that_cannot_be_read_is_left_out(entry: object) -> None:
    """One odd planned run does not spoil the list."""
    assert listed(scheduled={"x": entry}).scheduled == ()


def test_running_tasks_of_both_kinds_are_named() -> None:
    """Tasks of the plan and those that somebody started are in progress alike."""
    found = listed(running_tasks={"b": {}}, running_one_off={"a": {}}, scheduled=None)

    assert found.running == ("a", "b")


@pytest.mark.parametrize("state", list(RepositoryState))
def test_all_states_of_the_service_are_known(state: RepositoryState) -> None:
    """Every state that a repository object can have is read."""
    assert listed(state=state.value).state is state


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "a\nb", "é", "x" * 201])
def test_an_id_that_would_break_a_path_or_a_line_is_refused(name: str) -> None:
    """An id that cannot be part of a path or be shown makes the list unusable."""
    with pytest.raises(ValueError, match="proper id"):
        listed(id=name)


@given(JSON)
def test_no_document_breaks_the_reading(document: object) -> None:
    """Any JSON is either a list of repositories or a ValueError."""
    try:
        found = answers.repositories(json.dumps(document).encode())
    except ValueError:
        return

    assert len(found) == len(document) if isinstance(document, list) else not found


def test_periods_are_read_from_plans() -> None:
    """A plan tells how far apart the runs of each task are; what is not understood is left out."""
    plans = [
        {
            "name": "mixed",
            "tasks": [
                {"name": "often", "schedule": {"period": "MINUTES", "frequency": 90}},
                {"name": "sundays", "schedule": {"period": "SUNDAY", "frequency": 2}},
                {"name": "moon", "schedule": {"period": "FULL_MOON", "frequency": 1}},
                {"name": "never", "schedule": {"period": "DAYS", "frequency": 0}},
                {"name": "vague"},
                7,
            ],
        },
        {"name": "empty", "tasks": None},
        "no plan",
    ]

    found = answers.periods(json.dumps(plans).encode())

    assert found == {
        "mixed": {"often": timedelta(minutes=90), "sundays": timedelta(weeks=2)},
        "empty": {},
    }


def test_a_list_of_plans_has_to_be_one() -> None:
    """Anything but a list of plans is refused."""
    with pytest.raises(ValueError, match="not a list of plans"):
        answers.periods(b"{}")
