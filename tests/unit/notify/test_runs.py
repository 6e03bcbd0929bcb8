"""Openings as runs that begin, fail and succeed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.log import events
from daemon.log.events import Event
from daemon.notify.notices import OVERDUE, RUN_FAILED, RUN_STARTED, RUN_SUCCEEDED, Notice
from daemon.notify.runs import Runs

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHT, DAY = "night@2026-11-23T12:00:00Z", "day@2026-11-23T13:00:00Z"


def runs() -> Runs:
    """Begin with none; `night` is about prod, `day` about test."""
    return Runs({"night": frozenset({"prod"}), "day": frozenset({"test"})}.__getitem__)


def said(notices: list[Notice]) -> list[tuple[str, str]]:
    """Return what was said of which window."""
    return [(notice.event, notice.keys["window"]) for notice in notices]


def failure(event: Event = events.REPOSITORY_FAILED, **keys: object) -> Notice:
    """Make the notice of a failure in `night`."""
    return Notice(event, "error", NOW, {"cluster": "prod", "windows": ["night"], **keys})


def test_a_run_begins_and_succeeds() -> None:
    """A run begins with its opening and succeeds once nothing is open or held for it any more."""
    followed = runs()

    heard = [followed.follow(openings, NOW) for openings in ([NIGHT], [NIGHT, DAY], [DAY], [])]

    assert [said(each) for each in heard] == [
        [(RUN_STARTED, "night")],
        [(RUN_STARTED, "day")],
        [(RUN_SUCCEEDED, "night")],
        [(RUN_SUCCEEDED, "day")],
    ]


@pytest.mark.parametrize("event", [events.REPOSITORY_FAILED, OVERDUE])
def test_a_run_fails_once(event: Event) -> None:
    """The first failure of a run is said with its words, later ones are not; others do not fail."""
    followed = runs()
    followed.follow([NIGHT, DAY], NOW)

    heard = [*followed.hear(failure(event)), *followed.hear(failure(event))]

    assert said(heard) == [(RUN_FAILED, "night")]
    assert heard[0].keys["why"] == failure(event).summary


def test_a_run_that_failed_succeeds_in_the_end() -> None:
    """Once all is active again after a failure, the check is green again."""
    followed = runs()
    followed.follow([NIGHT], NOW)
    followed.hear(failure())

    assert said(followed.follow([], NOW)) == [(RUN_SUCCEEDED, "night")]


def test_a_later_run_may_fail_again() -> None:
    """That one opening failed does not silence the next."""
    followed = runs()
    for opening in (NIGHT, "night@2026-11-24T12:00:00Z"):
        followed.follow([opening], NOW)
        heard = followed.hear(failure())

    assert said(heard) == [(RUN_FAILED, "night")]


def test_a_cluster_that_does_not_answer_fails_its_runs() -> None:
    """Runs under way fail when their cluster is lost, and runs that begin while it is."""
    followed = runs()
    followed.follow([DAY], NOW)

    lost = followed.hear(failure(events.CLUSTER_UNREACHABLE, windows=[]))
    begun = followed.follow([DAY, NIGHT], NOW)

    assert said(lost) == []
    assert said(begun) == [(RUN_STARTED, "night"), (RUN_FAILED, "night")]


def test_a_cluster_that_answers_again_fails_nothing() -> None:
    """A run that begins after the recovery begins well."""
    followed = runs()
    followed.hear(failure(events.CLUSTER_UNREACHABLE))
    followed.hear(failure(events.CLUSTER_RECOVERED))

    assert said(followed.follow([NIGHT], NOW)) == [(RUN_STARTED, "night")]


def test_what_is_no_failure_is_passed_over() -> None:
    """Other lines of the log say nothing of a run."""
    followed = runs()
    followed.follow([NIGHT], NOW)

    assert followed.hear(failure(events.REPOSITORY_PAUSED)) == []
