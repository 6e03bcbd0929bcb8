"""What state shared between threads once broke, shown on the real process."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES
from tests.process.conftest import Stage, once, wait_until

NIGHT = once("night", -60, 3600, '{"*": ["*"]}')
STORM = 3000
IDS = ("a", "b", "c")


def test_a_rename_that_is_taken_back(stage: Stage) -> None:
    """Renamed and renamed back while a list takes long, a cluster keeps what it holds.

    Nothing is resumed in the middle of the window, and a repository that comes later is paused.
    """
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 3600, '{"*": ["*"]}'))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    text = stage.config.read_text()
    listed = len(prod.requests)
    prod.fail_next("GET", ".*", delay=1.5)
    wait_until(lambda: len(prod.requests) > listed, "a list is under way")

    for number, name in enumerate(("main", "prod"), start=2):
        stage.config.write_text(text.replace("  prod:\n", f"  {name}:\n"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("config.applied", number)
    prod.create("later")
    daemon.wait_for("repository.paused", cluster="prod", repository="later")

    assert daemon.stop() == 0
    assert set(prod.states().values()) == {"paused"}
    assert not daemon.events("repository.resumed")
    assert not daemon.events("pass.crashed")


@pytest.mark.parametrize("mode", ["never answers", "drips a body"])
def test_a_cluster_that_hangs_delays_no_other(stage: Stage, mode: str) -> None:
    """Nine clusters are paused and resumed while the tenth hangs; then it has its turn, too."""
    names = [f"c{number}" for number in range(9)]
    released = threading.Event()
    for name in (*names, "slow"):
        users = {"admin": (stage.password, "backup_admin")}
        simulator = stage.exits.enter_context(Simulator(IDS, users))
        stage.simulators[name] = simulator
    gateway = Gateway(
        stage.simulators["slow"].url, lambda _: None if released.is_set() else MODES[mode]
    )
    stage.special["slow"] = {"url": stage.exits.enter_context(gateway).url}
    stage.write(once("nine", -60, 3600, '{"c*": ["*"]}') + once("last", -60, 3600, '{slow: ["*"]}'))
    daemon = stage.start()

    daemon.wait_for("repository.paused", len(names) * len(IDS))
    stage.close_in(1, "nine")
    daemon.wait_for("repository.resumed", len(names) * len(IDS))
    daemon.wait_for("cluster.unreachable", cluster="slow")
    told_of_slow = [
        line
        for event in ("repository.paused", "repository.resumed")
        for line in daemon.events(event, cluster="slow")
    ]
    released.set()
    daemon.wait_for("repository.paused", len(IDS), cluster="slow")
    stage.close_in(1, "last")
    daemon.wait_for("repository.resumed", len(IDS), cluster="slow")

    assert daemon.stop() == 0
    assert told_of_slow == []
    states = {state for each in stage.simulators.values() for state in each.states().values()}
    assert states == {"active"}
    assert not daemon.events("pass.crashed")


class Counting(Simulator):
    """Counts how many requests are under way at the same time."""

    under_way = most = 0
    turn = threading.Lock()

    def answer(self, handler: Any) -> Any:
        """Answer, and count meanwhile."""
        with self.turn:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            return super().answer(handler)
        finally:
            with self.turn:
                self.under_way -= 1


def test_no_more_calls_at_once_than_allowed(stage: Stage) -> None:
    """With `concurrency: 1` the looks that verify wait between the POSTs, which go on slowly."""
    prod = stage.simulate("prod", *IDS, "d", kind=Counting, latency=timedelta(seconds=1.2))
    stage.write(once("night", -60, 3600), concurrency="1")
    daemon = stage.start()
    daemon.wait_for("repository.paused", 4)
    daemon.stop()

    assert isinstance(prod, Counting)
    assert prod.most == 1
    methods = [request.method for request in prod.requests]
    assert "GET" in methods[methods.index("POST") : -methods[::-1].index("POST")]


def test_a_stop_ends_looking(stage: Stage) -> None:
    """After SIGTERM what was accepted is looked for once at most, and nothing new is sent."""
    stage.simulate("prod", *IDS, effect_delay=timedelta(hours=1))
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    # It looks again and again for the effects by now.
    daemon.wait_for("http.attempted", len(IDS), action="pause", outcome="ok")
    daemon.wait_for("http.attempted", 3, action="list", outcome="ok")
    code = daemon.stop()

    events = [line["event"] for line in daemon.lines]
    after = daemon.lines[events.index("daemon.stopping") :]
    attempts = [line["action"] for line in after if line["event"] == "http.attempted"]
    # The look under way, and another one for all that it did not show.
    assert attempts in ([], ["list"], ["list", "list"])
    assert (code, daemon.events("daemon.stopped")[0]["holds"]) == (0, len(IDS))


def test_what_was_paused_elsewhere_is_handed_over_once(stage: Stage) -> None:
    """A cluster dies holding two; its name is pointed at another one, and no pass ever crashes."""
    dead, other = stage.simulate("prod", "orders", "archive"), stage.simulate("spare", "else")
    stage.write(once("night", -60, 3600, '{prod: ["*"]}'))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 2)
    daemon.wait_for_answers("prod")
    address = dead.url
    dead.stop()

    del stage.simulators["spare"]
    stage.simulators["prod"] = other
    stage.write(once("over", -7200, -3600, '{prod: ["*"]}'))
    daemon.wait_for("config.applied", 2)
    daemon.wait_for("cluster.unreachable", cluster=f"prod at {address}")
    daemon.wait_for("http.attempted", 5, cluster=f"prod at {address}")

    assert daemon.stop() == 0
    assert not daemon.events("pass.crashed")
    assert daemon.events("daemon.stopped")[0]["holds"] == 2


def test_a_locked_ledger_delays_all_resumes_together(stage: Stage) -> None:
    """Somebody's forgotten transaction on the file holds the resumes up by two seconds, not more.

    Not cluster by cluster, either, and the daemon counts as alive meanwhile.
    """
    names = [f"c{number}" for number in range(6)]
    for name in names:
        stage.simulate(name, "orders")
    stage.write(NIGHT)
    daemon = stage.start()
    daemon.wait_for("repository.paused", len(names))

    with closing(sqlite3.connect(stage.folder / "ledger.db", isolation_level=None)) as forgotten:
        forgotten.execute("BEGIN IMMEDIATE")
        stage.close_in(3)
        daemon.wait_for("repository.resumed", len(names))
        forgotten.execute("ROLLBACK")
    daemon.wait_for("ledger.recovered")

    late = [line["after_ms"] for line in daemon.events("repository.resumed")]
    assert daemon.stop() == 0
    assert max(late) < 2_000 + 2_000  # the bound of the contract, and a busy machine


def test_a_storm_of_signals(stage: Stage) -> None:
    """Thousands of SIGHUPs, one a millisecond, and then SIGTERM: it stops, and keeps its holds."""
    stage.simulate("prod", "orders")
    stage.write(NIGHT)
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    for _ in range(STORM):
        os.kill(daemon.process.pid, signal.SIGHUP)
        time.sleep(0.001)
    began = time.monotonic()
    code = daemon.stop()

    assert code == 0
    assert time.monotonic() - began < 30
    assert daemon.events("daemon.stopped")[0]["holds"] == 1


@pytest.mark.parametrize("after_s", [0.02, 0.1, 0.3])
def test_a_stop_at_any_moment_of_a_start(stage: Stage, after_s: float) -> None:
    """SIGTERM while it starts ends it with 0 as soon as it can hear it, and holds are kept."""
    stage.simulate("prod", "orders")
    stage.write(NIGHT)
    first = stage.start()
    first.wait_for("repository.paused")
    first.stop()
    second = stage.start()
    handled = Path(f"/proc/{second.process.pid}/status")
    # While it reads its file a stop ends it without a word, and a SIGHUP is ignored.
    hup = 1 << (signal.SIGHUP - 1)

    def listens() -> bool:
        caught = handled.read_text().partition("SigCgt:\t")[2].split("\n")[0]
        return bool(int(caught or "0", 16) & hup)

    wait_until(listens, "it hears signals")
    time.sleep(after_s)

    assert second.stop() == 0
    assert second.events("daemon.stopped")[0]["holds"] == 1
