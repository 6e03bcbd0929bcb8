"""The fast server tells whether those that are compared had as many connections, and when."""

from __future__ import annotations

import asyncio

from tests.bench.server import Cluster, Connection, make_clusters


class Wire(asyncio.Transport):
    """The server's side of a connection, which keeps what is sent."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        super().__init__()
        self.sent = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*."""
        self.sent += data


def ask(cluster: Cluster, *paths: str) -> bytes:
    """Post to *paths* over a connection and return what is answered without waiting."""

    async def post() -> bytes:
        wire, connection = Wire(), Connection(cluster, 0)
        connection.connection_made(wire)
        for path in paths:
            connection.data_received(f"POST {path} HTTP/1.1\r\n\r\n".encode())
        return wire.sent

    return asyncio.run(post())


def test_a_wait_is_answered_at_its_time() -> None:
    """A request that is to wait is held until then, and counted as made in time."""
    (cluster,) = make_clusters(1, 1)

    assert ask(cluster, "/until/1e11") == b""
    assert cluster.warmed == 1


def test_a_wait_that_comes_late_is_answered_and_not_counted() -> None:
    """Whoever was late gets on at once, but did not have its connection in time."""
    (cluster,) = make_clusters(1, 1)

    assert b" 200 " in ask(cluster, "/until/1")
    assert cluster.warmed == 0


def test_a_wait_changes_nothing() -> None:
    """It counts as no call for a repository, and the connection goes on to be used."""
    (cluster,) = make_clusters(1, 1)
    pause = "/api/v1/cluster/self/repository/active/r0/pause"

    answers = ask(cluster, "/until/1", pause)

    assert answers.count(b" 200 ") == 2
    assert list(cluster.posts) == [b"r0"]


def test_connections_are_counted_while_they_are_open() -> None:
    """The most at once is told; one that is closed makes room for another."""
    (cluster,) = make_clusters(1, 1)

    first, _second = cluster.enter(0), cluster.enter(0)
    cluster.leave(first)
    cluster.enter(0)

    assert cluster.most_connections == 2


def test_connections_of_an_earlier_measurement_do_not_count() -> None:
    """What is closed, or left open unused, after a reset belongs to what was measured before."""
    (cluster,) = make_clusters(1, 1)
    old = cluster.enter(0)

    cluster.reset()
    cluster.leave(old)
    new = cluster.enter(0)
    cluster.enter(new)

    assert cluster.most_connections == 1
