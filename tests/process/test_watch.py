"""What a terminal is shown: `status --watch` until somebody ends it, `history` by pages."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from tests.process.conftest import PATIENCE_S, Stage, once, wait_until


@dataclass
class Watching:
    """A watch that runs, and what its terminal has shown."""

    process: subprocess.Popen[bytes]
    shown: bytearray = field(default_factory=bytearray)

    def follow(self, terminal: int) -> None:
        """Read until the terminal is closed."""
        with suppress(OSError):
            while piece := os.read(terminal, 65536):
                self.shown += piece


@contextmanager
def in_a_terminal(stage: Stage, *command: str, **environ: str) -> Iterator[Watching]:
    """Run a command in a terminal of its own."""
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        stage.command(*command),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        cwd=stage.folder,
        env=stage.environ({"TERM": "xterm", "COLUMNS": "80", **environ}),
    )
    os.close(inner)
    found = Watching(process)
    reader = threading.Thread(target=found.follow, args=(terminal,))
    reader.start()
    try:
        yield found
    finally:
        process.kill()
        process.wait()
        reader.join(PATIENCE_S)
        os.close(terminal)
        stage.said.append(bytes(found.shown))


def test_the_watch_follows_the_daemon(stage: Stage) -> None:
    """A pause and its end are shown without asking again, and Ctrl-C ends it with 130."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 600, 900))
    daemon = stage.start()
    daemon.wait_for("daemon.started")

    with in_a_terminal(stage, "status", "--watch") as watch:
        wait_until(lambda: b"No repository is held" in watch.shown, "nothing is held yet")
        stage.write(once("night", -60, 600))
        wait_until(lambda: b"prod/orders" in watch.shown, "the hold is shown")
        before = len(watch.shown)
        stage.close_in(2)
        wait_until(lambda: b"No repository is held" in watch.shown[before:], "it is over")
        watch.process.send_signal(signal.SIGINT)
        code = watch.process.wait(PATIENCE_S)

    assert code == 130
    assert b"Traceback" not in watch.shown


def test_a_watch_shows_what_there_is_room_for(stage: Stage) -> None:
    """Of more holds than fit on the screen the first are shown, and the others counted."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 60, 90))
    holds = [
        Record(RepositoryKey("prod", f"r{number:02}"), Phase.PAUSED, windows=(f"w{number}",))
        for number in range(40)
    ]
    with open_ledger(stage.ledger, Access.DAEMON) as ledger:
        ledger.save(holds)

    with in_a_terminal(stage, "status", "--watch", LINES="12", NO_COLOR="1") as watch:
        wait_until(lambda: b" more" in watch.shown, "what is left out is counted")

    shown = watch.shown.decode()
    first = shown.partition(" more")[0]
    assert len(first.splitlines()) <= 11
    assert f"and {40 - first.count('prod/r')}" in first
    assert first.count("prod/r") >= 4


def test_a_watch_needs_a_terminal(stage: Stage) -> None:
    """In a pipe the watch is refused in one line."""
    stage.simulate("prod", "orders")
    stage.write(once("night", 60, 90))

    done = stage.ask("status", "--watch")

    assert done.returncode == 2
    assert done.stderr.startswith("cbmaintd: --watch: needs a terminal")
    assert done.stderr.count("\n") == 1


def test_a_long_history_is_shown_by_pages(stage: Stage) -> None:
    """What does not fit on the screen goes through $PAGER; what fits is printed as it is."""
    stage.simulate("prod", *(f"orders-{number}" for number in range(12)))
    stage.write(once("night", -60, 600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 12)
    daemon.stop()
    seen: list[str] = []

    for lines in ("8", "40"):
        environ = {"LINES": lines, "PAGER": "sed s/^/PAGED:/"}
        with in_a_terminal(stage, "history", **environ) as watching:
            assert watching.process.wait(PATIENCE_S) == 0
            wait_until(lambda: b"orders-11" in watching.shown, "the last line")  # at once
            seen.append(watching.shown.decode())

    assert seen[0].count("PAGED:") > 12
    assert "PAGED:" not in seen[1]


def test_a_long_calendar_begins_with_its_picture(stage: Stage) -> None:
    """On 80 x 24 the first page has the whole picture, with its legend, and the table follows."""
    stage.simulate("prod", "orders")
    stage.write("".join(once(f"w{number:02}", 3600, 7200) for number in range(60)))

    with in_a_terminal(stage, "calendar", LINES="24", PAGER="sed s/^/PAGED:/") as watching:
        assert watching.process.wait(PATIENCE_S) == 0
        wait_until(lambda: watching.shown.count(b"w59") > 0, "the last line")
        lines = watching.shown.decode().splitlines()

    legend = next(n for n, line in enumerate(lines) if "all of the time" in line)
    assert legend < 24
    assert all("PAGED:" in line for line in lines)
    assert "WINDOW" in lines[legend + 2]
