"""What people decide while the daemon runs: `open`, `close`, `extend` and `skip`."""

from __future__ import annotations

import json

from tests.process.conftest import Stage, once, wait_until


def test_an_unplanned_window_from_open_to_close(stage: Stage) -> None:
    """`open --wait` ends when all is paused, a restart keeps the window, `close` ends it."""
    prod = stage.simulate("prod", "orders", "tenant-a", "archive")
    prod.pause("archive")
    stage.write(once("later", 3600, 7200))
    first = stage.start()
    first.wait_for("config.applied")

    opened = stage.ask("open", "patch", "--repository", "prod/*", "--for", "1h", "--wait")
    while_open = prod.states()
    first.kill()
    second = stage.start()
    second.wait_for("window.opened", window="patch")
    closed = stage.ask("close", "patch", "--reason", "done")
    second.wait_for("repository.resumed", 2)
    history = json.loads(stage.ask("history", "--output", "json").stdout)
    second.stop()

    assert opened.returncode == 0
    assert "2 paused: prod/orders, prod/tenant-a" in opened.stdout
    assert set(while_open.values()) == {"paused"}
    assert closed.returncode == 0
    assert second.events("window.changed", change="close")[0]["reason"] == "done"
    assert second.events("window.closed", window="patch")
    assert prod.states() == {"orders": "active", "tenant-a": "active", "archive": "paused"}
    actions = [event["action"] for event in history]
    assert actions == ["open", "pause", "pause", "close", "resume", "resume"]


def test_a_planned_window_is_extended_and_another_skipped(stage: Stage) -> None:
    """`extend` keeps an opening beyond its end, `skip` keeps another from beginning."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    night = once("night", -60, 600, "{prod: [orders]}")
    stage.write(night)
    daemon = stage.start()
    daemon.wait_for("repository.paused", repository="orders")
    stage.write(night + once("patch", 19, 60, "{prod: [tenant-a]}"))
    stage.close_in(20, "night")
    daemon.wait_for("config.applied", 2)

    skipped = stage.ask("skip", "patch")
    extended = stage.ask("extend", "night", "--for", "2s")
    closed = daemon.wait_for("window.closed", window="night")[0]
    daemon.wait_for("repository.resumed", repository="orders")
    daemon.stop()

    assert (skipped.returncode, extended.returncode) == (0, 0)
    assert closed["end"] == daemon.events("window.changed", change="extend")[0]["end"]
    assert not daemon.events("window.opened", window="patch")
    assert not daemon.events("http.attempted", repository="tenant-a")
    assert set(prod.states().values()) == {"active"}


def test_a_planned_window_is_opened_by_hand_and_a_skip_taken_back(stage: Stage) -> None:
    """`open NAME` pauses what the file's window is for; what is unskipped opens at its time."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    stage.write(once("later", 3600, 7200, "{prod: [orders]}"))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    skipped = stage.ask("skip", "later")
    back = stage.ask("unskip", "later")
    opened = stage.ask("open", "later", "--for", "1h", "--wait")
    while_open = prod.states()
    closed = stage.ask("close", "later")
    daemon.wait_for("repository.resumed", repository="orders")
    daemon.stop()

    assert (skipped.returncode, back.returncode, closed.returncode) == (0, 0, 0)
    assert (opened.returncode, opened.stderr) == (0, "")
    assert while_open == {"orders": "paused", "tenant-a": "active"}
    changes = [event["change"] for event in daemon.events("window.changed")]
    assert changes == ["skip", "unskip", "open", "close"]


def test_waiting_names_what_is_not_paused(stage: Stage) -> None:
    """`open --wait` exits 1 and names what the cluster does not have; paused is paused."""
    prod = stage.simulate("prod", "orders", "archive")
    prod.pause("archive")
    stage.write(once("later", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    done = stage.ask(
        *("open", "patch", "--wait", "--for", "4s"),
        *("--repository", "prod/orders", "prod/archive", "prod/gone"),
    )
    wait_until(lambda: prod.state("orders") == "active", "the window is over")
    daemon.stop()

    assert done.returncode == 1
    assert "not paused: prod/gone (the cluster has no such repository)" in done.stderr
    assert prod.state("archive") == "paused"
