"""Windows that open and close on real clusters, seen from outside: promises 1, 2, 3, 6 and 7."""

from __future__ import annotations

import socket
from datetime import datetime

from tests.process.conftest import Stage, once, wait_until


def paused(stage: Stage, cluster: str) -> set[str]:
    """Name the repositories that are paused on a simulator now."""
    simulator = stage.simulators[cluster]
    return {id_ for id_, state in simulator.states().items() if state == "paused"}


def test_two_clusters_through_two_windows(stage: Stage) -> None:
    """Promises 1, 2 and 3: overlapping windows hold what their globs match, once and to the end.

    `archive` was paused by somebody else before, `tenant-demo` is taken away by `!`, `tenant-new`
    is created during the window and `tenant-old` is deleted in it.
    """
    prod = stage.simulate("prod", "orders", "tenant-a", "tenant-demo", "tenant-old", "archive")
    stage.simulate("test", "orders", "scratch")
    prod.pause("archive")
    early = '{prod: ["tenant-*", "!tenant-demo", archive], test: [orders]}'
    late = "{prod: [orders, tenant-a]}"
    stage.write(once("early", 600, 900, early) + once("late", 600, 900, late))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    opened = once("early", 2, 600, early)
    stage.write(opened + once("late", 600, 900, late))
    daemon.wait_for("repository.paused", 3)
    assert paused(stage, "prod") == {"tenant-a", "tenant-old", "archive"}
    assert paused(stage, "test") == {"orders"}
    prod.create("tenant-new")
    prod.delete("tenant-old")
    daemon.wait_for("repository.paused", repository="tenant-new")
    stage.write(opened + once("late", 2, 600, late))
    daemon.wait_for("repository.paused", repository="orders", cluster="prod")
    stage.close_in(2)
    daemon.wait_for("window.closed", window="early")
    daemon.wait_for("repository.resumed", repository="tenant-new")
    assert "tenant-a" in paused(stage, "prod")
    stage.close_in(2, "late")
    daemon.wait_for("window.closed", window="late")
    daemon.wait_for("repository.resumed", repository="tenant-a")
    daemon.wait_for("repository.resumed", repository="orders", cluster="prod")
    daemon.wait_for("repository.resumed", repository="orders", cluster="test")
    daemon.wait_for("repository.left", repository="tenant-old", reason="gone")

    assert daemon.stop() == 0
    assert daemon.events("daemon.stopped")[0]["holds"] == 0
    assert paused(stage, "prod") == {"archive"}
    assert paused(stage, "test") == set()
    assert len(daemon.events("repository.paused", repository="tenant-a")) == 1
    assert len(daemon.events("http.attempted", repository="tenant-a", action="pause")) == 1
    assert len(daemon.events("http.attempted", repository="tenant-a", action="resume")) == 1
    assert not daemon.events("http.attempted", repository="archive")
    assert not daemon.events("http.attempted", repository="tenant-demo")
    left = daemon.events("repository.left", repository="archive")
    assert [line["reason"] for line in left] == ["paused_elsewhere"]
    assert [line["window"] for line in daemon.events("window.opened")] == ["early", "late"]


def test_a_person_wins(stage: Stage) -> None:
    """Promise 6: with `report` a repository that a person resumes is left alone for the opening."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 2)

    prod.resume("orders")
    drifted = daemon.wait_for("repository.drifted", repository="orders")
    stage.close_in(2)
    daemon.wait_for("repository.resumed", repository="tenant-a")
    daemon.stop()

    assert drifted[0]["observed"] == "active"
    assert len(daemon.events("http.attempted", repository="orders")) == 1


def test_a_window_that_enforces(stage: Stage) -> None:
    """Promise 6: with `enforce` a repository that a person resumes is paused again."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600, more="    on_drift: enforce\n"))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    prod.resume("orders")
    daemon.wait_for("repository.drifted")
    daemon.wait_for("repository.paused", 2)
    stage.close_in(2)
    daemon.wait_for("repository.resumed")

    assert paused(stage, "prod") == set()


def test_a_hanging_cluster_delays_no_other(stage: Stage) -> None:
    """Promise 7: while one cluster has not answered yet, the other is paused and resumed."""
    dead = stage.simulate("dead", "orders")
    stage.simulate("prod", "orders")
    dead.fail_next("GET", ".*", count=100, delay=300.0)
    limits = {"timeout": "{connect: 5s, read: 100s, total: 100s}", "retry": "{attempts: 1}"}
    stage.special["dead"] = limits
    stage.write(once("night", -60, 600, '{"*": ["*"]}'))
    daemon = stage.start()

    daemon.wait_for("repository.paused", cluster="prod")
    stage.close_in(1)
    daemon.wait_for("repository.resumed", cluster="prod")

    assert [request.method for request in dead.requests] == ["GET"]
    assert not daemon.events("http.attempted", cluster="dead")


def test_a_pause_without_effect_is_not_believed(stage: Stage) -> None:
    """Promise 5: a 200 that has no effect is a failure after ten seconds, and is sent again."""
    prod = stage.simulate("prod", "orders")
    prod.fail_next("POST", ".*/pause", ignore=True)
    stage.write(once("night", -60, 600))
    daemon = stage.start()

    failed = daemon.wait_for("repository.failed", error="unverified")
    daemon.wait_for("repository.paused")
    daemon.stop()

    assert failed[0]["action"] == "pause"
    assert len(daemon.events("http.attempted", action="pause", outcome="ok")) == 2


def test_a_lost_answer_leads_to_a_resume(stage: Stage) -> None:
    """Promise 4: a pause that was applied but never answered is ours, and is resumed."""
    prod = stage.simulate("prod", "orders")
    prod.fail_next("POST", ".*/pause", count=3, apply_then_reset=True)
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    wait_until(lambda: prod.state("orders") == "paused", "the pause is applied")

    stage.close_in(2)
    daemon.wait_for("repository.resumed")
    daemon.stop()

    assert paused(stage, "prod") == set()


def test_missed_backups_start_in_turn(stage: Stage) -> None:
    """`catch_up` starts one backup for each repository after its resume, one after the other."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    stage.write(once("night", -60, 600, more="    catch_up: always\n"))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 2)

    stage.close_in(2)
    daemon.wait_for("http.attempted", 2, action="backup")
    daemon.stop()
    wait_until(lambda: set(prod.states().values()) == {"active"}, "all are active")
    first, second = daemon.events("http.attempted", action="backup")

    assert [first["outcome"], second["outcome"]] == ["ok", "ok"]
    assert {first["repository"], second["repository"]} == {"orders", "tenant-a"}
    assert first["windows"] == second["windows"] == ["night"]
    assert seconds_between(first, second) > 8


def test_a_stop_names_the_backups_still_owed(stage: Stage) -> None:
    """Whoever stops the daemon between two of them is told which the next start makes up for."""
    stage.simulate("prod", "orders", "tenant-a", "tenant-b")
    stage.write(once("night", -60, 600, more="    catch_up: always\n"))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 3)

    stage.close_in(2)
    daemon.wait_for("repository.resumed", 3)
    daemon.wait_for("http.attempted", action="backup", outcome="ok")
    daemon.stop()
    started = {each["repository"] for each in daemon.events("http.attempted", action="backup")}
    (stopped,) = daemon.events("daemon.stopped")

    missing = {"orders", "tenant-a", "tenant-b"} - started
    assert stopped["owed"] == sorted(f"prod/{each}" for each in missing)
    assert stopped["holds"] == 0


def seconds_between(first: dict[str, str], second: dict[str, str]) -> float:
    """Return how much later the second line was written."""
    instants = [datetime.fromisoformat(line["timestamp"]) for line in (first, second)]
    return (instants[1] - instants[0]).total_seconds()


def test_a_dry_run_sends_nothing(stage: Stage) -> None:
    """`--dry-run` reads and decides, sends no POST and writes no ledger."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 60))
    daemon = stage.start("--dry-run")

    daemon.wait_for("repository.left", reason="dry_run", repository="orders")
    code = daemon.stop()

    assert code == 0
    assert {request.method for request in prod.requests} == {"GET"}
    assert not (stage.folder / "ledger.db").exists()


def test_a_dry_run_goes_beside_the_daemon(stage: Stage) -> None:
    """Where the daemon has the address for monitoring already, a dry run warns and goes on."""
    stage.simulate("prod", "orders")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage.write(once("night", -60, 60), top=f"listen: 127.0.0.1:{taken.getsockname()[1]}\n")
        daemon = stage.start("--dry-run")
        daemon.wait_for("repository.left", reason="dry_run", repository="orders")
        code = daemon.stop()

    (warned,) = daemon.events("config.warned")
    assert "cannot listen" in warned["warning"]
    assert code == 0


def test_an_unknown_repository_is_reported(stage: Stage) -> None:
    """A repository that the cluster does not have is an error in the log, said once an opening."""
    stage.simulate("prod", "orders")
    stage.write(once("night", -60, 60, "{prod: [ordres]}"))
    daemon = stage.start()

    failed = daemon.wait_for("repository.failed", error="not_found", repository="ordres")
    daemon.wait_for("http.attempted", 3, action="list")
    daemon.stop()

    assert len(failed) == len(daemon.events("repository.failed")) == 1


def test_a_wrong_password_shows_before_the_window(stage: Stage) -> None:
    """A wrong password is said at the start; a new one in the same file is taken without help."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    (stage.folder / "admin.password").write_text("wrong\n")
    daemon = stage.start()
    daemon.wait_for("cluster.unreachable", error="unauthorized")

    (stage.folder / "admin.password").write_text(stage.password + "\n")
    stage.write(once("night", -60, 60))
    daemon.wait_for("cluster.recovered")
    daemon.wait_for("repository.paused")
    daemon.stop()

    wait_until(lambda: prod.state("orders") == "paused", "the repository is paused")
