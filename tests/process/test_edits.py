"""Edits that take away, rename or move what is held: nothing is left paused, nobody is overruled.

Each test says what the daemon may send; `tests/process/test_reload.py` has the plain cases.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.simulator.server import Simulator
from tests.process.conftest import Running, Stage, once, wait_until

LONG = 3600.0


def posts(simulator: Simulator) -> list[str]:
    """Name what was sent, in order, as `orders/pause`."""
    sent = [seen.path for seen in simulator.requests if seen.method == "POST"]
    return ["/".join(path.split("/")[-2:]) for path in sent]


def holding(stage: Stage, windows: str, count: int = 1) -> Running:
    """Start a daemon on these windows, and wait until it has paused so many repositories."""
    stage.write(windows)
    daemon = stage.start()
    daemon.wait_for("repository.paused", count)
    return daemon


def edit(stage: Stage, daemon: Running, windows: str) -> None:
    """Put other windows in force."""
    stage.write(windows)
    reload(daemon)


def reload(daemon: Running) -> None:
    """Have the file read now, and wait until it is in force."""
    count = len(daemon.events("config.applied"))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("config.applied", count + 1)


def looked_twice(daemon: Running, cluster: str = "prod") -> None:
    """Wait for two more lists of a cluster: the second began after all that was said before."""
    count = len(daemon.events("http.attempted", cluster=cluster, action="list"))
    daemon.wait_for("http.attempted", count + 2, cluster=cluster, action="list")


def holds(stage: Stage) -> list[str]:
    """Name what the ledger says is held."""
    document = json.loads(stage.ask("status", "--output", "json").stdout)
    return [f"{hold['cluster']}/{hold['repository']}" for hold in document["holds"]]


def end_with_nothing_held(stage: Stage, daemon: Running) -> None:
    """Wait until the ledger has no hold, and stop."""
    wait_until(lambda: holds(stage) == [], "nothing is held")
    daemon.stop()


def test_edits_of_an_open_window(stage: Stage) -> None:
    """An open window that is edited holds on without a break where it still wants a repository.

    One daemon goes through all of it: the window is renamed, its end moved ahead, its glob
    narrowed, its start moved, it is disabled and enabled again, and its end put into the past.
    """
    prod = stage.simulate("prod", "orders", "tenant-a")
    daemon = holding(stage, once("night", -60, LONG), 2)

    edit(stage, daemon, once("renamed", -60, LONG))
    looked_twice(daemon)
    renamed = posts(prod)
    edit(stage, daemon, once("renamed", -60, 2 * LONG))
    looked_twice(daemon)
    edit(stage, daemon, once("renamed", -30, 2 * LONG))
    looked_twice(daemon)
    moved = posts(prod)
    edit(stage, daemon, once("renamed", -30, LONG, "{prod: [orders]}"))
    daemon.wait_for("repository.resumed", repository="tenant-a")
    looked_twice(daemon)
    narrowed = posts(prod)
    disabled = once("renamed", -30, LONG, "{prod: [orders]}", "    enabled: false\n")
    edit(stage, daemon, disabled)
    daemon.wait_for("repository.resumed", repository="orders")
    edit(stage, daemon, once("renamed", -30, LONG, "{prod: [orders]}"))
    daemon.wait_for("repository.paused", 2, repository="orders")
    edit(stage, daemon, once("renamed", -30, -5, "{prod: [orders]}"))
    resumed = daemon.wait_for("repository.resumed", 2, repository="orders")
    daemon.stop()

    paused = ["orders/pause", "tenant-a/pause"]
    assert sorted(renamed) == sorted(moved) == paused
    assert narrowed[2:] == ["tenant-a/resume"]
    assert posts(prod)[3:] == ["orders/resume", "orders/pause", "orders/resume"]
    assert set(prod.states().values()) == {"active"}
    assert [line["windows"] for line in resumed] == [["renamed"], ["renamed"]]
    assert not daemon.events("repository.drifted")
    assert not daemon.events("repository.failed")


def test_an_end_that_is_moved_is_kept(stage: Stage) -> None:
    """An opening ends when the last edit says: later than at first, and then at that very time."""
    prod = stage.simulate("prod", "orders", "tenant-a")
    longer, shorter = "{prod: [orders]}", "{prod: [tenant-a]}"
    windows = once("longer", -60, LONG, longer) + once("shorter", -60, LONG, shorter)
    daemon = holding(stage, windows, 2)
    edit(stage, daemon, once("longer", -60, 6, longer) + once("shorter", -60, LONG, shorter))

    edit(stage, daemon, once("longer", -60, 8, longer) + once("shorter", -60, 5, shorter))
    resumed = {
        id_: daemon.wait_for("repository.resumed", repository=id_)[0] for id_ in prod.states()
    }
    daemon.stop()

    assert sorted(posts(prod)[2:]) == ["orders/resume", "tenant-a/resume"]
    assert set(prod.states().values()) == {"active"}
    closed = {line["window"]: line["end"] for line in daemon.events("window.closed")}
    for id_, window in (("orders", "longer"), ("tenant-a", "shorter")):
        assert resumed[id_]["timestamp"] > closed[window]
        assert resumed[id_]["after_ms"] >= 0


def test_a_person_is_heard_through_an_edit(stage: Stage) -> None:
    """A repository that a person resumed stays so when the open window is edited otherwise."""
    prod = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))

    prod.resume("orders")
    daemon.wait_for("repository.drifted")
    edit(stage, daemon, windows_of(stage) + "    description: patches\n")
    looked_twice(daemon)
    daemon.stop()

    assert posts(prod) == ["orders/pause"]


def windows_of(stage: Stage) -> str:
    """Return the windows as they stand in the file."""
    return stage.config.read_text().partition("windows:\n")[2]


def test_a_cluster_is_renamed(stage: Stage) -> None:
    """A cluster that got another name keeps its holds without a break; a person's are not ours."""
    old = stage.simulate("old", "orders", "archive")
    old.pause("archive")
    daemon = holding(stage, once("night", -60, LONG, '{old: ["*"]}'))

    stage.simulators["new"] = stage.simulators.pop("old")
    edit(stage, daemon, once("night", -60, LONG, '{new: ["*"]}'))
    wait_until(lambda: holds(stage) == ["new/orders"], "the new name holds it")
    looked_twice(daemon, "new")
    edit(stage, daemon, once("night", -60, -5, '{new: ["*"]}'))
    daemon.wait_for("repository.resumed", cluster="new", repository="orders")
    end_with_nothing_held(stage, daemon)

    assert posts(old) == ["orders/pause", "orders/resume"]
    assert old.states() == {"orders": "active", "archive": "paused"}
    assert not daemon.events("repository.failed")


def test_a_renamed_cluster_is_resumed_after_a_restart(stage: Stage) -> None:
    """A cluster renamed while nobody ran, its window over as well, is resumed by the next start."""
    prod = stage.simulate("old", "orders")
    daemon = holding(stage, once("night", -60, LONG, '{old: ["*"]}'))
    daemon.kill()

    stage.simulators["new"] = stage.simulators.pop("old")
    stage.write(once("night", LONG, 2 * LONG, '{new: ["*"]}'))
    second = stage.start()
    second.wait_for("repository.resumed", cluster="new")
    second.stop()

    assert prod.state("orders") == "active"
    assert holds(stage) == []


def test_a_url_that_leads_elsewhere(stage: Stage) -> None:
    """What somebody paused on the server that a url now leads to is not touched for our hold."""
    stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG, "{prod: [orders]}"))

    other = stage.simulate("prod", "orders", "scratch")
    other.pause("orders")
    edit(stage, daemon, once("night", -60, LONG, '{prod: ["*"]}'))
    daemon.wait_for("repository.paused", repository="scratch")
    daemon.wait_for("repository.left", repository="orders", reason="paused_elsewhere")
    edit(stage, daemon, once("night", -60, -5, '{prod: ["*"]}'))
    daemon.wait_for("repository.resumed", repository="scratch")
    end_with_nothing_held(stage, daemon)

    assert posts(other) == ["scratch/pause", "scratch/resume"]
    assert other.state("orders") == "paused"


def test_what_is_held_behind_the_old_url_is_resumed(stage: Stage) -> None:
    """A url that is changed to another cluster's loses no hold: it is resumed where it was made."""
    before = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))

    after = stage.simulate("prod", "orders")
    edit(stage, daemon, once("night", -60, LONG))
    daemon.wait_for("repository.paused", 2)
    edit(stage, daemon, once("night", -60, -5))
    wait_until(lambda: after.state("orders") == "active", "the new one is resumed")
    end_with_nothing_held(stage, daemon)

    assert before.state("orders") == "active"


def test_two_clusters_swap_their_names(stage: Stage) -> None:
    """Two names that are exchanged are mixed up nowhere: at the end nothing of ours is paused."""
    red, blue = stage.simulate("red", "orders"), stage.simulate("blue", "orders")
    daemon = holding(stage, once("night", -60, LONG, '{"*": ["*"]}'), 2)

    stage.simulators.update(red=blue, blue=red)
    edit(stage, daemon, once("night", -60, LONG, '{"*": ["*"]}'))
    looked_twice(daemon, "red")
    looked_twice(daemon, "blue")
    edit(stage, daemon, once("night", -60, -5, '{"*": ["*"]}'))
    end_with_nothing_held(stage, daemon)

    assert (red.state("orders"), blue.state("orders")) == ("active", "active")


def test_another_node_of_the_same_cluster(stage: Stage) -> None:
    """A url that is changed to another way to the same cluster keeps and resumes its holds."""
    prod = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))

    stage.special["prod"] = {"url": prod.url.replace("127.0.0.1", "localhost")}
    edit(stage, daemon, once("night", -60, LONG))
    looked_twice(daemon)
    held = posts(prod)
    edit(stage, daemon, once("night", -60, -5))
    daemon.wait_for("repository.resumed")
    daemon.stop()

    assert held == ["orders/pause"]
    assert posts(prod) == ["orders/pause", "orders/resume"]
    urls = {line["url"].split(":")[1] for line in daemon.events("http.attempted", action="resume")}
    assert urls == {"//localhost"}


def test_a_repository_is_made_anew(stage: Stage) -> None:
    """A repository that was deleted and made again under its id is another one: it is paused, too.

    The one that somebody paused right after making it is nobody's but theirs.
    """
    prod = stage.simulate("prod", "orders", "tenant-a")
    daemon = holding(stage, once("night", -60, LONG), 2)

    for id_ in ("orders", "tenant-a"):
        prod.delete(id_)
        prod.create(id_)
    prod.pause("tenant-a")
    for id_ in ("orders", "tenant-a"):
        daemon.wait_for("repository.left", repository=id_, reason="gone")
    daemon.wait_for("repository.paused", 2, repository="orders")
    daemon.wait_for("repository.left", repository="tenant-a", reason="paused_elsewhere")
    edit(stage, daemon, once("night", -60, -5))
    daemon.wait_for("repository.resumed", repository="orders")
    end_with_nothing_held(stage, daemon)

    assert [post for post in posts(prod) if post.startswith("tenant-a/")] == ["tenant-a/pause"]
    assert posts(prod)[2:] == ["orders/pause", "orders/resume"]
    assert prod.states() == {"orders": "active", "tenant-a": "paused"}


def delete(config: Path) -> None:
    """Take the file away."""
    config.unlink()


def empty(config: Path) -> None:
    """Cut the file to nothing."""
    config.write_bytes(b"")


def tangle(config: Path) -> None:
    """Make the file unreadable, for root as well."""
    config.unlink()
    config.symlink_to(config.name)


def cover(config: Path) -> None:
    """Put a folder in the file's place."""
    config.unlink()
    config.mkdir()


SPOILED: dict[str, Callable[[Path], None]] = {
    "No such file": delete,
    "empty": empty,
    "Too many levels": tangle,
    "Is a directory": cover,
}


def test_the_file_is_lost_and_found(stage: Stage) -> None:
    """Without a readable file the last good one goes on, and says so once each time it is worse.

    The same text put back changes nothing, and another one is in force again.
    """
    prod = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))
    good = stage.config.read_bytes()

    for number, (words, spoil) in enumerate(SPOILED.items(), 1):
        spoil(stage.config)
        rejected = daemon.wait_for("config.rejected", number)[-1]
        assert [words in fault for fault in rejected["faults"]] == [True]
        restore(stage, good)
        reload(daemon)
    looked_twice(daemon)
    held = posts(prod)
    edit(stage, daemon, once("night", -60, -5))
    daemon.wait_for("repository.resumed")
    daemon.stop()

    assert held == ["orders/pause"]
    assert prod.state("orders") == "active"
    applied = daemon.events("config.applied")[1:-1]
    assert len(applied) >= len(SPOILED)
    assert not any(line["added"] + line["removed"] + line["changed"] for line in applied)
    assert len(daemon.events("config.rejected")) == len(SPOILED)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_holds_nothing_up(stage: Stage, make: Callable[[Path], None]) -> None:
    """A FIFO or a device in the file's place is rejected, and neither passes nor a stop wait."""
    simulator = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))
    stage.close_in(4)
    reload(daemon)

    stage.config.unlink()
    make(stage.config)
    (rejected,) = daemon.wait_for("config.rejected")
    daemon.wait_for("repository.resumed")
    code = daemon.stop()

    assert "is not a regular file" in rejected["faults"][0]
    assert posts(simulator) == ["orders/pause", "orders/resume"]
    assert code == 0


def test_a_start_without_the_file(stage: Stage) -> None:
    """A file that is gone when the daemon starts again leaves nothing paused."""
    prod = stage.simulate("prod", "orders")
    daemon = holding(stage, once("night", -60, LONG))
    stage.close_in(8)
    reload(daemon)
    daemon.kill()

    stage.config.unlink()
    second = stage.start()
    rejected = second.wait_for("config.rejected")[0]
    second.wait_for("repository.resumed")
    second.stop()

    assert "No such file" in rejected["faults"][0]
    assert prod.state("orders") == "active"


def restore(stage: Stage, text: bytes) -> None:
    """Put the file back as it was."""
    if stage.config.is_dir():
        stage.config.rmdir()
    draft = stage.folder / "draft.yaml"
    draft.write_bytes(text)
    draft.replace(stage.config)


def test_another_way_to_an_idle_cluster_is_tried(stage: Stage) -> None:
    """A wrong user shows when the file names it, and not when the next window opens."""
    stage.simulate("prod", "orders")
    later = once("later", LONG, 2 * LONG)
    stage.write(later)
    daemon = stage.start()
    daemon.wait_for("http.attempted", outcome="ok")

    stage.write(later, username="nobody")
    reload(daemon)
    (unreachable,) = daemon.wait_for("cluster.unreachable")
    stage.write(later)
    reload(daemon)
    daemon.wait_for("cluster.recovered")
    daemon.stop()

    assert unreachable["error"] == "unauthorized"
