"""Edits of the file while the daemon runs, and starts with a file that is not good (promise 8)."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

from tests.process.conftest import Stage, once, wait_until

BAD = "  night:\n    weekly: {days: [someday], start: 02:00, end: 06:00}\n"


def test_a_removed_window_ends_at_once(stage: Stage) -> None:
    """A window removed while it is open takes effect at once: what it held is resumed."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    stage.write(once("other", 3600, 7200))
    applied = daemon.wait_for("config.applied", 2)[1]
    daemon.wait_for("repository.resumed")
    daemon.stop()

    assert applied["added"] == ["windows.other"]
    assert applied["removed"] == ["windows.night"]
    assert prod.state("orders") == "active"


def test_an_invalid_edit_changes_nothing(stage: Stage) -> None:
    """An invalid edit is rejected with all its faults, and the window that was open stays open."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    stage.write(BAD)
    rejected = daemon.wait_for("config.rejected")[0]
    daemon.wait_for("http.attempted", 5, action="list")
    status = stage.ask("status", "--output", "json").stdout
    daemon.stop()

    assert len(rejected["faults"]) == 2
    assert all("schedules.yaml:" in fault for fault in rejected["faults"])
    assert '"rejected"' in status
    assert len(daemon.events("config.rejected")) == 1
    assert prod.state("orders") == "paused"


def test_a_start_with_a_bad_file_uses_the_last_good_one(stage: Stage) -> None:
    """A bad edit and a reboot together leave nothing paused: the last good file is in force."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    stage.close_in(8)
    first.wait_for("config.applied", 2)
    first.kill()

    stage.write(BAD)
    second = stage.start()
    second.wait_for("config.rejected")
    second.wait_for("repository.resumed")
    second.stop()

    assert prod.state("orders") == "active"


def test_an_edit_is_called_applied_after_it_was_stored(stage: Stage) -> None:
    """Whoever cuts the power after the log said `config.applied` finds that edit in force again."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    with closing(sqlite3.connect(stage.folder / "ledger.db", isolation_level=None)) as forgotten:
        forgotten.execute("BEGIN IMMEDIATE")
        stage.write(once("other", 3600, 7200))
        daemon.wait_for("config.applied", 2)
        forgotten.execute("ROLLBACK")
    daemon.stop()

    said = [line["event"] for line in daemon.lines]
    assert "ledger.failed" in said[: len(said) - said[::-1].index("config.applied")]


def test_a_first_start_with_a_bad_file_is_refused(stage: Stage) -> None:
    """Without a last good configuration a bad file ends the start with exit 2 and every fault."""
    stage.simulate("prod", "orders")
    stage.write(BAD)

    done = stage.ask("run")

    assert done.returncode == 2
    assert "someday" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (stage.folder / "ledger.db").exists()


def test_sighup_reads_the_file_at_once(stage: Stage) -> None:
    """SIGHUP puts an edit in force without waiting for the next poll, in place or renamed."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    stage.config.write_text(stage.config.read_text().replace("  night:", "  renamed:"))
    daemon.process.send_signal(signal.SIGHUP)
    applied = daemon.wait_for("config.applied", 2)[1]
    daemon.stop()

    assert applied["added"] == ["windows.renamed"]


def test_a_symlink_swap_is_noticed(stage: Stage) -> None:
    """A swap of the symlink that the path goes through is an edit, as Kubernetes makes them."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 3600, 7200))
    text = stage.config.read_text()
    for name in ("v1", "v2"):
        (stage.folder / name).mkdir()
        (stage.folder / name / "schedules.yaml").write_text(text.replace("night", f"night-{name}"))
    (stage.folder / "current").symlink_to("v1")
    stage.config.unlink()
    stage.config.symlink_to("current/schedules.yaml")
    daemon = stage.start()
    daemon.wait_for("config.applied")

    (stage.folder / "next").symlink_to("v2")
    (stage.folder / "next").replace(stage.folder / "current")
    applied = daemon.wait_for("config.applied", 2)[1]
    daemon.stop()

    assert applied["added"] == ["windows.night-v2"]


def test_a_removed_cluster_is_still_resumed(stage: Stage) -> None:
    """A cluster removed while it has holds is spoken to until they are resumed, also by a start."""
    prod = stage.simulate("prod", "orders")
    stage.write(once("night", -60, 600))
    first = stage.start()
    first.wait_for("repository.paused")
    first.kill()

    text = stage.config.read_text().replace("  prod:\n", "  other:\n").replace("{prod:", "{other:")
    stage.config.write_text(text.replace("  night:", "  tomorrow:").replace("once: {", "once: {"))
    edited = stage.config.read_text()
    stage.config.write_text(edited.replace('["*"]', "[elsewhere]"))
    second = stage.start()
    second.wait_for("repository.resumed")
    second.stop()

    assert prod.state("orders") == "active"


def test_a_cluster_removed_by_an_edit_is_still_resumed(stage: Stage) -> None:
    """An edit that takes a cluster out resumes what is held there before it is let go."""
    prod = stage.simulate("prod", "orders")
    stage.simulate("test", "orders")
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    del stage.simulators["prod"]
    stage.write(once("night", 3600, 7200, '{test: ["*"]}'))
    daemon.wait_for("repository.resumed", cluster="prod")
    daemon.stop()

    wait_until(lambda: prod.state("orders") == "active", "the repository is active")
