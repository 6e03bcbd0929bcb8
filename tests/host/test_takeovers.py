"""What a daemon knows of a cluster that another one had before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from daemon.core.listing import Listing
from tests.host.members import LEASE_S, Crowd, wait_until
from tests.host.postgres import Postgres, free_port, unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())


@pytest.fixture
def stage(postgres: Postgres, tmp_path: Path) -> Iterator[Crowd]:
    """Set the stage on an empty ledger."""
    postgres.clear()
    with ExitStack() as exits:
        yield Crowd(tmp_path, postgres, exits)


def wanted(port: int) -> str | None:
    """Return how many repositories the daemon says are wanted, if it says so yet."""
    try:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except requests.ConnectionError:
        return None
    found = [line for line in text.splitlines() if line.startswith("cbmaintd_repositories_wanted{")]
    return found[0].split()[-1] if found else None


def test_its_last_list_is_known_before_it_answers(stage: Crowd) -> None:
    """Of one that is down, its new owner knows as much as the ledger did when it was claimed."""
    port = free_port()
    text, _, _ = stage.window(-60, 3600)
    (stage.folder / "schedules.yaml").write_text(
        f"resync: 1s\nlease: {LEASE_S:.0f}s\nlisten: 127.0.0.1:{port}\nclusters:\n"
        f"  c0: {{url: 'http://127.0.0.1:{free_port()}', username: u, password_env: WORD,"
        f" timeout: {{connect: 500ms, read: 500ms, total: 1s}}}}\nwindows:\n{text}"
    )
    first = stage.join("first")
    wait_until(lambda: first.events("clusters.claimed"), "the first claim")
    first.end()
    stage.postgres.ask("update claim set owner = 'x', expires = 'infinity'")
    second = stage.join("second")
    wait_until(lambda: second.events("daemon.started"), "the start of the next one")
    listing = Listing(frozenset({"orders", "archive", "audit"}))
    stage.postgres.ask(f"insert into listing values ('c0', '{listing.text()}')")  # noqa: S608  # ours
    stage.postgres.ask("update claim set expires = '-infinity'")
    wait_until(lambda: second.events("clusters.claimed"), "its claim")

    wait_until(lambda: wanted(port) == "3.0", f"3 are wanted, not {wanted(port)}", 20)
