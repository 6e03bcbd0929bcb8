"""Answers that are odd in places, or bombs: the rest goes on, and memory stays where it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.evil.server import EvilServer, Seen, Talk, answer
from tests.process.conftest import Running, Stage, once, wait_until

MEMORY_MIB = 300
LOOKS = 6
"""How many bombs each hostile cluster has thrown before the window closes."""

_KEYS = b",".join(b'"k%06x":0' % number for number in range(490_000))
_ROW = b'{"id":"a",' + _KEYS[: 80_000 * 12 - 1] + b"}"
_WIDE = "\N{GRINNING FACE}".encode() * 3_900_000
BOMBS: tuple[Mode | bytes, ...] = (
    *(mode for name, mode in MODES.items() if name.startswith("bomb of ")),
    MODES["a list of 16 MiB"],
    # What is within every bound, and as much work as that can be.
    b'[{"id":"a",' + _KEYS + b"}]",
    b"[" + b",".join([_ROW] * 6) + b"]",
    b'[{"id":"' + _WIDE + b'"}]',
    b'[{"id":"a","state":"active","x":[[]' + b",[]" * 249_000 + b"]}]",
    b"[" + b",".join(b'{"id":"r%05d","state":"archiving"}' % n for n in range(20_000)) + b"]",
)


class Bomber:
    """Answers each request by the next bomb."""

    def __init__(self) -> None:
        """Begin with the first."""
        self.thrown = 0

    def __call__(self, talk: Talk) -> None:
        """Throw one."""
        bomb = BOMBS[self.thrown % len(BOMBS)]
        self.thrown += 1
        if isinstance(bomb, Mode):
            bomb.behave(talk, lambda: b"")
        else:
            answer(200, bomb, Content_Type="application/json")(talk)


@dataclass
class Odd:
    """A cluster behind a gateway that misbehaves by `mode`, in lists or in all that is asked."""

    simulator: Simulator
    mode: Mode | None = None
    met: list[str] = field(default_factory=list)

    def __call__(self, request: Seen) -> Mode | None:
        """Choose the mode for a request."""
        is_met = self.mode and (request.method == "GET") is self.mode.name.startswith("lists")
        if is_met:
            self.met.append(request.path)
        return self.mode if is_met else None


@pytest.fixture
def odd(stage: Stage) -> Iterator[Odd]:
    """Serve the cluster `prod` with three repositories; a window is open on all of it."""
    with ExitStack() as exits:
        users = {"admin": (stage.password, "backup_admin")}
        simulator = exits.enter_context(Simulator(("orders", "archive", "stranger"), users))
        made = Odd(simulator)
        stage.elsewhere["prod"] = exits.enter_context(Gateway(simulator.url, made)).url
        yield made


def peak_mib(daemon: Running) -> int:
    """Return how much memory the daemon has ever had."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def has_thrown(bombers: dict[str, Bomber], awaited: dict[str, int]) -> bool:
    """Check whether each has thrown as many as are awaited."""
    return all(bombers[name].thrown >= count for name, count in awaited.items())


def left(daemon: Running) -> list[dict[str, Any]]:
    """Return what was said of rows that are not understood."""
    return daemon.events("repository.left", reason="not_understood")


def test_bombs_of_two_clusters_hurt_no_third(stage: Stage) -> None:
    """While two clusters throw everything they have, the good one is paused and resumed."""
    with ExitStack() as exits:
        bombers = {f"evil-{number}": Bomber() for number in range(2)}
        bombers["evil-1"].thrown = len(BOMBS) // 2
        begun = {name: bomber.thrown for name, bomber in bombers.items()}
        for name, bomber in bombers.items():
            stage.elsewhere[name] = exits.enter_context(EvilServer((bomber,))).url
        users = {"admin": (stage.password, "backup_admin")}
        good = exits.enter_context(Simulator(("orders",), users))
        stage.elsewhere["good"] = good.url
        stage.write(once("night", -60, 3600, '{"*": ["*", orders]}'))
        daemon = stage.start()
        daemon.wait_for("repository.paused", cluster="good")
        # A refusal keeps the daemon away for longer each time; an edit asks at once.
        for number in range(1, LOOKS + 1):
            awaited = {name: before + number for name, before in begun.items()}
            wait_until(partial(has_thrown, bombers, awaited), f"bomb {number} of each")
            stage.write(once("night", -60, 3600 + number, '{"*": ["*", orders]}'))
        stage.close_in(0)
        daemon.wait_for("repository.resumed", cluster="good")

        assert peak_mib(daemon) < MEMORY_MIB
        assert good.state("orders") == "active"
        assert not daemon.events("pass.crashed")
        assert daemon.stop() == 0
        failed = daemon.events("http.attempted", outcome="failed")
        assert {line["cluster"] for line in failed} <= set(bombers)


def test_an_odd_row_stops_no_resume(stage: Stage, odd: Odd) -> None:
    """At the end of a window all is resumed, what is not understood as well; it is named once."""
    stage.write(once("night", -60, 3600), top="resync: 1s\n")
    daemon = stage.start()
    daemon.wait_for("repository.paused", 3)
    odd.mode = MODES["lists all that is odd"]
    daemon.wait_for("repository.left", reason="not_understood", repository="orders")

    stage.close_in(0)
    daemon.wait_for("repository.resumed", repository="archive")
    wait_until(lambda: odd.simulator.state("orders") == "active", "orders is active")
    assert not daemon.events("repository.resumed", repository="orders")
    odd.mode = None
    daemon.wait_for("repository.resumed", repository="orders")

    named = [line["repository"] for line in left(daemon)]
    assert named.count("orders") == 1
    assert len(named) == len(set(named))
    assert odd.simulator.states() == dict.fromkeys(("orders", "archive", "stranger"), "active")


def test_release_goes_past_an_odd_row(stage: Stage, odd: Odd) -> None:
    """Without a daemon, too, all is resumed; what nothing shows is said, and done by the next."""
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 3)
    daemon.kill()
    odd.mode = MODES["lists an unknown state"]

    ended = stage.ask("release")
    states = odd.simulator.states()
    odd.mode = None
    again = stage.ask("release")

    assert ended.returncode == 1
    assert states == dict.fromkeys(("orders", "archive", "stranger"), "active")
    assert "nothing shows it as active" in " ".join(ended.stdout.split())
    assert again.returncode == 0


def test_a_gateway_that_says_no_content(stage: Stage, odd: Odd) -> None:
    """204 to a pause and a resume is verified like 200, and no failure."""
    odd.mode = MODES["204 for 200"]
    stage.write(once("night", -60, 3600))
    daemon = stage.start()
    daemon.wait_for("repository.paused", 3)
    stage.close_in(0)
    daemon.wait_for("repository.resumed", 3)

    assert len(odd.met) == 6
    assert not daemon.events("repository.failed")
    assert {line["status"] for line in daemon.events("http.attempted", method="POST")} == {204}
