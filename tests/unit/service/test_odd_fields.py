"""Each field of each answer that the client reads, odd in each way, and what is decided then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon import documents
from daemon.core.attempt import MESSAGE_LIMIT
from daemon.core.decide import (
    CatchUp,
    Decision,
    Keep,
    Leave,
    Pause,
    Resume,
    decide,
)
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryKey, ScheduledRun
from daemon.service import answers, discovery, statuses
from tests.unit.core.test_decide import NOW, START, desired, held

NUMBER = "64b7f4b4"
RUN = {"name": "nightly", "task_type": "BACKUP", "next_run": "2026-11-22T02:30:00Z"}
SOUND: Mapping[str, Any] = {
    "id": "orders",
    "state": "paused",
    "repo": NUMBER,
    "plan_name": "daily",
    "scheduled": {"nightly": RUN},
    "running_tasks": {"nightly": {}},
    "running_one_off": {"BACKUP-1": {}},
}
LONG = "x" * 100_000
RAW = "\x00raw "
"""What begins so is put into the document as it is, for what Python does not write."""

KEY = RepositoryKey("prod", "orders")
OURS = held(Phase.PAUSED, uuid=NUMBER, windows=("sunday",))

Verdict = tuple[type[Decision], type[Decision]]
"""What follows inside an opening where nothing is held, and after it for what is ours."""

UNDERSTOOD: Verdict = (Pause, Resume)
LEFT: Verdict = (Leave, Resume)
"""Not newly paused; and resumed without having been seen."""


def odd(*values: Any) -> tuple[Any, ...]:
    """Return values of all kinds."""
    return values


WRONG: tuple[Any, ...] = (7, True, [], "a text", {}, 1.5)
ROWS: list[tuple[str, object, Verdict]] = [
    *(
        ("state", value, LEFT)
        for value in odd(None, *WRONG, "archiving", LONG, "\ud800", RAW + "NaN")
    ),
    ("repo", None, UNDERSTOOD),
    *(("repo", value, LEFT) for value in odd(7, True, [], {}, LONG, "\ud800", "a\nb")),
    ("repo", RAW + "9" * 5000, LEFT),
    ("plan_name", None, UNDERSTOOD),
    *(
        ("plan_name", value, LEFT)
        for value in odd(7, True, [], {}, LONG, "\u202e", RAW + "Infinity")
    ),
    ("scheduled", None, UNDERSTOOD),
    *(("scheduled", value, LEFT) for value in odd(7, True, [RUN], "soon")),
    ("scheduled", {str(number): RUN for number in range(1000)}, LEFT),
    ("scheduled", RAW + '{"a":{},"a":{}}', LEFT),
    *(("scheduled", {"a": run}, UNDERSTOOD) for run in odd(None, 7, [], {}, {"next_run": 5})),
    ("scheduled", {"a": RUN | {"next_run": "0001-01-01T00:00:00Z"}}, UNDERSTOOD),
    ("scheduled", {"a": RUN | {"next_run": f"{'9' * 20}-01-01T00:00:00Z"}}, UNDERSTOOD),
    ("scheduled", {LONG: RUN, "\ud800": RUN, "": RUN}, UNDERSTOOD),
    ("scheduled", {"a": RUN | {"task_type": LONG}}, UNDERSTOOD),
    ("running_tasks", None, UNDERSTOOD),
    *(("running_tasks", value, LEFT) for value in odd(7, True, ["a"], "a")),
    ("running_tasks", {LONG: None, "\ud800": 7}, UNDERSTOOD),
    ("running_one_off", None, UNDERSTOOD),
    *(("running_one_off", value, LEFT) for value in odd(7, True, ["a"], "a")),
    ("running_one_off", {str(number): {} for number in range(1000)}, LEFT),
    *(("bucket", value, UNDERSTOOD) for value in odd(None, *WRONG)),
    ("health", RAW + "-Infinity", UNDERSTOOD),
    ("version", RAW + "9" * 5000, UNDERSTOOD),
]


def brief(value: object) -> str:
    """Name a value in a test's id."""
    return f"{value!r:.30}"


def written(document: object) -> bytes:
    """Write a document, with what is no JSON as it is."""
    text = json.dumps(document)
    start = text.find(json.dumps(RAW)[1:-1])
    if start < 0:
        return text.encode()
    # The last value of its object, in quotes and with its own ones escaped.
    head, tail = text[: start - 1], text[start + len(json.dumps(RAW)) - 2 :]
    value, _, rest = tail.partition('"}]')
    return f"{head}{value.replace(chr(92), '')}}}]{rest}".encode()


def listed(**changes: object) -> ObservedRepository:
    """Read a list with one repository, changed so."""
    kept = {key: value for key, value in SOUND.items() if key not in changes}
    (found,) = answers.merged(answers.rows(written([{**kept, **changes}])))
    return found


@pytest.mark.parametrize(
    ("field", "value", "expected"), ROWS, ids=[f"{row[0]} {row[1]!r:.30}" for row in ROWS]
)
def test_a_field_of_a_row(field: str, value: object, expected: Verdict) -> None:
    """What makes a row useless is left alone and resumed all the same; all else is passed over."""
    found = listed(**{"state": "active", field: value})
    paused = found if found.state is None else listed(**{field: value})

    inside = decide(KEY, desired(), found, None, NOW)
    outside = decide(KEY, None, paused, OURS, NOW)

    assert (type(inside), type(outside)) == expected
    assert isinstance(outside, Resume)
    assert outside.is_unseen is (expected is LEFT)
    assert bool(found.problem) is (expected is LEFT)
    assert f"{found.problem}{found.running}{found.scheduled}".isprintable()
    assert len(found.problem) <= 200
    assert all(len(name) <= 200 for name in found.running)


@pytest.mark.parametrize(
    "value", [None, 7, True, [], {}, "", "../x", LONG, "\ud800", "a\nb", "é"], ids=brief
)
def test_an_odd_id(value: object) -> None:
    """A row without an id of a repository is nobody's that is wanted, and may be that of a hold."""
    found = listed(id=value)

    assert found.state is None
    assert bool(found.id) is (isinstance(value, str) and value != "")
    assert len(found.id) < 200
    assert found.id.isprintable()
    if not found.id:
        assert isinstance(decide(KEY, None, found, OURS, NOW), Resume)
        assert isinstance(decide(KEY, desired(), found, OURS, NOW), Leave)


@pytest.mark.parametrize("entry", [None, 7, True, "orders", [], [SOUND]], ids=brief)
def test_an_entry_that_is_none(entry: object) -> None:
    """What is no object is a row without an id, beside others that are sound."""
    odd, sound = answers.merged(answers.rows(json.dumps([entry, SOUND]).encode()))

    assert (odd.id, odd.state) == ("", None)
    assert type(decide(KEY, None, sound, OURS, NOW)) is Resume


@pytest.mark.parametrize(
    "next_run",
    [None, 7, "soon", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-11-22T01:59:59Z",
     "2026-11-22T03:00:01Z", "9999-12-31T23:59:59Z", "2026-11-22T02:30:00"],
)  # fmt: skip
def test_an_absurd_run_was_not_missed(next_run: object) -> None:
    """Only what fell due between the pause and the resume makes a backup owed."""
    found = listed(state="active", scheduled={"nightly": RUN | {"next_run": next_run}})
    record = replace(OURS, scheduled=found.scheduled, since=START)

    assert record.missed(START + timedelta(hours=1)) == ()


def test_a_run_within_the_pause_was_missed() -> None:
    """The sound row has such a run."""
    record = replace(OURS, scheduled=listed(state="active").scheduled, since=START)

    due = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
    assert record.missed(START + timedelta(hours=1)) == (ScheduledRun(due, "nightly", "BACKUP"),)


def test_an_odd_row_starts_no_backup() -> None:
    """What is owed waits for a row that is understood."""
    owing = Record(KEY, backup_due=NOW.wall)

    assert isinstance(decide(KEY, None, listed(state="archiving"), owing, NOW), Leave)
    assert isinstance(decide(KEY, None, listed(state="active"), owing, NOW), CatchUp)
    assert isinstance(decide(KEY, None, listed(state="paused"), None, NOW), Keep)


NODE = {"hostname": "a", "services": {"backupAPI": 1, "backupAPIHTTPS": 2}}
OUTSIDE = {"external": {"hostname": "out", "ports": {"backupAPIHTTPS": 3}}}
NODES: list[tuple[str, object, tuple[str, ...]]] = [
    ("hostname", None, ("https://asked:2",)),
    *(("hostname", value, ()) for value in odd(7, True, [], {}, "", "..", ":::::", LONG, "\ud800")),
    *(("services", value, ()) for value in odd(None, 7, True, [], "x", {})),
    *(
        ("services", {"backupAPIHTTPS": value}, ())
        for value in odd(None, "2", True, [], 0, -1, 10**9)
    ),
    *(
        ("alternateAddresses", value, ("https://a:2",))
        for value in odd(None, 7, [], "x", {}, OUTSIDE)
    ),
    *(
        ("alternateAddresses", {"external": value}, ("https://a:2",))
        for value in odd(None, 7, [], "x", {"hostname": 7}, {"hostname": [], "ports": 7})
    ),
    *(("thisNode", value, ("https://a:2",)) for value in odd(None, 7, [], "x")),
]


@pytest.mark.parametrize(
    ("field", "value", "expected"), NODES, ids=[f"{row[0]} {row[1]!r:.30}" for row in NODES]
)
def test_a_field_of_a_node(field: str, value: object, expected: tuple[str, ...]) -> None:
    """A node that makes no sense is no root; the others are."""
    document = json.dumps({"nodesExt": [NODE | {field: value}, NODE | {"hostname": "b"}]})

    found = discovery.service_roots(documents.read_json(document.encode()), "https://asked:18091")

    assert found == (*expected, "https://b:2")


TASK: dict[str, Any] = {"name": "t", "schedule": {"period": "HOURS", "frequency": 1}}


def plan_of(**changes: object) -> dict[str, object]:
    """Describe a plan whose one task is changed so."""
    return {"name": "p", "tasks": [TASK | changes]}


def scheduled(period: object = "HOURS", frequency: object = 1) -> dict[str, object]:
    """Describe a plan whose one task runs so."""
    return plan_of(schedule={"period": period, "frequency": frequency})


ODD: tuple[Any, ...] = (None, 7, [])
HOUR = {"t": timedelta(hours=1)}
NAMES: tuple[Any, ...] = (None, 7, True, [], {})
LISTS: tuple[Any, ...] = (None, 7, True, "x", {}, [None, 7])
FREQUENCIES: tuple[Any, ...] = (None, "1", [], 0, -1, 10**12, 10**30, 1.5)
PERIODS: tuple[Any, ...] = (None, 7, [], "", "MOONS", LONG)
PLANS: list[tuple[Any, Any]] = [
    *(({"name": name, "tasks": [TASK]}, {}) for name in NAMES),
    *(({"name": "p", "tasks": tasks}, {"p": {}}) for tasks in LISTS),
    *((plan_of(name=name), {"p": {}}) for name in ODD),
    *((plan_of(schedule=schedule), {"p": {}}) for schedule in ODD),
    *((scheduled(frequency=frequency), {"p": {}}) for frequency in FREQUENCIES),
    *((scheduled(period=period), {"p": {}}) for period in PERIODS),
    *((plan, {}) for plan in (*ODD, "x")),
]


@pytest.mark.parametrize(("plan", "expected"), PLANS, ids=[f"{row[0]!r:.60}" for row in PLANS])
def test_a_field_of_a_plan(plan: Any, expected: Any) -> None:
    """A plan or a task that makes no sense has no period; the others have theirs."""
    sound = {"name": "sound", "tasks": [TASK]}

    assert answers.periods(json.dumps([plan, sound]).encode()) == expected | {"sound": HOUR}


@pytest.mark.parametrize("field", ["msg", "message", "extras", "permissions"])
@pytest.mark.parametrize(
    "value", [None, 7, True, [], {}, [None, 7], LONG, "\ud800\x1b[2J"], ids=brief
)
def test_a_field_of_a_refusal(field: str, value: object) -> None:
    """Whatever a refusal says, it is a short line that harms nobody."""
    message = statuses.printable(statuses.message_of(json.dumps({field: value}).encode()))

    assert message.isprintable()
    assert len(message) <= MESSAGE_LIMIT
