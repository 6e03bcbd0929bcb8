"""What a service that watches jobs is sent."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from daemon.log.events import Event
from daemon.notify.kinds.ping import PING
from daemon.notify.notices import RUN_FAILED, RUN_STARTED, RUN_SUCCEEDED, Notice
from tests.unit.notify.sent_messages import NOW, URL, made


def run(event: Event, opening: str = "night@2026-11-23T12:00:00Z", why: str = "") -> Notice:
    """Make a notice of a run."""
    return Notice(event, "info", NOW, {"window": "night", "opening": opening, "why": why})


@pytest.mark.parametrize(
    ("event", "path"), [(RUN_STARTED, "/start"), (RUN_FAILED, "/fail"), (RUN_SUCCEEDED, "")]
)
@pytest.mark.parametrize("url", [URL, URL + "/", URL + "?create=1"])
def test_a_ping_says_what_became_of_a_run(event: Event, path: str, url: str) -> None:
    """Start, failure and success have the paths of healthchecks services; runs are told apart."""
    found = urlsplit(made(PING, run(event), url=url).url)
    again = urlsplit(made(PING, run(RUN_SUCCEEDED), url=url).url)
    other = urlsplit(made(PING, run(event, "night@2026-11-24T12:00:00Z"), url=url).url)

    assert found.path == f"/hook/T0KEN{path}"
    assert found.query == again.query != other.query
    assert parse_qs(found.query).keys() - {"create"} == {"rid"}
    assert ("create=1" in found.query) is ("?" in url)


def test_a_ping_says_why_a_run_failed() -> None:
    """The body of a failure is its reason, as plain text."""
    found = made(PING, run(RUN_FAILED, why="prod is down"))

    assert found.body == b"prod is down"
    assert found.content_type.startswith("text/plain")
