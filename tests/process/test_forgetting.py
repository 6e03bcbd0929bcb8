"""What a daemon that runs for years does about its history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.process.conftest import Stage, once
from tests.unit.ledger.ledger_samples import sent


def test_history_older_than_asked_for_is_deleted(stage: Stage) -> None:
    """Attempts older than `keep_history` are deleted by the daemon; younger ones stay."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200), top="resync: 1s\nkeep_history: 30d\n")
    with open_ledger(stage.ledger, Access.DAEMON) as ledger:
        now = datetime.now(UTC)
        ledger.save([], [sent(now - timedelta(days=age)) for age in (40, 31, 29)])

    daemon = stage.start()
    daemon.wait_for("http.attempted", action="list")
    daemon.stop()
    kept = stage.ask("history", "--since", "100d", "--output", "json").stdout

    assert len(json.loads(kept)) == 1
