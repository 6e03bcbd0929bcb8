"""How the daemon starts, refuses, stops and outlives what is around it (promises 9, 10, 11)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.evil.server import EvilServer, answer
from tests.process.conftest import Stage, once, wait_until
from tests.process.test_monitoring import ask, free_port
from tests.process.test_notify import events_of, targets


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_keeps_its_holds(stage: Stage, number: signal.Signals) -> None:
    """Promise 11: SIGTERM and SIGINT end it with exit 0; what is held is resumed by the next."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")

    code = first.stop(number)
    after_stop = prod.state("orders")
    stage.close_in(-2)
    second = stage.start()
    second.wait_for("repository.resumed")
    second.stop()

    assert code == 0
    assert first.events("daemon.stopping")[0]["signal"] == number.name
    assert first.events("daemon.stopped")[0]["holds"] == 1
    assert after_stop == "paused"
    assert prod.state("orders") == "active"


def test_a_stop_waits_for_calls_in_flight(stage: Stage) -> None:
    """Promise 11: a call in flight ends and is logged before the daemon does; no new one starts."""
    prod = stage.simulate("prod", *(f"r{n}" for n in range(20)))
    prod.fail_next("POST", ".*", count=40, delay=1.0)
    stage.write(once("night", -60, 600), concurrency="2")
    daemon = stage.start()
    wait_until(lambda: any(r.method == "POST" for r in prod.requests), "the first POST")

    code = daemon.stop()
    sent = sum(request.method == "POST" for request in prod.requests)

    assert code == 0
    assert sent < 10


def test_a_second_daemon_is_refused(stage: Stage) -> None:
    """Promise 11: a second daemon on the same ledger exits 1 and names the first."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    first = stage.start()
    first.wait_for("config.applied")

    done = stage.ask("run")
    first.stop()

    assert done.returncode == 1
    assert f"pid {first.process.pid}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_ledger_of_a_newer_version_is_refused(stage: Stage) -> None:
    """A ledger that a newer version wrote is refused in one line and stays as it is."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    open_ledger(stage.ledger, Access.DAEMON).close()
    with sqlite3.connect(stage.folder / "ledger.db") as connection:
        connection.execute("update meta set value = '99' where name = 'schema_version'")
    connection.close()

    done = stage.ask("run")

    assert done.returncode == 1
    assert "version 99" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_ledger_that_cannot_be_written_is_refused(stage: Stage) -> None:
    """A ledger in a place that cannot be written ends the start with exit 1 and the place."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    (stage.folder / "ledger.db").mkdir()

    done = stage.ask("run")

    assert done.returncode == 1
    assert "ledger.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_ledger_resumes_nothing(stage: Stage) -> None:
    """Promise 6: a damaged ledger is set aside; what is found paused is left alone.

    Alerts and people are told: it was replaced before the daemon had anybody to tell.
    """
    port = free_port()
    prod = stage.simulate("prod", "orders")
    prod.pause("orders")
    with EvilServer((answer(),)) as hook:
        top = f"listen: 127.0.0.1:{port}\n{targets(stage, {'webhook': hook})}"
        stage.write(once("night", -60, 600), top=top)
        first = stage.start()
        first.wait_for("repository.left", reason="paused_elsewhere")
        first.kill()
        for companion in ("-wal", "-shm"):
            (stage.folder / f"ledger.db{companion}").unlink()
        (stage.folder / "ledger.db").write_bytes(os.urandom(8192))
        daemon = stage.start()

        daemon.wait_for("repository.left", reason="ledger_lost")
        daemon.wait_for("repository.left", reason="paused_elsewhere")
        _, metrics = ask(port, "/metrics")
        daemon.stop()

    (replaced,) = daemon.events("ledger.replaced")
    assert replaced["reason"] == "damaged"
    assert Path(replaced["damaged"]).exists()
    assert prod.state("orders") == "paused"
    assert 'cbmaintd_events_total{event="ledger.replaced"} 1.0' in metrics
    assert events_of(hook) == ["ledger.replaced"]


@pytest.mark.parametrize("is_emptied", [True, False])
def test_a_lost_ledger_is_reported(stage: Stage, *, is_emptied: bool) -> None:
    """Promise 6: with its ledger emptied or deleted, what is found paused is named, not resumed."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused", 2)
    first.kill()
    for companion in ("-wal", "-shm"):
        (stage.folder / f"ledger.db{companion}").unlink()
    if is_emptied:
        (stage.folder / "ledger.db").write_bytes(b"")
    else:
        (stage.folder / "ledger.db").unlink()
    stage.write(once("other", 3600, 7200))
    second = stage.start()

    second.wait_for("repository.left", 2, reason="ledger_lost")
    second.stop()

    assert second.events("ledger.replaced")[0]["reason"] == "missing"
    assert set(prod.states().values()) == {"paused"}


def test_a_ledger_deleted_in_use_loses_no_resume(stage: Stage) -> None:
    """Promise 2: whoever deletes the ledger under a daemon loses nothing, even over a crash."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    for file in stage.folder.glob("ledger.db*"):
        file.unlink()
    prod.create("tenant-new")
    first.wait_for("repository.paused", repository="tenant-new")
    first.kill()
    stage.write(once("other", 3600, 7200))
    second = stage.start()

    second.wait_for("repository.resumed", 2)
    second.stop()

    assert first.events("ledger.failed")
    assert first.events("ledger.recovered")
    assert set(prod.states().values()) == {"active"}


def test_a_ledger_deleted_in_use_forgets_no_cluster(stage: Stage) -> None:
    """Promise 2: what clusters hold survives a loss in a quiet hour, and a crash after that."""
    prod, other = stage.simulate("prod", "orders"), stage.simulate("test", "orders")
    stage.write(once("night", -60, 600, '{"*": ["*"]}'))
    first = stage.start()
    first.wait_for("repository.paused", 2)
    for file in stage.folder.glob("ledger.db*"):
        file.unlink()
    first.wait_for("ledger.recovered")
    first.kill()
    stage.write(once("other", 3600, 7200))
    second = stage.start()

    second.wait_for("repository.resumed", 2)
    second.stop()

    assert set((prod.states() | other.states()).values()) == {"active"}


def test_a_log_that_nobody_reads_stops_nothing(stage: Stage) -> None:
    """Promise 10: with its log pipe full and never read, the daemon pauses and resumes."""
    prod = stage.simulate("prod", *(f"r{n}" for n in range(300)))
    stage.write(once("night", -60, 600))
    command = stage.command("run", "--log-format", "json")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=stage.environ({}))

    wait_until(lambda: set(prod.states().values()) == {"paused"}, "all are paused")
    stage.write(once("night", 3600, 7200))
    wait_until(lambda: set(prod.states().values()) == {"active"}, "all are active")
    process.send_signal(signal.SIGTERM)
    code = process.wait(20)
    assert process.stderr is not None
    process.stderr.close()

    assert code == 0


def test_a_log_that_is_closed_stops_nothing(stage: Stage) -> None:
    """Promise 10: with the reader of its log gone, the daemon pauses and resumes."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    command = stage.command("run", "--log-format", "json")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=stage.environ({}))
    assert process.stderr is not None
    process.stderr.close()

    wait_until(lambda: prod.state("orders") == "paused", "it is paused")
    stage.write(once("night", 3600, 7200))
    wait_until(lambda: prod.state("orders") == "active", "it is active")
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
