"""An Alertmanager that the real daemon has silent while a window is open."""

from __future__ import annotations

from datetime import datetime

from tests.host.alertmanager import needs_alertmanager, server
from tests.process.conftest import Stage, once, wait_until


@needs_alertmanager
def test_alerts_are_silenced_while_a_window_is_open(stage: Stage) -> None:
    """A silence comes with the opening, survives a kill as one, moves with the end, and expires."""
    stage.simulate("prod", "orders")
    with server(stage.folder) as alertmanager:
        stage.keep_password(alertmanager.url, "am.url")
        am = "resync: 1s\nnotify:\n  - {alertmanager: {file: am.url}, matchers: [job=couchbase]}\n"
        stage.write(once("night", -60, 600), top=am)
        first = stage.start()
        wait_until(lambda: len(alertmanager.silences()) == 1, "the alerts are silenced")
        (begun,) = alertmanager.silences()
        first.kill()

        second = stage.start()
        second.wait_for("notification.sent", events=["silence.wanted"])
        (kept,) = alertmanager.silences()
        stage.ask("extend", "night", "--for", "1h")
        second.wait_for("notification.sent", 2, events=["silence.wanted"])
        (extended,) = alertmanager.silences()
        second.kill()
        stage.ask("close", "night")
        third = stage.start()
        wait_until(lambda: alertmanager.silences() == [], "nothing is silenced any more")
        third.stop()

    moved = datetime.fromisoformat(extended["endsAt"]) - datetime.fromisoformat(begun["endsAt"])
    assert begun["id"] == kept["id"] == extended["id"]
    assert begun["comment"].startswith("maintenance window night is open; made on ")
    assert moved.total_seconds() == 3600
