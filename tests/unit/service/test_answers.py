"""Readings of the service's answers: statuses, Retry-After, messages, lists."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.attempt import CallError
from daemon.core.repository import ObservedRepository, RepositoryState, ScheduledRun
from daemon.service import answers, statuses

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
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


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (101, CallError.UNEXPECTED),
        (204, CallError.UNEXPECTED),
        (304, CallError.REDIRECT),
        (307, CallError.REDIRECT),
        (400, CallError.BAD_REQUEST),
        (401, CallError.UNAUTHORIZED),
        (403, CallError.FORBIDDEN),
        (404, CallError.NOT_FOUND),
        (408, CallError.TIMEOUT),
        (418, CallError.BAD_REQUEST),
        (425, CallError.THROTTLED),
        (429, CallError.THROTTLED),
        (500, CallError.SERVER_ERROR),
        (599, CallError.SERVER_ERROR),
        (600, CallError.UNEXPECTED),
    ],
)
def test_every_status_has_its_error(status: int, error: CallError | None) -> None:
    """A status that is not 200 is named by the word that the log uses for it."""
    assert statuses.error_of(status) is error


def test_what_passes_is_the_contracts_list() -> None:
    """Exactly these statuses are worth another attempt of the same pass."""
    passing = [status for status in range(100, 1000) if statuses.is_passing(status)]

    assert passing == [408, 425, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("status", [202, 204, 408, 500, 501, 503, 504])
def test_a_gateways_trouble_leaves_the_fate_open(status: int) -> None:
    """A timeout, a 5xx or a success that is no 200 does not say whether the service acted."""
    assert not statuses.is_definite(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 425, 429])
def test_a_refusal_is_definite(status: int) -> None:
    """A refusal says that the service did not act."""
    assert statuses.is_definite(status)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("120", timedelta(seconds=120)),
        (" 5 ", timedelta(seconds=5)),
        ("0", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("1" * 5000, None),
        ("Mon, 23 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 13:01:00 +0100", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 12:01:00 -0000", timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 11:59:00 GMT", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: timedelta | None) -> None:
    """Retry-After is read in both of its forms; what is past or nonsense counts as absent."""
    assert statuses.retry_after(value, NOW) == expected


@given(st.text())
def test_retry_after_is_never_negative(value: str) -> None:
    """No text makes a wait of nothing or less, nor an error."""
    delay = statuses.retry_after(value, NOW)

    assert delay is None or delay > timedelta(0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"Authentication Failure.\n", "Authentication Failure."),
        (b'{"status":404,"msg":"no such","extras":""}', "no such"),
        (b'{"status":400,"msg":"bad","extras":"EOF"}', "bad (EOF)"),
        (b'{"message":"Forbidden","permissions":["a","b"]}', "Forbidden (a, b)"),
        (b'{"msg":7}', ""),
        (b'["x"]', '["x"]'),
        (b"\xff!", r"\xff!"),
    ],
)
def test_a_message_is_found_in_every_shape(body: bytes, expected: str) -> None:
    """The service, its login layer and the proxy word errors differently; all are understood."""
    assert statuses.message_of(body) == expected


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://u:secret@sso.example.org:8443/in?token=x", "https://sso.example.org:8443"),
        ("/login?token=x", "another path"),
        ("http://[", "a place that is no URL"),
        ("http://a:99999/", "a place that is no URL"),
    ],
)
def test_a_redirect_is_named_by_its_host_alone(location: str, place: str) -> None:
    """Of a redirect's target only scheme, host and port are told: the rest may be secret."""
    assert statuses.message_of(b"", location) == f"redirects to {place}, which is not followed"


@given(st.text())
def test_printable_text_is_short_and_harmless(text: str) -> None:
    """Whatever a server says becomes one line of 200 characters that no terminal obeys."""
    shown = statuses.printable(text)

    assert len(shown) <= statuses.MESSAGE_LIMIT
    assert shown.isprintable()


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
