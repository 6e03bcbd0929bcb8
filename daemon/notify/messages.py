"""What is sent to whom: a notice as the request that a target understands; pure.

Bodies are JSON but for a ping's, whose service shows the text to people.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from daemon.log.render import json_line
from daemon.notify.notices import (
    RUN_FAILED,
    RUN_STARTED,
    RUN_SUCCEEDED,
    TEST,
    Kind,
    Notice,
    Target,
    plain,
)

MOST_LINES: Final = 20
"""How many notices one message to people lists; the rest is counted."""

PLACEHOLDERS: Final = (
    *("event", "level", "timestamp", "host", "summary"),
    *("cluster", "repository", "window", "windows", "action", "error", "reason"),
    *("start", "end", "since", "next_attempt"),
)
"""What a template may name; empty where the event has no such key."""

_JSON: Final = "application/json"
_PING_PATHS: Final = {RUN_STARTED: "/start", RUN_FAILED: "/fail", RUN_SUCCEEDED: "", TEST: ""}


Mask = Callable[[dict[str, object]], dict[str, object]]
"""Takes known secrets out of the values of a line."""


@dataclass(frozen=True, slots=True)
class Message:
    """A POST; the URL is a secret."""

    url: str
    body: bytes
    content_type: str = _JSON


def message(target: Target, url: str, notices: Sequence[Notice], host: str, mask: Mask) -> Message:
    """Put *notices* into the words of *target*; only people are told several at once."""
    match target.kind:
        case Kind.SLACK:
            text = _escaped("\n".join([f"cbmaintd on {host}:", *lines(notices, mask)]))
            return Message(url, json.dumps({"text": text}).encode())
        case Kind.PING:
            return _ping(url, notices[0], mask)
        case _:
            return Message(url, _webhook(target, notices[0], host, mask).encode())


def lines(notices: Sequence[Notice], mask: Mask) -> Iterator[str]:
    """Return a line for each of *notices*, as many as anybody reads."""
    for found in notices[:MOST_LINES]:
        yield f"[{found.level}] {_words(found, mask)}"
    if len(notices) > MOST_LINES:
        yield f"… and {len(notices) - MOST_LINES} more: see cbmaintd history and the log"


def check_template(text: str) -> None:
    """Check a webhook's body with placeholders like `$summary`, which stand inside quotes.

    Raises:
        ValueError: it names what there is not, or is no JSON once it is filled.

    """
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a lone $ stands in it: write $$, or one of the placeholders")
    for name in template.get_identifiers():
        if name not in PLACEHOLDERS:
            raise ValueError(f"there is no placeholder ${name}; known are: {_listed()}")
    try:
        json.loads(_fill(text, dict.fromkeys(PLACEHOLDERS, 'a "word"')))
    except ValueError as exc:
        raise ValueError(f"it is no JSON once its placeholders are filled: {exc}") from None


def _listed() -> str:
    return ", ".join(f"${name}" for name in PLACEHOLDERS)


def _escaped(text: str) -> str:
    """Take the meaning from the three characters that Slack reads as mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _words(found: Notice, mask: Mask) -> str:
    return str(mask({"summary": found.summary})["summary"])


def _webhook(target: Target, found: Notice, host: str, mask: Mask) -> str:
    head: dict[str, object] = {
        "event": found.event,
        "level": found.level,
        "timestamp": found.at,
        "host": host,
        "summary": found.summary,
    }
    entry = {**head, **found.keys}
    if target.template is None:
        return json_line(mask(entry))
    words: dict[str, object] = {name: plain(entry.get(name)) for name in PLACEHOLDERS}
    return _fill(target.template, mask(words))


def _fill(template: str, words: Mapping[str, object]) -> str:
    """Fill in *words* as the inside of a JSON text, so that none of them ends it."""
    inside = {name: json.dumps(str(word))[1:-1] for name, word in words.items()}
    return Template(template).substitute(inside)


def _ping(url: str, found: Notice, mask: Mask) -> Message:
    """Return a service that watches jobs; runs that overlap are told apart by their `rid`."""
    parts = urlsplit(url)
    run = uuid.uuid5(uuid.NAMESPACE_URL, str(found.keys["opening"]))
    query = urlencode({"rid": run})
    signal = parts._replace(
        path=parts.path.rstrip("/") + _PING_PATHS[found.event],
        query=f"{parts.query}&{query}" if parts.query else query,
    )
    return Message(urlunsplit(signal), _words(found, mask).encode(), "text/plain; charset=utf-8")
