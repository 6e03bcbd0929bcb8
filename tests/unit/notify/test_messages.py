"""What no message may hold, whatever its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.notify.kinds.ping import PING
from daemon.notify.kinds.slack import SLACK
from daemon.notify.kinds.webhook import WEBHOOK
from daemon.notify.notices import RUN_FAILED
from daemon.notify.targets import Kind
from tests.unit.notify.sent_messages import FAILED, made


@pytest.mark.parametrize("kind", [WEBHOOK, SLACK, PING])
@pytest.mark.parametrize("template", [None, '{"x": "$summary $error"}'])
def test_no_secret_is_sent_on(kind: Kind, template: str | None) -> None:
    """A secret that a server quoted in an error leaves this process in no message."""
    told = replace(FAILED, keys={**FAILED.keys, "error": "s3cret", "opening": "o", "why": "s3cret"})
    told = replace(told, event=RUN_FAILED) if kind.follows_runs else told

    found = made(kind, told, secret="s3cret", template=template)

    assert b"s3cret" not in found.body
    assert b"***" in found.body
