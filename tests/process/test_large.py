"""One cluster of thousands: nothing that reads beside the passes, and no edit, ends the daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.bench.clusters import Clusters, clusters
from tests.process.conftest import Running, Stage, once, wait_until
from tests.process.test_monitoring import ask, free_port, top

MANY = 8_000
EDITS = 3


def read_and_edit(stage: Stage, port: int, is_over: Callable[[], bool]) -> None:
    """Edit the file, scrape and ask for the status in turn, and scrape on until it is over."""
    for number in range(EDITS):
        draft = stage.folder / "draft.yaml"
        text = stage.config.read_text()
        draft.write_text(re.sub(r"description: .*", f"description: edit {number}", text))
        draft.replace(stage.config)
        assert ask(port, "/metrics")[0] == 200
        assert stage.ask("status", "--output", "json").returncode == 0
    wait_until(lambda: ask(port, "/metrics")[0] == 200 and is_over(), "all have changed", 300)


def test_thousands_are_paused_and_resumed_while_all_is_read(stage: Stage) -> None:
    """8,000 repositories go through an opening and its end beside edits, `status` and scrapes."""
    port = free_port()
    with clusters(MANY, count=1) as served:
        stage.elsewhere.update(served.urls)
        night = once("night", -60, 3600, '{c0: ["*"]}', "    description: none\n")
        stage.write(night, top=top(port))
        daemon = stage.start()
        daemon.wait_for("config.applied")
        read_and_edit(stage, port, lambda: served.seen()[0].paused == MANY)
        stage.close_in(1)
        read_and_edit(stage, port, lambda: served.seen()[0].paused == 0)
        wait_until(lambda: not holds(stage), "nothing is held")
        code = daemon.stop()
        check(daemon, served)

    assert code == 0


def holds(stage: Stage) -> int:
    """Return how many repositories the ledger has as held."""
    return len(json.loads(stage.ask("status", "--output", "json").stdout)["holds"])


def check(daemon: Running, served: Clusters) -> None:
    """Check that nothing went wrong unsaid, and that each request has its line or was counted."""
    (seen,) = served.seen()
    logged = len(daemon.events("http.attempted"))
    dropped = sum(line["lines"] for line in daemon.events("log.dropped"))
    assert logged <= seen.requests <= logged + dropped
    assert len(seen.posts) == MANY
    assert not daemon.events("pass.crashed")
    assert not daemon.events("repository.failed")
    assert all(line.startswith(b"{") for line in daemon.raw)
