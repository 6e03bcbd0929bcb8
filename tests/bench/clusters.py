"""The clusters of a benchmark: the fast server in a process of its own, and what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.bench.site import ROOT

_ACTIVE = "/api/v1/cluster/self/repository/active/"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one cluster saw since the last reset; times are seconds since 1970, 0 for never."""

    posts: dict[str, float]
    first_get: float
    paused: int
    requests: int
    warmed: int
    most_connections: int


class Clusters:
    """Loopback clusters `c0`, `c1` and so on that all have repositories `r0`, `r1` and so on."""

    def __init__(self, process: subprocess.Popen[str], repositories: int) -> None:
        """Wait until *process* serves."""
        self._process = process
        self.repositories = repositories
        self.ports: list[int] = self._read()

    @property
    def urls(self) -> dict[str, str]:
        """The root of each cluster."""
        return {f"c{n}": f"http://127.0.0.1:{port}" for n, port in enumerate(self.ports)}

    def pauses(self, most: int | None = None) -> list[str]:
        """List the URLs that pause everything, the clusters in turn; *most* of them."""
        roots = list(self.urls.values())
        paths = (f"{_ACTIVE}r{number}/pause" for number in range(self.repositories))
        return [root + path for path in paths for root in roots][:most]

    def lists(self) -> list[str]:
        """List the URLs of a list call to each cluster."""
        return [root + _ACTIVE for root in self.urls.values()]

    def waits(self, until: float, connections: int) -> list[str]:
        """List URLs that are answered at an instant, so many for each cluster, these in turn."""
        return [f"{root}/until/{until}" for root in self.urls.values()] * connections

    def reset(self) -> None:
        """Have every repository active, and nothing seen."""
        self._order("reset")

    def hang(self, number: int) -> None:
        """Let a cluster answer no POST until the next reset."""
        self._order(f"hang {number}")

    def seen(self) -> list[Seen]:
        """Return what each cluster saw since the last reset."""
        return [Seen(**report) for report in self._order("report")]

    def _order(self, order: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def clusters(
    repositories: int, latency: timedelta = timedelta(0), count: int = 10
) -> Iterator[Clusters]:
    """Serve *count* clusters with so many *repositories* each, each answer after *latency*."""
    options = {
        "--clusters": count,
        "--repositories": repositories,
        "--latency": latency.total_seconds(),
    }
    arguments = [str(part) for option in options.items() for part in option]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        yield Clusters(process, repositories)
