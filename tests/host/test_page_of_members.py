"""The page of one of several daemons: it tells of all of them, also where the database is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.members import Crowd, Member, crowd, wait_until
from tests.host.postgres import free_port, unavailable
from tests.process.test_monitoring import ask
from tests.process.test_page import text_at

pytestmark = [
    pytest.mark.crowded,
    pytest.mark.skipif(bool(unavailable()), reason=unavailable()),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Crowd]:
    """Set the stage, and strike it whatever happens."""
    with crowd(tmp_path) as stage:
        yield stage


def test_it_tells_of_all_daemons(stage: Crowd) -> None:
    """Nobody may start before all daemons have paused theirs; the page of each knows, or says so.

    A page of half of the clusters would say that everything is paused.
    """
    stage.serve(4, 2, 0.0)
    text, _, _ = stage.window(3600, 7200)
    stage.write(text)
    a, b = stage.join("a"), stage.join("b")
    stage.wait_for_shares(a, b)
    port = listening(stage, text, a, b)
    # When each has its share: whoever has more for a moment would pause all of it.
    assert stage.ask("open", "w", "--for", "1h").returncode == 0
    wait_until(lambda: "Everything is paused: 8 of 8." in text_at(port), "the page says it")
    page, cluster = text_at(port), text_at(port, "/clusters/c000")
    document = json.loads(ask(port, "/status.json")[1])
    told = json.loads(stage.ask("status", "--output", "json").stdout)
    stage.postgres.stop()
    wait_until(lambda: "The ledger does not answer" in text_at(port), "the page says it")
    blind = text_at(port)

    for member in (a, b):
        assert f"pid {member.process.pid}" in page
        assert f"pid {member.process.pid}" in page.partition("History Time")[2]
    assert "Held: 2" in cluster
    for each in ("open", "next"):
        assert document[each] == told[each]
    assert [_key(hold) for hold in document["holds"]] == [_key(hold) for hold in told["holds"]]
    assert [each["id"] for each in document["members"]] == [each["id"] for each in told["members"]]
    assert "You may start" not in blind
    assert "It is not known whether everything is paused" in blind


def _key(hold: dict[str, object]) -> tuple[object, ...]:
    return hold["cluster"], hold["repository"], hold["phase"]


def listening(stage: Crowd, windows: str, *members: Member) -> int:
    """Have them listen at one address, which one of them gets; return its port."""
    port = free_port()
    stage.write(windows, more=f"listen: 127.0.0.1:{port}\n")
    wait_until(lambda: all(len(m.events("config.applied")) > 1 for m in members), "the edit")
    assert stage.ask("apply").returncode == 0
    stage.wait_for_shares(*members)
    return port
