"""Many clusters in one process: as little of a Backup Service as the daemon and its peers can tell.

    python -m tests.bench.server --clusters 10 --repositories 100 --latency 0.05

It must never be what is measured: requests are not parsed further than their path and length, lists
are joined from ready pieces, and every answer is one timer. Commands are lines on stdin, answers
lines of JSON on stdout; it ends with its stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_DONE = _HEAD % 0
_ACTIVE = b"/api/v1/cluster/self/repository/active"
_UNTIL = b"/until/"
"""Followed by seconds since 1970: answered then, so that peers begin with warm connections."""

_END = b"\r\n\r\n"
_PAUSED, _RUNNING = b"paused", b"active"


def _piece(id_: str, state: bytes) -> bytes:
    """Write one repository as the service does; `scheduled` is absent while it is paused."""
    repository: dict[str, object] = {
        "id": id_,
        "plan_name": "_daily_backups",
        "state": state.decode(),
        "archive": f"/backups/{id_}",
        "repo": f"5c4b5a5e-0000-4000-8000-{id_.strip('r'):0>12}",
        "version": 1,
        "health": {"healthy": True},
        "creation_time": "2026-01-12T09:31:07.123456789Z",
        "update_time": "2026-01-12T09:31:07.123456789Z",
    }
    if state == _RUNNING:
        run = {"name": "daily", "task_type": "BACKUP", "next_run": "2030-01-01T20:00:00Z"}
        repository["scheduled"] = {"daily": run}
    return json.dumps(repository).encode()


@dataclass
class Cluster:
    """One cluster's repositories and when they were asked for; times are seconds since 1970."""

    ids: list[bytes]
    pieces: dict[tuple[bytes, bytes], bytes]
    hangs: bool = False
    states: dict[bytes, bytes] = field(default_factory=dict)
    posts: dict[bytes, float] = field(default_factory=dict)
    first_get: float = 0.0
    requests: int = 0
    warmed: int = 0
    most_connections: int = 0
    series: int = 0
    _connections: int = 0
    _list: bytes = b""

    def reset(self) -> None:
        """Have every repository active, and nothing seen."""
        self.states = dict.fromkeys(self.ids, _RUNNING)
        self.posts.clear()
        self.first_get = 0.0
        self.requests, self.hangs, self._list = 0, False, b""
        self.warmed = self.most_connections = self._connections = 0
        self.series += 1

    def enter(self, series: int) -> int:
        """Count a connection that was last counted in *series*, once in each; return which it is.

        Those of a process that has ended before may be closed later than the next one begins.
        """
        if series != self.series:
            self._connections += 1
            self.most_connections = max(self.most_connections, self._connections)
        return self.series

    def leave(self, series: int) -> None:
        """Count it no more."""
        self._connections -= series == self.series

    def listed(self) -> bytes:
        """Return the answer to a list call."""
        if not self._list:
            found = b",\n".join(self.pieces[item] for item in self.states.items())
            self._list = _HEAD % (len(found) + 2) + b"[" + found + b"]"
        return self._list

    def one(self, id_: bytes) -> bytes:
        """Return the answer to a call for one repository."""
        piece = self.pieces.get((id_, self.states.get(id_, b"")))
        return _HEAD % len(piece) + piece if piece else _NOT_FOUND

    def change(self, id_: bytes, action: bytes) -> bytes:
        """Pause or resume a repository, and give the answer."""
        if id_ not in self.states:
            return _NOT_FOUND
        self.states[id_] = _PAUSED if action == b"pause" else _RUNNING
        self._list = b""
        return _DONE

    def report(self) -> dict[str, object]:
        """Return what was seen since the last reset."""
        return {
            "posts": {id_.decode(): at for id_, at in self.posts.items()},
            "first_get": self.first_get,
            "paused": sum(state == _PAUSED for state in self.states.values()),
            "requests": self.requests,
            "warmed": self.warmed,
            "most_connections": self.most_connections,
        }


class Connection(asyncio.Protocol):
    """A connection that is kept; answers leave in the order of their requests."""

    def __init__(self, cluster: Cluster, latency_s: float) -> None:
        """Serve *cluster*, each answer *latency_s* after its request."""
        self._cluster = cluster
        self._latency_s = latency_s
        self._received = b""
        self._due: deque[tuple[bytes, bytes]] = deque()
        self._series = 0
        self._later = asyncio.get_running_loop().call_later

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        del exc
        self._cluster.leave(self._series)

    def data_received(self, data: bytes) -> None:
        """Take every whole request that has arrived."""
        received = self._received + data if self._received else data
        while (end := received.find(_END)) >= 0:
            length = _LENGTH.search(received, 0, end)
            whole = end + len(_END) + (int(length[1]) if length else 0)
            if len(received) < whole:
                break
            method, path, _ = received.split(b" ", 2)
            self._take(method, path)
            received = received[whole:]
        self._received = received

    def _take(self, method: bytes, path: bytes) -> None:
        cluster, now, latency_s = self._cluster, time.time(), self._latency_s
        self._series = cluster.enter(self._series)
        if path.startswith(_UNTIL):
            latency_s = max(float(path[len(_UNTIL) :]) - now, 0.0)
            cluster.warmed += bool(latency_s)
        elif method == b"POST":
            cluster.posts.setdefault(path.split(b"/", 8)[7], now)
        elif not cluster.first_get:
            cluster.first_get = now
        cluster.requests += 1
        if cluster.hangs and method == b"POST":
            return
        self._due.append((method, path))
        if latency_s:
            self._later(latency_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        method, path = self._due.popleft()
        self._transport.write(self._answer_to(method, path.partition(b"?")[0]))

    def _answer_to(self, method: bytes, path: bytes) -> bytes:
        if not path.startswith(_ACTIVE):
            return _DONE if path.startswith(_UNTIL) else _NOT_FOUND
        match path[len(_ACTIVE) + 1 :].split(b"/"):
            case [b""] if method == b"GET":
                return self._cluster.listed()
            case [id_] if method == b"GET":
                return self._cluster.one(id_)
            case [id_, b"pause" | b"resume" as action] if method == b"POST":
                return self._cluster.change(id_, action)
            case _:
                return _NOT_FOUND


def make_clusters(count: int, repositories: int) -> list[Cluster]:
    """Make clusters that have repositories `r0`, `r1` and so on."""
    ids = [f"r{number}" for number in range(repositories)]
    pieces = {(i.encode(), s): _piece(i, s) for i in ids for s in (_PAUSED, _RUNNING)}
    clusters = [Cluster([id_.encode() for id_ in ids], pieces) for _ in range(count)]
    for cluster in clusters:
        cluster.reset()
    return clusters


async def serve(clusters: list[Cluster], latency_s: float) -> None:
    """Serve each cluster on a loopback port of its own until stdin ends."""
    loop = asyncio.get_running_loop()
    ports = []
    for cluster in clusters:

        def connect(cluster: Cluster = cluster) -> Connection:
            return Connection(cluster, latency_s)

        server = await loop.create_server(connect, "127.0.0.1", 0, backlog=1024)
        ports.append(server.sockets[0].getsockname()[1])
    _say(ports)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := await orders.readline():
        _obey(order.decode().split(), clusters)


def _obey(order: list[str], clusters: list[Cluster]) -> None:
    match order:
        case ["reset"]:
            for cluster in clusters:
                cluster.reset()
            _say([])
        case ["hang", number]:
            clusters[int(number)].hangs = True
            _say([])
        case ["report"]:
            _say([cluster.report() for cluster in clusters])
        case _:
            raise ValueError(f"no such order: {order}")


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.server")
    parser.add_argument("--clusters", type=int, default=10)
    parser.add_argument("--repositories", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    args = parser.parse_args()
    clusters = make_clusters(args.clusters, args.repositories)
    gc.freeze()
    asyncio.run(serve(clusters, args.latency))


if __name__ == "__main__":
    main()
