"""What the kinds of targets send, for tests to read."""

from __future__ import annotations

from datetime import UTC, datetime

from daemon.log import events
from daemon.notify.messages import Batch, Message
from daemon.notify.notices import Notice
from daemon.notify.targets import Kind

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "https://chat.example.com/hook/T0KEN"
FAILED = Notice(
    events.REPOSITORY_FAILED,
    "error",
    NOW,
    {"cluster": "prod", "repository": "orders", "action": "pause", "error": 'a "<b>" & c'},
)


def made(
    kind: Kind, *notices: Notice, url: str = URL, secret: str = "", template: str | None = None
) -> Message:
    """Make the message; *secret* is one that the log knows."""

    def mask(entry: dict[str, object]) -> dict[str, object]:
        hidden = ((k, str(v).replace(secret, "***") if secret else v) for k, v in entry.items())
        return dict(hidden)

    posted: list[Message] = []
    kind.send(Batch(url, notices, "host1", mask, template), posted.append)
    (message,) = posted
    return message
