"""One daemon, and a cluster for every way to misbehave: the others do not notice, nothing stays."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.evil.server import Seen
from tests.process.conftest import Running, Stage, once, wait_until

OURS = ("orders", "tenant-a")
FOREIGN = "archive"
GOOD = ("good-1", "good-2")
EVIL = {f"evil-{number:02}": mode for number, mode in enumerate(MODES.values())}
IN_TIME_MS = 5000
HEALED_S = 90.0


class Choose:
    """Meets the first requests of each kind with one mode, and lets all others pass."""

    def __init__(self, mode: Mode) -> None:
        """Misbehave by *mode* for a list, a pause and a resume."""
        self._mode = mode
        self._left = Counter({"active": 1, "pause": 2, "resume": 2})
        self._turn = threading.Lock()

    def __call__(self, request: Seen) -> Mode | None:
        """Use one up."""
        kind = request.path.rpartition("/")[2]
        with self._turn:
            if not self._left[kind]:
                return None
            self._left[kind] -= 1
            return self._mode


class Fleet:
    """All clusters: good ones, and evil ones behind their gateways."""

    def __init__(self, stage: Stage, exits: ExitStack) -> None:
        """Start them, each with a repository that somebody else has paused."""
        self.simulators: dict[str, Simulator] = {}
        self.gateways: dict[str, Gateway] = {}
        for name in (*GOOD, *EVIL):
            users = {"admin": (stage.password, "backup_admin")}
            simulator = exits.enter_context(Simulator((*OURS, FOREIGN), users))
            simulator.pause(FOREIGN)
            self.simulators[name] = simulator
            choose: Callable[[Seen], Mode | None] = (
                Choose(EVIL[name]) if name in EVIL else lambda _: None
            )
            self.gateways[name] = exits.enter_context(Gateway(simulator.url, choose))

    def section(self) -> str:
        """Write the section `clusters`."""
        lines = ["clusters:"]
        for name, gateway in self.gateways.items():
            lines += [
                f"  {name}:",
                f"    url: {gateway.url}",
                "    username: admin",
                "    password_file: admin.password",
                "    retry: {attempts: 2, first_delay: 50ms, max_delay: 200ms}",
                "    timeout: {connect: 1s, read: 1s, total: 1500ms}",
            ]
        return "\n".join(lines) + "\n"

    @property
    def left_paused(self) -> list[str]:
        """Name the repositories of ours that are paused."""
        return [
            f"{name}/{id_}"
            for name, simulator in self.simulators.items()
            for id_ in OURS
            if simulator.state(id_) == "paused"
        ]

    @property
    def requests(self) -> int:
        """How many requests reached the gateways."""
        return sum(gateway.requests for gateway in self.gateways.values())

    def touched_foreign(self) -> list[str]:
        """Name the clusters where something was sent about what somebody else had paused."""
        return [
            name
            for name, simulator in self.simulators.items()
            if any(f"/{FOREIGN}/" in seen.path for seen in simulator.requests)
            or simulator.state(FOREIGN) != "paused"
        ]


def write(stage: Stage, fleet: Fleet, window: str) -> None:
    """Put a file in place that has all clusters and one window."""
    secret = stage.folder / "admin.password"
    secret.touch(mode=0o600)
    secret.write_text(stage.password + "\n")
    draft = Path(stage.folder / "draft.yaml")
    draft.write_text(f"resync: 1s\n{fleet.section()}windows:\n{window}")
    draft.replace(stage.config)


def delays(daemon: Running, event: str) -> dict[tuple[str, str], int]:
    """Tell how late each good repository was."""
    return {
        (line["cluster"], line["repository"]): line["after_ms"]
        for line in daemon.events(event)
        if line["cluster"] in GOOD
    }


@pytest.mark.timeout(240)
def test_every_way_to_misbehave_at_once(stage: Stage) -> None:
    """Promises 1, 2, 3 and 7: good clusters are in time, evil ones are resumed once they heal."""
    with ExitStack() as exits:
        fleet = Fleet(stage, exits)
        write(stage, fleet, once("night", 2, 10, '{"*": ["*"]}'))
        daemon = stage.start()

        daemon.wait_for("window.closed", window="night")
        wait_until(lambda: not fleet.left_paused, "nothing is left paused", HEALED_S)
        wait_until(lambda: '"holds": []' in squeezed(stage), "nothing is held", HEALED_S)
        code = daemon.stop()
        logged = len(daemon.events("http.attempted"))
        paused, resumed = delays(daemon, "repository.paused"), delays(daemon, "repository.resumed")

        assert code == 0
        assert fleet.left_paused == []
        assert fleet.touched_foreign() == []
        assert len(paused) == len(resumed) == len(GOOD) * len(OURS)
        assert max(paused.values()) < IN_TIME_MS
        assert max(resumed.values()) < IN_TIME_MS
        assert logged == fleet.requests
        met = {name for name, gateway in fleet.gateways.items() if gateway.injected}
        assert met == set(EVIL)
        assert not daemon.events("pass.crashed")


def squeezed(stage: Stage) -> str:
    """Give the status as one line."""
    return " ".join(stage.ask("status", "--output", "json").stdout.split())
