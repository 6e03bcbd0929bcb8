"""Lists of repositories and of plans, as the service sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.attempt import CallError
from daemon.core.repository import (
    NULL_LIST,
    ObservedRepository,
    RepositoryState,
    ScheduledRun,
    is_id,
    is_null,
)
from daemon.documents import BoundError
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


def repositories(body: bytes) -> tuple[ObservedRepository, ...]:
    """Read a list of repositories at once."""
    return answers.merged(answers.rows(body))


def listed(**keys: Any) -> ObservedRepository:
    """Read a list with one repository that has *keys* beside its id and state."""
    body = json.dumps([{"id": "orders", "state": "active", **keys}])
    (found,) = repositories(body.encode())
    return found


def test_a_list_may_be_empty() -> None:
    """A cluster without repositories gives an empty list."""
    assert repositories(b"[]") == ()


def test_scheduled_runs_are_read_as_instants() -> None:
    """Runs come in the order of their instants, in UTC, whatever offset and precision they have."""
    later = {"name": "b", "task_type": "MERGE", "next_run": "2026-11-23T22:00:00.123456789+01:00"}
    sooner = {"name": "a", "task_type": "BACKUP", "next_run": "2026-11-23t20:59:00z"}

    found = listed(scheduled={"b": later, "a": sooner})

    assert found.scheduled == (
        ScheduledRun(datetime(2026, 11, 23, 20, 59, tzinfo=UTC), "a", "BACKUP"),
        ScheduledRun(datetime(2026, 11, 23, 21, 0, 0, 123456, tzinfo=UTC), "b", "MERGE"),
    )


DATES = st.sampled_from(
    [
        *("2026", "11", "31", "0001", "9999", "-", ":", "T", "t", " ", "23", "59", ".", "5", "Z"),
        *("+", "24:00", "-23:59", "+00:00:00.000001", "9" * 20, "1" * 5000),
        *("\u0662", "\ud800", "\0", "W"),
    ]
)
"""What instants are made of, and what they should not be made of."""


@given(st.lists(DATES, max_size=16).map("".join))
def test_no_text_is_more_than_a_run_that_is_left_out(next_run: str) -> None:
    """Any text is a plausible instant, or that run is not known; the repository is."""
    found = listed(scheduled={"a": {"task_type": "BACKUP", "next_run": next_run}})

    assert not found.problem
    assert all(2000 <= run.next_run.year < 2200 for run in found.scheduled)


@pytest.mark.parametrize(
    "entry",
    [
        {"task_type": "BACKUP", "next_run": "0001-01-01T00:00:00+05:00"},
        {"task_type": "BACKUP", "next_run": "0001-01-01T00:00:00Z"},
        {"task_type": "BACKUP", "next_run": "9999-12-31T23:59:59-23:59"},
        {"task_type": "BACKUP", "next_run": "9999-12-31T23:59:59Z"},
        {"task_type": "BACKUP", "next_run": "99999999999999999999-01-01T00:00:00Z"},
        {"task_type": "BACKUP", "next_run": "2026-11-23T22:00:00+99999999999999999999:00"},
        {"task_type": "BACKUP", "next_run": "2026-11-23T22:00:00." + "1" * 5000 + "Z"},
        {"task_type": "BACKUP", "next_run": 1764000000},
        {"task_type": 7, "next_run": "2026-11-23T22:00:00Z"},
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


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a b",
        "a\nb",
        "é",
        "\ud800",
        "\u202e",
        "x" * 51,
        "_x",
        "a.b",
    ],
)
def test_an_id_that_would_break_a_path_or_a_line_is_none(name: str) -> None:
    """A row whose id cannot be part of a path or be shown is one that is not understood."""
    found = listed(id=name)

    assert found.state is None
    assert found.id.isprintable()
    assert not is_id(found.id)


def test_a_text_that_is_not_utf_8_spoils_nothing() -> None:
    """A row in another encoding is read as well as it can be; one in UTF-8 as it was meant."""
    latin = b'{"id":"a","state":"active","repo":"\xe9"}'
    sound = b'{"id":"b","state":"active","repo":"caf\xc3\xa9"}'

    found = repositories(b"[" + latin + b"," + sound + b"]")

    assert [(row.id, row.uuid) for row in found if row.state] == [("a", "é"), ("b", "café")]


def test_a_row_that_is_there_twice_is_not_understood() -> None:
    """Of two rows with one id nobody knows which holds; where they agree on the number, it does."""
    active = {"id": "orders", "state": "active", "repo": "a"}
    body = json.dumps([active, active | {"state": "paused"}, active | {"id": "b"}]).encode()

    twice, other = repositories(body)

    assert (twice.id, twice.state, twice.uuid) == ("orders", None, "a")
    assert other.state is RepositoryState.ACTIVE


def test_null_is_no_empty_list() -> None:
    """Whether null is believed is for those to decide who know what is held."""
    assert repositories(b" null\n") == (NULL_LIST,)
    assert is_null(repositories(b"null"))


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b"7", b"[", b"[]]", b"[{}", b"[1,]", b"nul"])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    """An answer without a body, half a list and other documents are no list of repositories."""
    with pytest.raises(ValueError, match="the answer"):
        repositories(body)


def test_a_list_has_a_bound() -> None:
    """Of more than 20,000 rows none is worked on further."""
    row = b'{"id":"a","state":"active"}'
    full = b"[" + b",".join([row] * answers.MOST_REPOSITORIES) + b"]"

    assert len(repositories(full)) == 1
    with pytest.raises(BoundError, match="20,000"):
        repositories(full[:-1] + b"," + row + b"]")


@given(JSON)
def test_no_document_breaks_the_reading(document: object) -> None:
    """Any JSON is either a list of repositories or a ValueError; no odd row is of any use."""
    try:
        found = repositories(json.dumps(document).encode())
    except ValueError:
        assert not isinstance(document, list)
        return

    assert all(is_id(row.id) for row in found if row.state)
    assert all(bool(row.problem) is (row.state is None) for row in found)
    assert len(found) == len({row.id for row in found})


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


def asked(root: str = "https://a:18097", **keys: bool) -> answers.Asked:
    """Return what was asked of a Backup Service that answered."""
    usual = {"of_manager": False, "has_certificate": False, "has_answered": True}
    return answers.Asked(root, **(usual | keys))


@pytest.mark.parametrize(
    ("error", "said", "of", "cause"),
    [
        (CallError.SERVER_ERROR, "Could not authenticate user", asked(), None),
        (
            CallError.SERVER_ERROR,
            "Could not authenticate user",
            asked(has_certificate=True),
            "no user of the cluster has the name",
        ),
        (CallError.REFUSED, "Connection refused", asked(), None),
        (CallError.REFUSED, "Connection refused", asked("https://a"), "the address has no port"),
        (CallError.RESET, "", asked(has_answered=False), None),
        (CallError.NOT_FOUND, "Object Not Found", asked(of_manager=True), None),
    ],
)
def test_what_a_failure_comes_from(
    error: CallError, said: str, of: answers.Asked, cause: str | None
) -> None:
    """It is named where it is known, and only there."""
    found = answers.cause(error, said, of)

    assert found is None if cause is None else cause in (found or "")
