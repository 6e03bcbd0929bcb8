"""What Slack is sent: one text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from daemon.notify.kinds.slack import SLACK
from daemon.notify.messages import MOST_LINES, Message
from daemon.notify.notices import Notice
from tests.unit.notify.sent_messages import FAILED, made


def text_of(found: Message) -> str:
    """Return what people read of a message to Slack."""
    text: str = json.loads(found.body)["text"]
    return text


def test_slack_gets_one_message_for_all() -> None:
    """What came together is one text with a line each, its mark-up escaped."""
    text = text_of(made(SLACK, FAILED, FAILED))

    line = '[error] prod/orders: pause failed (a "&lt;b&gt;" &amp; c); not tried again by itself'
    assert text == f"cbmaintd on host1:\n{line}\n{line}"


def test_nobody_reads_a_thousand_lines() -> None:
    """Of very many notices the first are listed, and the rest is counted."""
    many: Sequence[Notice] = [FAILED] * (MOST_LINES + 7)

    text = text_of(made(SLACK, *many))

    assert text.count("prod/orders") == MOST_LINES
    assert text.endswith("… and 7 more: see cbmaintd history and the log")
