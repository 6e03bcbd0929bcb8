"""What people are told: in which words, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.log import events
from daemon.log.events import Event
from daemon.notify.notices import (
    NOTABLE,
    OVERDUE,
    REPEAT_AFTER,
    URGENT,
    Notice,
    Repeats,
    notice,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZERO = timedelta(0)
FAILED = {
    "cluster": "prod",
    "repository": "orders",
    "action": "resume",
    "windows": ["night"],
    "error": "forbidden",
    "next_attempt": NOW + timedelta(minutes=5),
}
SAID: list[tuple[Event, dict[str, Any], str]] = [
    (
        events.REPOSITORY_FAILED,
        FAILED,
        "prod/orders: resume failed (forbidden); tried again at 2026-11-23 12:05:00 UTC",
    ),
    (
        events.REPOSITORY_FAILED,
        FAILED | {"next_attempt": None},
        "prod/orders: resume failed (forbidden); not tried again by itself",
    ),
    (
        events.REPOSITORY_FAILED,
        FAILED | {"action": "pause", "error": "not_found", "next_attempt": None},
        "prod/orders: pause failed (not_found); there is no such repository",
    ),
    (
        events.WINDOW_OPENED,
        {"window": "night", "start": NOW, "end": NOW, "repositories": 3},
        "window night is open until 2026-11-23 12:00:00 UTC: 3 repositories",
    ),
    (
        events.REPOSITORY_DRIFTED,
        {"cluster": "prod", "repository": "orders", "windows": ["a", "b"], "observed": "active"},
        "prod/orders was resumed by somebody while a, b is open",
    ),
    (
        events.CERTIFICATE_ENDS,
        {"cluster": "prod", "ends": NOW, "days": 3},
        "a certificate of cluster prod expires at 2026-11-23 12:00:00 UTC: in 3 days",
    ),
]


@pytest.mark.parametrize(("event", "keys", "expected"), SAID)
def test_a_summary_is_one_line_for_people(
    event: Event, keys: dict[str, Any], expected: str
) -> None:
    """A summary names who, what and until when, with times in UTC."""
    assert Notice(event, "error", NOW, keys).summary == expected


@pytest.mark.parametrize("event", NOTABLE)
def test_every_event_has_words_that_cannot_fail(event: Event) -> None:
    """What an event does not carry reads as a question mark; nothing is raised, nothing is lost."""
    bare = Notice(event, "info", NOW, {}).summary

    assert bare
    assert "{" not in bare


def test_a_hold_that_lasts_too_long_is_overdue() -> None:
    """The failure by which the log reports `max_pause` is an event of its own for people."""
    overdue = notice(events.REPOSITORY_FAILED, "error", NOW, FAILED | {"error": "max_pause"})
    failed = notice(events.REPOSITORY_FAILED, "error", NOW, FAILED)

    assert (overdue.event, failed.event) == (OVERDUE, events.REPOSITORY_FAILED)


@pytest.mark.parametrize("end", [events.CLUSTER_RECOVERED, events.LEDGER_RECOVERED])
def test_who_is_told_of_trouble_is_told_of_its_end(end: str) -> None:
    """By default the end of a trouble is told as well."""
    assert end in URGENT


def test_a_failure_is_told_once_an_hour() -> None:
    """What a pass says again every half minute reaches people once an hour; a new error at once."""
    repeats, failed = Repeats(), Notice(events.REPOSITORY_FAILED, "error", NOW, FAILED)
    other = Notice(events.REPOSITORY_FAILED, "error", NOW, FAILED | {"error": "timeout"})
    paused = Notice(events.REPOSITORY_PAUSED, "info", NOW, FAILED)
    tick = timedelta(seconds=30)

    heard = [repeats.is_news(failed, at * tick) for at in range(3)]
    later = [repeats.is_news(failed, REPEAT_AFTER + at * tick) for at in range(2)]

    assert heard == [True, False, False]
    assert later == [True, False]
    assert repeats.is_news(other, tick)
    assert [repeats.is_news(paused, tick) for _ in range(2)] == [True, True]


def test_what_was_told_is_forgotten_after_its_time() -> None:
    """The memory for failures does not grow with every repository that ever failed."""
    repeats = Repeats()
    for number in range(10_001):
        repeats.is_news(
            Notice(events.REPOSITORY_FAILED, "error", NOW, {"repository": number}), ZERO
        )

    is_news = repeats.is_news(Notice(events.REPOSITORY_FAILED, "error", NOW, FAILED), REPEAT_AFTER)

    assert is_news
    assert repeats.remembered == 1


def test_a_notice_knows_its_windows() -> None:
    """They stand under `window` or under `windows`."""
    assert Notice(events.WINDOW_OPENED, "info", NOW, {"window": "night"}).windows == ("night",)
    assert Notice(events.REPOSITORY_FAILED, "error", NOW, FAILED).windows == ("night",)
    assert Notice(events.CLUSTER_RECOVERED, "info", NOW, {"cluster": "prod"}).windows == ()
    assert Notice(events.DAEMON_STARTED, "info", NOW, {"windows": 3}).windows == ()
