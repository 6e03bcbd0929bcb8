"""What the page costs whoever looks, and the daemon: time, bytes and processor."""

from __future__ import annotations

import http.client
import socket
import tempfile
import time
from pathlib import Path
from statistics import median

from daemon.runtime.health import ANEW_AFTER
from tests.bench import goals
from tests.bench.clusters import clusters
from tests.bench.measures import Row, within
from tests.bench.site import Running, Site, everything

LOOKS, LOOKS_QUICK = 30, 10


def pages(*, quick: bool) -> list[Row]:
    """Look at the page while 1 repository is paused, and while 10,000 of ten clusters are."""
    looks = LOOKS_QUICK if quick else LOOKS
    few = _rows(1, 1, looks)
    return [*few, *_rows(10, 1000, looks)]


def _rows(count: int, repositories: int, looks: int) -> list[Row]:
    port = _free_port()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        clusters(repositories, count=count) as served,
    ):
        site = Site(Path(name), served.urls, top=f"listen: 127.0.0.1:{port}")
        total = count * repositories
        with site.opened(served.reset, everything) as (daemon, _):
            daemon.wait_for("repository.paused", total)
            _look(port)
            taken, size, cpu_s = _looks(daemon, port, looks)
    goal = goals.PAGE_OF_10000 if total > 1 else goals.PAGE_OF_1
    what = f"the page with {total:,} {'repositories' if total > 1 else 'repository'} paused"
    return [
        within(f"{what}, to the last byte", median(taken) * 1000, goal, taken),
        within(f"{what}: processor", cpu_s / looks * 1000, goal),
        within(f"{what}: its size", size / 1000, goals.PAGE_SIZE),
    ]


def _looks(daemon: Running, port: int, looks: int) -> tuple[list[float], int, float]:
    """Return how long each look took, how large the page is, and the processor time of all."""
    found, spent = [], 0.0
    for _ in range(looks):
        # Less than a second later it would be made of the same scene.
        time.sleep(ANEW_AFTER.total_seconds())
        before = daemon.cpu_s()
        found.append(_look(port))
        spent += daemon.cpu_s() - before
    return [seconds for seconds, _ in found], found[-1][1], spent


def _look(port: int) -> tuple[float, int]:
    clock = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != http.HTTPStatus.OK or b"You may start" not in body:
        raise RuntimeError(f"the page says {answer.status}, and not that all is paused")
    return time.perf_counter() - clock, len(body)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
