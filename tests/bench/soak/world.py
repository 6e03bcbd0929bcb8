"""Simulated clusters behind gateways that misbehave, and people who use them beside the daemon."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from daemon.service import discovery
from daemon.simulator.api.request import Request
from daemon.simulator.connections import Reply
from daemon.simulator.routes import Route
from daemon.simulator.server import Simulator
from tests.bench.soak.books import Book
from tests.bench.soak.calls import WatchedGateway, header_of
from tests.bench.soak.judge import Change, Verdict, judge
from tests.evil.gateway import Choose, Gateway
from tests.evil.modes import MODES, ODD_HOSTS, Mode
from tests.evil.server import Seen

USER = "cbmaintd"
FOREIGN = "archive"
"""The repository of each cluster that somebody else paused long ago."""


class Cluster(Simulator):
    """A simulator that keeps the history of who changed what."""

    def __init__(
        self, name: str, repositories: list[str], password: str, latency_ms: float
    ) -> None:
        """Begin with all repositories active but the foreign one."""
        super().__init__(
            [FOREIGN, *repositories],
            {USER: (password, "backup_admin")},
            latency=timedelta(milliseconds=latency_ms),
        )
        self.name = name
        self.history: list[Change] = []
        self.pause(FOREIGN)

    def _handled(self, route: Route, request: Request) -> Reply:
        reply = super()._handled(route, request)
        action = route.path.pattern.rpartition("/")[2]
        if action in {"pause", "resume"} and reply.status == 200:
            self.history.append(Change(request.parts[0], action, is_daemon=True))
        return reply

    def act(self, repository: str, action: str, book: Book) -> None:
        """Pause or resume as a person would; asked on both sides whether the daemon may own it."""
        with self._turn:
            before = book.is_claimed(self.name, repository)
            self._put(repository, "paused" if action == "pause" else "active")
            is_claimed = book.is_claimed(self.name, repository) or before
            self.history.append(Change(repository, action, False, is_claimed))

    def verdict(self) -> Verdict:
        """Judge what happened so far."""
        with self._turn:
            return judge(self.name, self.history, [FOREIGN])


@dataclass
class World:
    """All clusters, and how much of what is asked of them goes wrong.

    Of several daemons, *members* has the password of each by its name. A cluster takes up to
    *latency_ms* for a call.
    """

    book: Book
    password: str
    dice: random.Random
    evil_share: float
    members: Mapping[str, str] = field(default_factory=dict)
    latency_ms: float = 20.0
    clusters: dict[str, Cluster] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    unmarked: list[str] = field(default_factory=list)
    people: Counter[str] = field(default_factory=Counter)
    _exits: ExitStack = field(default_factory=ExitStack)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def open(self, clusters: int, repositories: int) -> None:
        """Start *clusters* services with so many *repositories* each, beside the foreign one."""
        ids = [f"r{number}" for number in range(repositories)]
        for number in range(clusters):
            name = f"c{number:02}"
            cluster = Cluster(name, ids, self.password, self.dice.uniform(0, self.latency_ms))
            self.clusters[name] = self._exits.enter_context(cluster)
            gateway = self._gateway(cluster, self._chooser(name))
            self.gateways[name] = self._exits.enter_context(gateway)

    def _gateway(self, cluster: Cluster, choose: Choose) -> Gateway:
        if not self.members:
            return Gateway(cluster.url, choose)
        known = {header_of(USER, password): name for name, password in self.members.items()}
        return WatchedGateway(cluster.url, choose, known, header_of(USER, self.password))

    def close(self) -> None:
        """Stop all services."""
        self._exits.close()

    def _chooser(self, name: str) -> Choose:
        modes = list(MODES.values())

        def choose(request: Seen) -> Mode | None:
            if request.path == discovery.PATH:
                return ODD_HOSTS
            *_, repository, action = request.path.split("/")
            if action == "pause" and not self.book.is_marked(name, repository):
                self.unmarked.append(f"I3: {name}/{repository} paused without a durable mark")
            with self._turn:
                return self.dice.choice(modes) if self.dice.random() < self.evil_share else None

        return choose

    def disturb(self, dice: random.Random) -> None:
        """Let a person pause or resume something."""
        cluster = dice.choice(list(self.clusters.values()))
        repository = dice.choice([id_ for id_ in cluster.states() if id_ != FOREIGN])
        action = dice.choice(["pause", "resume"])
        self.people[action] += 1
        cluster.act(repository, action, self.book)

    def rotate(self, password: str) -> None:
        """Let every service accept another password from now on."""
        for cluster in self.clusters.values():
            cluster.users[USER] = (password, "backup_admin")

    @property
    def requests(self) -> int:
        """How many requests reached the gateways."""
        return sum(gateway.requests for gateway in self.gateways.values())

    @property
    def injected(self) -> Counter[str]:
        """How many of them met which evil mode."""
        return sum((gateway.injected for gateway in self.gateways.values()), Counter())

    @property
    def left_paused(self) -> list[str]:
        """The repositories that the daemon paused and nobody resumed yet."""
        return [
            f"{name}/{id_}"
            for name, cluster in self.clusters.items()
            for id_ in cluster.verdict().left_paused
        ]

    def has(self, hold: Mapping[str, Any]) -> bool:
        """Check whether a repository of the status is there, and not one that only a list named.

        A pause that got lost on its way to one that is not is suspected for minutes, as it must be:
        only then is it known that nothing came of it.
        """
        return hold["repository"] in self.clusters[hold["cluster"]].states()

    @property
    def violations(self) -> list[str]:
        """What broke a promise at any time."""
        verdicts = (cluster.verdict() for cluster in self.clusters.values())
        return self.unmarked + [text for verdict in verdicts for text in verdict.violations]
