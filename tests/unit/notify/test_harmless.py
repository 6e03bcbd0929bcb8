"""What people are told is visible text, whatever a server, a person or the file said."""

from __future__ import annotations

import json
import re

import pytest

from daemon.log.events import EVENTS, Event
from daemon.notify.kinds.ping import PING
from daemon.notify.kinds.slack import SLACK
from daemon.notify.kinds.webhook import PLACEHOLDERS, WEBHOOK
from daemon.notify.messages import Batch, Message
from daemon.notify.notices import NOTABLE, RUN_FAILED, RUN_STARTED, Notice, notice
from tests.unit.nasty_text import EVERY, NOW, texts_in

TEMPLATE = json.dumps({name: f"${name}" for name in PLACEHOLDERS})
SAID = {*NOTABLE, *EVENTS, RUN_FAILED, RUN_STARTED}


def about(event: Event) -> Notice:
    """Return a notice with a nasty text, or a list of one, for each word of the event and more."""
    words = {*re.findall(r"{(\w+)}", event.words), *PLACEHOLDERS, "opening"} - {"event"}
    keys: dict[str, object] = dict.fromkeys(words, EVERY)
    return notice(event, "error", NOW, keys | {"windows": [EVERY], EVERY: EVERY})


def made(found: Notice, *, template: str | None = None) -> Message:
    """Return what a webhook is sent."""
    posted: list[Message] = []
    WEBHOOK.send(Batch("http://x", [found], EVERY, dict, template), posted.append)
    return posted[0]


@pytest.mark.parametrize("event", sorted(SAID))
def test_a_notice_is_one_line_of_visible_text(event: Event) -> None:
    """In every event, also of those to come, in the words for people."""
    found = about(next(each for each in SAID if each == event))

    assert found.summary.isprintable()
    batch = Batch("http://x", [found], EVERY, dict)
    assert [line for line in (batch.title, *batch.lines()) if not line.isprintable()] == []


@pytest.mark.parametrize("event", sorted(SAID))
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_a_webhook_is_harmless_also_once_it_is_decoded(event: Event, template: str | None) -> None:
    """The line of the log, and what a template makes of it."""
    found = about(next(each for each in SAID if each == event))

    document = json.loads(made(found, template=template).body)

    assert [ascii(text) for text in texts_in(document) if not text.isprintable()] == []


def test_a_chat_and_a_check_get_the_same_words() -> None:
    """One line of text for each notice, and no line break but ours."""
    posted: list[Message] = []
    batch = Batch("http://x/y", [about(RUN_STARTED)], EVERY, dict)

    SLACK.send(batch, posted.append)
    PING.send(batch, posted.append)

    chat, check = posted
    assert [line.isprintable() for line in json.loads(chat.body)["text"].split("\n")] == [True] * 2
    assert check.body.decode().isprintable()


def test_a_hundred_thousand_faults_are_no_message_of_megabytes() -> None:
    """People are told a few and the count, and a webhook gets no more than a line of the log."""
    event = next(each for each in EVENTS if each == "config.rejected")
    keys = {"path": "s.yaml", "faults": [f"s.yaml:{n}:1: no" for n in range(100_000)]}
    found = notice(event, "error", NOW, keys)

    assert len(found.summary) < 1000
    assert found.summary.endswith(" and 99980 more")
    assert len(made(found).body) < 16 * 1024
    assert json.loads(made(found).body)["faults_total"] == 100_000
