"""What a webhook is sent: the line of the log, or the user's own body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.notify.kinds.webhook import WEBHOOK
from tests.unit.notify.sent_messages import FAILED, URL, made


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


def test_a_template_is_filled_safely() -> None:
    """Whatever a value is, the body stays the JSON that its author meant; `$$` is a dollar."""
    template = '{"text": "$summary", "price": "1$$", "who": "$repository"}'

    body: dict[str, Any] = json.loads(made(WEBHOOK, FAILED, template=template).body)

    assert body == {"text": FAILED.summary, "price": "1$", "who": "orders"}


def test_a_template_may_name_what_an_event_has_not() -> None:
    """A placeholder without a value is empty."""
    found = made(WEBHOOK, FAILED, template='{"until": "$end"}')

    assert json.loads(found.body) == {"until": ""}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"a": "$sumary"}', "there is no placeholder $sumary; known: $event, $level"),
        ('{"a": "5 $"}', "it contains a single $: write $$"),
        ('{"a": $summary}', "it is not JSON once its placeholders are filled"),
        ("hello", "it is not JSON"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(template: str, expected: str) -> None:
    """A template that could not be sent is refused with the reason."""
    with pytest.raises(ValueError, match=r".") as raised:
        WEBHOOK.check_template(template)

    assert expected in str(raised.value)
