"""What the real daemon takes of its host while it waits, however much there is to wait for."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.process.conftest import Running, Stage, once, wait_until

MANY = 2000
MOST_THREADS = 12
WAKES = 30
"""More often than this many times in a row nobody has to see nothing."""


def wakes(daemon: Running) -> int:
    """Count how often the main thread has waited and gone on."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)
    assert found
    return int(found[1])


def threads(daemon: Running) -> int:
    """Count the threads that there are now."""
    return len(list(Path(f"/proc/{daemon.process.pid}/task").iterdir()))


def written(daemon: Running) -> int:
    """Return how many bytes it has sent to disks so far."""
    text = Path(f"/proc/{daemon.process.pid}/io").read_text()
    return int(text.partition("\nwrite_bytes: ")[2].split()[0])


def test_who_waits_writes_nothing(stage: Stage) -> None:
    """Looks, beats and chores of a daemon with nothing to do leave no byte and no commit behind."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200))
    daemon = stage.start()
    daemon.wait_for("http.attempted", action="list")
    file = stage.folder / "ledger.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:

        def left_behind() -> tuple[object, ...]:
            (version,) = other.execute("PRAGMA data_version").fetchone()
            files = [file, file.with_name("ledger.db-wal")]
            return version, written(daemon), [each.read_bytes() for each in files]

        def is_noted() -> bool:
            listed = "SELECT count(*) FROM listing"
            read = "SELECT count(*) FROM meta WHERE name = 'reading'"
            return all(other.execute(query).fetchone()[0] for query in (listed, read))

        # The configuration is noted first, and then that it was read; and the first list.
        wait_until(is_noted, "the notes of the start")
        before, since = left_behind(), wakes(daemon)
        wait_until(lambda: wakes(daemon) > since + WAKES, "some seconds of nothing")
        after = left_behind()

    assert after == before


def test_threads_do_not_grow_with_clusters(stage: Stage) -> None:
    """Thousands of clusters whose names have to be looked up, and that refuse, take no thread."""
    for number in range(MANY):
        # None of those that systems give out, so that nobody listens there.
        stage.elsewhere[f"c{number}"] = f"http://localhost:{20000 + number}"
    stage.write(once("later", 3600, 7200, '{"*": ["*"]}'))
    daemon, most = stage.start(), [0]

    def are_all_tried() -> bool:
        most[0] = max(most[0], threads(daemon))
        tried = {line["cluster"] for line in daemon.events("http.attempted")}
        return len(tried) == MANY

    wait_until(are_all_tried, "an attempt of each cluster")
    daemon.kill()

    assert most[0] <= MOST_THREADS
