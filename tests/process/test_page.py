"""The page of the real daemon: before, during and after an opening, and the same for programs."""

from __future__ import annotations

import json
import re

from tests.process.conftest import Stage, once, wait_until
from tests.process.test_monitoring import ask, free_port, top


def text_at(port: int, path: str = "/") -> str:
    """Return what a person reads at an address, in one line."""
    status, html = ask(port, path)
    assert status == 200
    html = re.sub(r'<span class="unseen">.*?</span>', "", html)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_it_follows_an_opening(stage: Stage) -> None:
    """It says that nothing is open, how far it is, who decided and what was done; then the end."""
    port = free_port()
    stage.simulate("prod", "orders", "archive")
    stage.write(once("night", 3600, 7200), top=top(port))
    daemon = stage.start()
    daemon.wait_for("http.attempted", action="list")
    before = text_at(port)

    stage.ask("open", "patch", "--repository", "prod/*", "--for", "1h", "--reason", "a <b>kernel")
    daemon.wait_for("repository.paused", 2)
    wait_until(lambda: "Everything is paused: 2 of 2." in text_at(port), "the page says it")
    during, window = text_at(port), text_at(port, "/windows/patch")
    document = json.loads(ask(port, "/status.json")[1])
    told = json.loads(stage.ask("status", "--output", "json").stdout)
    stage.ask("close", "patch", "--wait")
    wait_until(lambda: "No window is open." in text_at(port), "the page says it")
    after = text_at(port)
    (stage.config).write_text("windows: 1\n")
    daemon.wait_for("config.rejected")
    wait_until(lambda: "The file was rejected" in text_at(port), "the page says it")
    rejected = text_at(port)
    daemon.stop()

    assert "No window is open." in before
    assert "prod ✓ answers" in before
    assert "open patch by" in during
    assert "a &lt;b&gt;kernel" in during
    assert "2 of 2 paused" in window
    for each in ("open", "next", "holds"):
        assert document[each] == told[each]
    assert document["daemon"] == told["daemon"] | {"since": document["daemon"]["since"]}
    assert "resume prod /orders" in after
    assert "schedules.yaml:1" in rejected
