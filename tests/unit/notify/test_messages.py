"""The requests that targets understand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from daemon.log import events
from daemon.log.events import Event
from daemon.notify.messages import MOST_LINES, Message, check_template, message
from daemon.notify.notices import RUN_FAILED, RUN_STARTED, RUN_SUCCEEDED, Kind, Notice, Target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "https://chat.example.com/hook/T0KEN"
FAILED = Notice(
    events.REPOSITORY_FAILED,
    "error",
    NOW,
    {"cluster": "prod", "repository": "orders", "action": "pause", "error": 'a "<b>" & c'},
)
WEBHOOK = Target("w", Kind.WEBHOOK, url_env="URL")


def made(target: Target, *notices: Notice, url: str = URL, secret: str = "") -> Message:
    """Make the message; *secret* is one that the log knows."""

    def mask(entry: dict[str, object]) -> dict[str, object]:
        hidden = ((k, str(v).replace(secret, "***") if secret else v) for k, v in entry.items())
        return dict(hidden)

    return message(target, url, notices, "host1", mask)


def text_of(found: Message) -> str:
    """Return what people read of a message to Slack."""
    text: str = json.loads(found.body)["text"]
    return text


def test_a_webhook_gets_the_line_of_the_log() -> None:
    """A webhook's body is one event with its keys, the host, and a summary for people."""
    found = made(WEBHOOK, FAILED)

    assert found.url == URL
    assert found.content_type == "application/json"
    assert json.loads(found.body) == {
        "event": "repository.failed",
        "level": "error",
        "timestamp": "2026-11-23T12:00:00.000000Z",
        "host": "host1",
        "summary": 'prod/orders: pause failed (a "<b>" & c); not tried again by itself',
        **FAILED.keys,
    }


def test_slack_gets_one_message_for_all() -> None:
    """What came together is one text with a line each, its mark-up escaped."""
    text = text_of(made(Target("s", Kind.SLACK, url_env="URL"), FAILED, FAILED))

    line = '[error] prod/orders: pause failed (a "&lt;b&gt;" &amp; c); not tried again by itself'
    assert text == f"cbmaintd on host1:\n{line}\n{line}"


def test_nobody_reads_a_thousand_lines() -> None:
    """Of very many notices the first are listed, and the rest is counted."""
    many: Sequence[Notice] = [FAILED] * (MOST_LINES + 7)

    text = text_of(made(Target("s", Kind.SLACK, url_env="URL"), *many))

    assert text.count("prod/orders") == MOST_LINES
    assert text.endswith("… and 7 more: see cbmaintd history and the log")


def run(event: Event, opening: str = "night@2026-11-23T12:00:00Z", why: str = "") -> Notice:
    """Make a notice of a run."""
    return Notice(event, "info", NOW, {"window": "night", "opening": opening, "why": why})


@pytest.mark.parametrize(
    ("event", "path"), [(RUN_STARTED, "/start"), (RUN_FAILED, "/fail"), (RUN_SUCCEEDED, "")]
)
@pytest.mark.parametrize("url", [URL, URL + "/", URL + "?create=1"])
def test_a_ping_says_what_became_of_a_run(event: Event, path: str, url: str) -> None:
    """Start, failure and success have the paths of healthchecks services; runs are told apart."""
    target = Target("p", Kind.PING, url_env="URL")

    found = urlsplit(made(target, run(event), url=url).url)
    again = urlsplit(made(target, run(RUN_SUCCEEDED), url=url).url)
    other = urlsplit(made(target, run(event, "night@2026-11-24T12:00:00Z"), url=url).url)

    assert found.path == f"/hook/T0KEN{path}"
    assert found.query == again.query != other.query
    assert parse_qs(found.query).keys() - {"create"} == {"rid"}
    assert ("create=1" in found.query) is ("?" in url)


def test_a_ping_says_why_a_run_failed() -> None:
    """The body of a failure is its reason, as plain text."""
    found = made(Target("p", Kind.PING, url_env="URL"), run(RUN_FAILED, why="prod is down"))

    assert found.body == b"prod is down"
    assert found.content_type.startswith("text/plain")


@pytest.mark.parametrize("kind", [Kind.WEBHOOK, Kind.SLACK, Kind.PING])
@pytest.mark.parametrize("template", [None, '{"x": "$summary $error"}'])
def test_no_secret_is_sent_on(kind: Kind, template: str | None) -> None:
    """A secret that a server quoted in an error leaves this process in no message."""
    told = replace(FAILED, keys={**FAILED.keys, "error": "s3cret", "opening": "o", "why": "s3cret"})
    told = replace(told, event=RUN_FAILED) if kind is Kind.PING else told

    found = made(Target("t", kind, url_env="URL", template=template), told, secret="s3cret")

    assert b"s3cret" not in found.body
    assert b"***" in found.body


def test_a_template_is_filled_safely() -> None:
    """Whatever a value is, the body stays the JSON that its author meant; `$$` is a dollar."""
    target = replace(WEBHOOK, template='{"text": "$summary", "price": "1$$", "who": "$repository"}')

    body: dict[str, Any] = json.loads(made(target, FAILED).body)

    assert body == {"text": FAILED.summary, "price": "1$", "who": "orders"}


def test_a_template_may_name_what_an_event_has_not() -> None:
    """A placeholder without a value is empty."""
    target = replace(WEBHOOK, template='{"until": "$end"}')

    assert json.loads(made(target, FAILED).body) == {"until": ""}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"a": "$sumary"}', "there is no placeholder $sumary; known are: $event, $level"),
        ('{"a": "5 $"}', "a lone $ stands in it: write $$"),
        ('{"a": $summary}', "it is no JSON once its placeholders are filled"),
        ("hello", "it is no JSON"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(template: str, expected: str) -> None:
    """A template that could not be sent is refused with the reason."""
    with pytest.raises(ValueError, match=r".") as raised:
        check_template(template)

    assert expected in str(raised.value)
