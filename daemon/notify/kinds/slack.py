"""`slack`: an incoming webhook of Slack or the like, whose users read one text."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Final

from daemon.notify.messages import Batch, Message, Post
from daemon.notify.targets import Kind


class _Slack(Kind):
    key = "slack"
    description = "An incoming webhook of Slack, Mattermost, Rocket.Chat or the like."
    example = MappingProxyType({"file": "slack.url"})
    is_for_people = True

    def send(self, batch: Batch, post: Post) -> None:
        """Post a line for each notice."""
        text = _escaped("\n".join([f"{batch.title}:", *batch.lines()]))
        post(Message(batch.url, json.dumps({"text": text}).encode()))


SLACK: Final = _Slack()


def _escaped(text: str) -> str:
    """Take the meaning from the three characters that Slack reads as mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
