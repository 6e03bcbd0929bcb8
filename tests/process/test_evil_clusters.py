"""One daemon, and a cluster for every way to misbehave: the others do not notice, nothing stays."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from daemon.core.attempt import CallError
from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.evil.server import Seen
from tests.process.conftest import Running, Stage, once, wait_until

OURS = ("orders", "tenant-a", "tenant-b")
"""One more than a mode is met, so that something is paused, and has to be resumed, everywhere."""

FOREIGN = "archive"
GOOD = ("good-1", "good-2")
EVIL = {f"evil-{number:02}": mode for number, mode in enumerate(MODES.values())}
PASSING = {CallError.TIMEOUT, CallError.RESET, CallError.PROTOCOL, CallError.SERVER_ERROR}
LOOKS = ("look", "look after pause", "look after resume")
IN_TIME_MS = 5000


def _shares(mode: Mode) -> Counter[str]:
    """Return how often each kind of request meets *mode*."""
    # A refusal keeps the daemon away for longer each time, a lie about a resume is believed for ten
    # seconds: one of each will do.
    looks = 2 if mode.on_list is None or mode.on_list in PASSING else 1
    resumes = 2 if mode.on_post else 1
    return Counter(dict.fromkeys(LOOKS, looks) | {"pause": 2, "resume": resumes})


class Choose:
    """Meets the first requests of each kind with one mode, and lets all others pass.

    What a phase begins with is its POST: the list that is asked after it meets the mode again.
    `posted` has the repositories of all POSTs, also of those that were not passed on.
    """

    def __init__(self, mode: Mode | None) -> None:
        """Misbehave by *mode* for a list, and for POSTs and a list of the pause and the resume."""
        self.posted: set[str] = set()
        self.met: Counter[str] = Counter()
        self._mode = mode
        self._left = _shares(mode) if mode else Counter()
        self._phase = "look"
        self._turn = threading.Lock()

    def __call__(self, request: Seen) -> Mode | None:
        """Use one up."""
        *_, repository, verb = request.path.split("/")
        with self._turn:
            if request.method == "POST":
                self.posted.add(repository)
                self._phase = f"look after {verb}"
            kind = verb if request.method == "POST" else self._phase
            if not self._left[kind]:
                return None
            self._left[kind] -= 1
            self.met[kind] += 1
            return self._mode


class Fleet:
    """All clusters: good ones, and evil ones behind their gateways."""

    def __init__(self, stage: Stage, exits: ExitStack) -> None:
        """Start them, each with a repository that somebody else has paused."""
        self.simulators: dict[str, Simulator] = {}
        self.gateways: dict[str, Gateway] = {}
        self.choices = {name: Choose(EVIL.get(name)) for name in (*GOOD, *EVIL)}
        for name in (*GOOD, *EVIL):
            users = {"admin": (stage.password, "backup_admin")}
            simulator = exits.enter_context(Simulator((*OURS, FOREIGN), users))
            simulator.pause(FOREIGN)
            self.simulators[name] = simulator
            gateway = Gateway(simulator.url, self.choices[name])
            self.gateways[name] = exits.enter_context(gateway)

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
    def requests(self) -> Counter[str]:
        """How many requests reached each cluster's gateway."""
        return Counter({name: gateway.requests for name, gateway in self.gateways.items()})

    def touched_foreign(self) -> list[str]:
        """Name the clusters where something was sent about what somebody else had paused."""
        return [
            name
            for name, choose in self.choices.items()
            if FOREIGN in choose.posted or self.simulators[name].state(FOREIGN) != "paused"
        ]

    def spared(self, *kinds: str) -> list[str]:
        """Name the evil clusters that were not evil in each of these kinds of requests."""
        return [
            f"{name}: {mode.name}: {kind}"
            for name, mode in EVIL.items()
            for kind in kinds
            if not self.choices[name].met[kind]
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
    """Return how late each good repository was."""
    return {
        (line["cluster"], line["repository"]): line["after_ms"]
        for line in daemon.events(event)
        if line["cluster"] in GOOD
    }


def test_every_way_to_misbehave_at_once(stage: Stage) -> None:
    """Promises 1, 2, 3 and 7: good clusters are in time, evil ones are resumed once they heal."""
    with ExitStack() as exits:
        fleet = Fleet(stage, exits)
        write(stage, fleet, once("night", 600, 900, '{"*": ["*"]}'))
        daemon = stage.start()
        for name in GOOD:
            daemon.wait_for("http.attempted", cluster=name)

        write(stage, fleet, once("night", 4, 15, '{"*": ["*"]}'))
        daemon.wait_for("window.closed", window="night")
        wait_until(lambda: not fleet.left_paused, "nothing is left paused")
        wait_until(lambda: '"holds": []' in squeezed(stage), "nothing is held")
        code = daemon.stop()
        logged = Counter(line["cluster"] for line in daemon.events("http.attempted"))
        paused, resumed = delays(daemon, "repository.paused"), delays(daemon, "repository.resumed")

        assert code == 0
        assert fleet.left_paused == []
        assert fleet.touched_foreign() == []
        assert len(paused) == len(resumed) == len(GOOD) * len(OURS)
        assert max(paused.values()) < IN_TIME_MS
        assert max(resumed.values()) < IN_TIME_MS
        assert logged == fleet.requests
        assert fleet.spared("pause", "resume", *LOOKS) == []
        assert not daemon.events("pass.crashed")
        assert all(line.startswith(b"{") for line in daemon.raw)


def squeezed(stage: Stage) -> str:
    """Return the status as one line."""
    return " ".join(stage.ask("status", "--output", "json").stdout.split())


def test_a_lie_about_one_delays_no_other(stage: Stage) -> None:
    """While a pause without effect is looked for, what another repository is due for happens."""
    simulator = stage.simulate("prod", "idle", "orders")
    simulator.fail_next("POST", "/idle/pause", count=1000, ignore=True)
    stage.write(once("night", 600, 900))
    daemon = stage.start()
    daemon.wait_for("config.applied")

    stage.write(once("night", 3, 8))
    (resumed,) = daemon.wait_for("repository.resumed", repository="orders")

    assert resumed["after_ms"] < IN_TIME_MS
