"""`ping_url`: a service that watches whether jobs begin and succeed, as healthchecks does."""

from __future__ import annotations

import uuid
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from daemon.notify.messages import Batch, Message, Post
from daemon.notify.notices import RUN_FAILED, RUN_STARTED, RUN_SUCCEEDED, TEST, plain
from daemon.notify.targets import Kind

_PATHS: Final = {RUN_STARTED: "/start", RUN_FAILED: "/fail", RUN_SUCCEEDED: "", TEST: ""}


class _Ping(Kind):
    key = "ping_url"
    description = "A check of a healthchecks service: told of start, end, failure."
    example = MappingProxyType({"env": "CHECK_URL"})
    refused = MappingProxyType(
        {"events": "a ping follows openings and takes no events: choose its windows instead"}
    )
    follows_runs = True

    def send(self, batch: Batch, post: Post) -> None:
        """Post what became of a run, with words that the service shows to people.

        Runs that overlap are told apart by their `rid`.
        """
        found = batch.notices[0]
        run = uuid.uuid5(uuid.NAMESPACE_URL, plain(found.keys["opening"]))
        query = urlencode({"rid": run})
        parts = urlsplit(batch.url)
        signal = parts._replace(
            path=parts.path.rstrip("/") + _PATHS[found.event],
            query=f"{parts.query}&{query}" if parts.query else query,
        )
        body = batch.words(found).encode()
        post(Message(urlunsplit(signal), body, "text/plain; charset=utf-8"))


PING: Final = _Ping()
