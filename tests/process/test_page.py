"""The page of the real daemon: before, during and after an opening, and the same for programs."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

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
    assert re.search(r"open patch until [A-Za-z0-9: ]+, by ", during)
    assert "a &lt;b&gt;kernel" in during
    assert "2 of 2 paused" in window
    for each in ("open", "next", "holds"):
        assert document[each] == told[each]
    assert document["daemon"] == told["daemon"] | {"since": document["daemon"]["since"]}
    assert "resume prod /orders" in after
    assert "schedules.yaml:1" in rejected


def test_programs_are_told_what_status_tells(stage: Stage) -> None:
    """The whole document is that of `status`: holds in order, what is skipped, who is silent."""
    port = free_port()
    stage.simulate("prod", "z", "a", "m")
    stage.elsewhere = {"gone-b": f"http://127.0.0.1:{free_port()}"}
    stage.elsewhere["gone-a"] = stage.elsewhere["gone-b"]
    stage.write(
        once("night", -60, 3600, repositories='{prod: ["*"], gone-a: ["*"], gone-b: ["x"]}')
        + once("later", 7200, 9000)
        + once("last", 9000, 9900),
        top=top(port),
    )
    daemon = stage.start()
    daemon.wait_for("repository.paused", 3)
    daemon.wait_for("cluster.unreachable", 2)
    stage.ask("skip", "later", "--reason", "no")
    told: dict[str, Any] = {}
    shown: dict[str, Any] = {}

    def is_equal() -> bool:
        told.update(json.loads(stage.ask("status", "--output", "json").stdout))
        shown.update(json.loads(ask(port, "/status.json")[1]))
        # The daemon says when it began, its ledger when it took the lock.
        shown["daemon"]["since"] = told["daemon"]["since"]
        return told == shown

    with suppress(AssertionError):
        wait_until(is_equal, "both to say the same", 30)
    daemon.stop()

    assert shown == told
    assert [hold["repository"] for hold in told["holds"]] == ["a", "m", "z"]
    assert [each["window"] for each in told["skipped"]] == ["later"]
    assert [each["cluster"] for each in told["clusters"]] == ["gone-a", "gone-b"]
