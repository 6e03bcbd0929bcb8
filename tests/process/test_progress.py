"""How far an opening is, with a cluster that does not answer: said everywhere, and the same."""

from __future__ import annotations

import json
import re

from tests.process.conftest import Stage, once, wait_until
from tests.process.test_monitoring import ask, free_port, top

BOTH = '{prod: ["*"], dr: ["*"]}'


def metrics(port: int) -> dict[str, float]:
    """Return the series of a scrape; each is there once."""
    found = [line.rpartition(" ") for line in ask(port, "/metrics")[1].splitlines()]
    series = [(name, float(value)) for name, _, value in found if not name.startswith("#")]
    assert len(dict(series)) == len(series)
    return dict(series)


def test_an_outage_is_told_until_it_is_over(stage: Stage) -> None:
    """A cluster that never answered is pending, for status, wait and metrics; then it is paused."""
    port, lost = free_port(), free_port()
    stage.simulate("prod", "orders", "tenant-a")
    stage.elsewhere["dr"] = f"http://127.0.0.1:{lost}"
    stage.write(once("outage", -60, 600, BOTH), top=top(port))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 2)
    opened = daemon.wait_for("window.opened")[0]

    def is_noted() -> bool:
        document = json.loads(stage.ask("status", "--output", "json").stdout)
        return "refused" in json.dumps(document["open"])

    wait_until(is_noted, "the outage is in the ledger")
    (document,) = json.loads(stage.ask("status", "--output", "json").stdout)["open"]
    text, code = stage.ask("status").stdout, stage.ask("status", "--exit-code").returncode
    during = metrics(port)
    waited = stage.ask("wait", "outage", "--timeout", "1s")
    dr = stage.simulate("dr", "archive", port=lost)
    later = stage.ask("wait", "outage", "--timeout", "60s")
    after = metrics(port)
    well = stage.ask("status", "--exit-code")
    closed = stage.ask("close", "outage", "--wait")
    said = daemon.wait_for("window.closed")[0]
    history = json.loads(stage.ask("history", "--openings", "--output", "json").stdout)
    ticket = stage.ask("history", "--openings").stdout
    daemon.stop()

    assert (opened["repositories"], opened["unanswered"]) == (2, ["dr"])
    pending = [{"cluster": "dr", "repository": None, "why": "dr does not answer (refused)"}]
    assert document["repositories"] == {"wanted": 2, "paused": 2, "pending": pending}
    assert re.search(r"outage +open +2 of 2 paused; dr does not answer", text)
    assert (code, well.returncode) == (1, 0)
    assert during['cbmaintd_repositories_pending{cluster="dr"}'] == 1
    assert during['cbmaintd_repositories_pending{cluster="prod"}'] == 0
    assert during['cbmaintd_cluster_up{cluster="dr"}'] == 0
    assert during['cbmaintd_window_open{window="outage"}'] == 1
    assert (waited.returncode, later.returncode, closed.returncode) == (1, 0, 0)
    assert "not paused: dr (dr does not answer (refused))" in waited.stderr
    assert "3 paused: dr/archive, prod/orders, prod/tenant-a" in later.stdout
    assert after['cbmaintd_repositories_wanted{cluster="dr"}'] == 1
    assert after['cbmaintd_repositories_pending{cluster="dr"}'] == 0
    assert "3 resumed: dr/archive, prod/orders, prod/tenant-a" in closed.stdout
    assert dr.state("archive") == "active"
    counts = {"wanted": 3, "paused": 3, "failed": 0, "resumed": 3}
    assert {key: said[key] for key in counts} == counts
    (entry,) = history
    assert {key: entry[key] for key in counts} == counts
    assert entry["window"] == "outage"
    assert entry["paused_after_ms"] > 0
    assert "3 of 3 paused in " in ticket
    assert "3 of 3 resumed in " in ticket


def test_an_outage_from_the_first_to_the_last_moment(stage: Stage) -> None:
    """An opening that passed without an answer is in the log, and in the history, as failed."""
    stage.elsewhere["dr"] = f"http://127.0.0.1:{free_port()}"
    stage.write(once("outage", -60, 600, '{dr: ["*", orders]}'))
    daemon = stage.start()
    opened = daemon.wait_for("window.opened")[0]
    daemon.wait_for("cluster.unreachable")
    closed = stage.ask("close", "outage")
    said = daemon.wait_for("window.closed")[0]
    failed = stage.ask("history", "--failed").stdout
    ticket = stage.ask("history", "--openings").stdout
    daemon.stop()

    assert closed.returncode == 0
    assert opened["repositories"] == 1
    assert (said["wanted"], said["paused"], said["failed"], said["resumed"]) == (1, 0, 1, 0)
    assert "not all was paused for outage: cbmaintd history --openings" in failed
    assert "0 of 1 paused" in ticket
    assert "no list of dr" in ticket


def test_what_was_listed_is_known_when_it_is_down(stage: Stage) -> None:
    """What the last list had counts in an opening that finds the cluster down after a start."""
    prod = stage.simulate("prod", "orders", "tenant-a", "archive")
    stage.write(once("later", 3600, 7200))
    first = stage.start()
    first.wait_for("http.attempted", action="list", outcome="ok")
    first.stop()
    stage.write(once("night", -60, 600, '{prod: ["*", "!archive"]}'))
    prod.stop()
    second = stage.start()

    opened = second.wait_for("window.opened")[0]
    second.wait_for("cluster.unreachable")
    (document,) = json.loads(stage.ask("status", "--output", "json").stdout)["open"]
    second.stop()

    assert (opened["repositories"], opened["unanswered"]) == (2, ["prod"])
    assert document["repositories"]["wanted"] == 2
    names = [each["repository"] for each in document["repositories"]["pending"]]
    assert names == ["orders", "tenant-a"]
