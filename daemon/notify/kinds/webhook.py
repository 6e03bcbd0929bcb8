"""`webhook`: each event as a JSON document, its own line of the log or what a template makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from string import Template
from types import MappingProxyType
from typing import Final

from daemon.log.render import json_line
from daemon.notify.messages import Batch, Message, Post
from daemon.notify.notices import plain
from daemon.notify.targets import Kind

PLACEHOLDERS: Final = (
    *("event", "level", "timestamp", "host", "summary"),
    *("cluster", "repository", "window", "windows", "action", "error", "reason"),
    *("start", "end", "since", "next_attempt"),
)
"""What a template may name; empty where the event has no such key."""


class _Webhook(Kind):
    key = "webhook"
    description = "A JSON document is posted there for each event."
    example = MappingProxyType({"file": "pager.url"})

    def send(self, batch: Batch, post: Post) -> None:
        """Post one event."""
        post(Message(batch.url, _body(batch).encode()))

    def check_template(self, text: str) -> None:
        """Check a body with placeholders like `$summary`, which stand inside quotes.

        Raises:
            ValueError: it names what there is not, or is no JSON once it is filled.

        """
        template = Template(text)
        if not template.is_valid():
            raise ValueError("it contains a single $: write $$, or one of the placeholders")
        for name in template.get_identifiers():
            if name not in PLACEHOLDERS:
                raise ValueError(f"there is no placeholder ${name}; known: {_listed()}")
        try:
            json.loads(_fill(text, dict.fromkeys(PLACEHOLDERS, 'a "word"')))
        except ValueError as exc:
            raise ValueError(f"it is not JSON once its placeholders are filled: {exc}") from None


WEBHOOK: Final = _Webhook()


def _listed() -> str:
    return ", ".join(f"${name}" for name in PLACEHOLDERS)


def _body(batch: Batch) -> str:
    found = batch.notices[0]
    head: dict[str, object] = {
        "event": found.event,
        "level": found.level,
        "timestamp": found.at,
        "host": batch.host,
        "summary": found.summary,
    }
    entry = {**head, **found.keys}
    if batch.template is None:
        return json_line(batch.mask(entry))
    words: dict[str, object] = {name: plain(entry.get(name)) for name in PLACEHOLDERS}
    return _fill(batch.template, batch.mask(words))


def _fill(template: str, words: Mapping[str, object]) -> str:
    """Fill in *words* as the inside of a JSON text, so that none of them ends it."""
    inside = {name: json.dumps(str(word))[1:-1] for name, word in words.items()}
    return Template(template).substitute(inside)
