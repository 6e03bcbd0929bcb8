"""`cbmaintd release` on real clusters: what a daemon held when it was killed is resumed by hand."""

from __future__ import annotations

import json
import signal
import subprocess

from daemon.core.record import Record
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.process.conftest import PATIENCE_S, Running, Stage, once, wait_until


def held(stage: Stage) -> set[str]:
    """Name what the ledger says is held."""
    return {str(record.key) for record in records(stage) if record.is_hold}


def records(stage: Stage) -> list[Record]:
    """Read the ledger's records."""
    with open_ledger(stage.ledger, Access.READ) as ledger:
        return ledger.records()


def left_behind(stage: Stage, count: int, window: str = "") -> Running:
    """Let a daemon pause *count* repositories in an open window, and kill it."""
    stage.write(window or once("night", -60, 3600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", count)
    daemon.kill()
    return daemon


def test_everything_is_resumed_and_nothing_else(stage: Stage) -> None:
    """All that was held is active again, what a person paused is not; a second time says so."""
    prod = stage.simulate("prod", "orders", "tenant-a", "archive")
    prod.pause("archive")
    left_behind(stage, 2)
    requests = len(prod.requests)

    ended = stage.ask("release")
    again = stage.ask("release")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert prod.states() == {"orders": "active", "tenant-a": "active", "archive": "paused"}
    assert [line.split() for line in ended.stdout.splitlines()[:3]] == [
        ["REPOSITORY", "RESULT"],
        ["prod/orders", "resumed"],
        ["prod/tenant-a", "resumed"],
    ]
    assert "Open now: night." in ended.stdout
    assert "prod/orders, prod/tenant-a again" in " ".join(ended.stdout.split())
    assert records(stage) == []
    posts = [r.path for r in prod.requests[requests:] if r.method == "POST"]
    assert sorted(path.split("/")[-2] for path in posts) == ["orders", "tenant-a"]
    assert (again.returncode, again.stdout, again.stderr) == (0, "Nothing is held.\n", "")


def test_a_running_daemon_is_not_disturbed(stage: Stage) -> None:
    """While a daemon runs on the ledger it is named, with code 1, and nothing is resumed."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    ended = stage.ask("release")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"by pid {daemon.process.pid} on " in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert prod.state("orders") == "paused"


def test_only_what_was_asked_for(stage: Stage) -> None:
    """With `--repository` the rest stays held; a pattern that matches no hold names those."""
    prod = stage.simulate("prod", "orders", "tenant-a", "tenant-b")
    left_behind(stage, 3)

    ended = stage.ask("release", "--repository", "p*/tenant-*")
    missed = stage.ask("release", "--repository", "prod/tenant-*")

    assert ended.returncode == 0
    assert prod.states() == {"orders": "paused", "tenant-a": "active", "tenant-b": "active"}
    assert held(stage) == {"prod/orders"}
    assert missed.returncode == 2
    assert "held: prod/orders" in missed.stderr


def test_a_dead_cluster_beside_a_good_one(stage: Stage) -> None:
    """The good one is resumed; the dead one is named with its error, and stays held."""
    prod, test = stage.simulate("prod", "orders"), stage.simulate("test", "scratch")
    left_behind(stage, 2, once("night", -60, 3600, "{prod: [orders], test: [scratch]}"))
    test.stop()

    ended = stage.ask("release")

    assert ended.returncode == 1
    assert prod.state("orders") == "active"
    assert held(stage) == {"test/scratch"}
    assert "test/scratch failed: refused: " in " ".join(ended.stdout.split())
    assert "1 of 2 could not be released, on test;" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert stage.password not in ended.stdout + ended.stderr


def test_the_ledger_alone_is_enough(stage: Stage) -> None:
    """With an invalid file, and with none, clusters are spoken to as when they were in force."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    left_behind(stage, 2)
    stage.config.write_text("clusters: 7\n")
    invalid = stage.ask("release", "--repository", "prod/orders")
    stage.config.unlink()

    missing = stage.ask("release")

    assert (invalid.returncode, missing.returncode) == (0, 0)
    assert set(prod.states().values()) == {"active"}
    assert records(stage) == []


def test_attempts_are_in_the_ledger(stage: Stage) -> None:
    """What was sent stands in the history, retries included; between two windows none is open."""
    prod = stage.simulate("prod", "orders")
    left_behind(stage, 1)
    windows = once("night", -60, -5) + once("later", 1800, 3600)
    stage.write(windows, top="resync: 1s\nmerge_gap: 2h\n")
    prod.fail_next("POST", "/resume$", status=503)

    ended = stage.ask("release")

    assert ended.returncode == 0
    assert "Open now" not in ended.stdout
    history = json.loads(stage.ask("history", "--output", "json").stdout)
    resumes = [line for line in history if line["action"] == "resume"]
    assert [(line["attempt"], line["status"]) for line in resumes] == [(1, 503), (2, 200)]


def test_what_is_gone_or_active_already(stage: Stage) -> None:
    """A deleted repository needs two looks; one that a person resumed needs no call."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    left_behind(stage, 2)
    prod.resume("orders")
    prod.delete("tenant-a")
    posts = sum(request.method == "POST" for request in prod.requests)

    ended = stage.ask("release")

    assert (ended.returncode, ended.stderr) == (0, "")
    words = " ".join(ended.stdout.split())
    assert "prod/orders active already prod/tenant-a gone" in words
    assert sum(request.method == "POST" for request in prod.requests) == posts
    assert [record for record in records(stage) if record.is_hold] == []


def test_an_interrupt_keeps_the_books(stage: Stage) -> None:
    """Ctrl-C in a call that hangs ends with 130; the call and what it may have done are kept."""
    prod = stage.simulate("prod", "orders")
    left_behind(stage, 1)
    prod.fail_next("POST", "/resume$", delay=60.0)
    number = sum(request.method == "POST" for request in prod.requests) + 1
    release = subprocess.Popen(
        stage.command("release"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=stage.folder,
        env=stage.environ({}),
    )
    wait_until(
        lambda: sum(request.method == "POST" for request in prod.requests) == number, "the call"
    )

    release.send_signal(signal.SIGINT)
    out, err = release.communicate(timeout=PATIENCE_S)

    assert (release.returncode, err) == (130, "cbmaintd: interrupted\n")
    assert "prod/orders" in out
    (record,) = records(stage)
    assert record.is_hold
    assert record.suspect_resume
    assert sum(request.method == "POST" for request in prod.requests) == number
    history = json.loads(stage.ask("history", "--output", "json").stdout)
    resumes = [line for line in history if line["action"] == "resume"]
    assert [(line["attempt"], line["error"]) for line in resumes] == [(1, "timeout")]


def test_a_lost_pause_is_told(stage: Stage) -> None:
    """A daemon killed in the middle of a pause leaves a doubt: it is told, with its end."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    prod.on_request("before", "POST", 1, daemon.process.kill)
    wait_until(lambda: daemon.process.poll() is not None, "it is dead")
    daemon.kill()
    wait_until(lambda: prod.state("orders") == "paused", "the pause lands")

    ended = stage.ask("release")

    assert (ended.returncode, ended.stderr) == (0, "")
    words = " ".join(ended.stdout.split())
    assert "prod/orders resumed A lost call may still pause prod/orders until " in words
    assert "run cbmaintd release again" in words
    assert prod.state("orders") == "active"
    assert [(record.is_hold, bool(record.suspect_pause)) for record in records(stage)] == [
        (False, True)
    ]


def test_a_full_disk_stops_no_release(stage: Stage) -> None:
    """Where nothing can be written all is resumed, and that the ledger does not know is told."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    daemon.wait_for("repository.paused")
    daemon.stop()
    daemon.was_killed = True  # the requests of another command are not in its log
    limited = ["/bin/sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", *stage.command("release")]

    ended = subprocess.run(
        limited,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=stage.folder,
        env=stage.environ({}),
    )

    assert prod.state("orders") == "active"
    assert "prod/orders resumed" in " ".join(ended.stdout.split())
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "cbmaintd: everything is resumed, but the ledger could not record it: "
    )
    assert len(ended.stderr.splitlines()) == 1
    assert held(stage) == {"prod/orders"}
