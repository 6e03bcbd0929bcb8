"""Roots that the cluster manager tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.core.attempt import Action, CallError
from daemon.service.client import WithheldError
from tests.evil.server import (
    Behaviour,
    answer,
    cut,
)
from tests.service.client.kit import (
    EMPTY,
    Connect,
    Serve,
    closed_port,
)


def nodes(*urls: str) -> Behaviour:
    """Answer like a cluster manager whose nodes run the service at *urls*."""
    extended = [{"services": {"backupAPI": int(url.rpartition(":")[2])}} for url in urls]
    return answer(200, json.dumps({"nodesExt": extended}).encode())


def test_the_service_is_discovered_once(serve: Serve, connect: Connect) -> None:
    """The cluster manager is asked where the service is before the first call, and not again."""
    server = serve(EMPTY)
    manager = serve(nodes(server.url))
    client = connect(discover=(manager.url,))

    client.service.repositories(("nightly",))
    client.service.repositories()

    assert [request.path for request in manager.seen] == ["/pools/default/nodeServices"]
    assert [attempt.action for attempt in client.attempts] == [
        Action.DISCOVER,
        Action.LIST,
        Action.LIST,
    ]
    assert client.attempts[0].windows == ("nightly",)


def test_a_service_that_moved_is_discovered_anew(serve: Serve, connect: Connect) -> None:
    """When no known node answers any more, the next call asks the cluster manager again."""
    server = serve(EMPTY)
    manager = serve(nodes(closed_port(), closed_port()), nodes(server.url))
    client = connect(closed_port(), urls=(), discover=(closed_port(), manager.url), attempts=2)

    client.list_failure()
    client.service.repositories((), client.keep_trying)

    assert [attempt.action for attempt in client.attempts] == [
        Action.DISCOVER,
        Action.DISCOVER,
        Action.LIST,
        Action.LIST,
        Action.DISCOVER,
        Action.LIST,
    ]
    assert len(manager.seen) == 2


def test_a_node_that_gives_no_list_is_discovered_anew(serve: Serve, connect: Connect) -> None:
    """Whatever listens there now: after a list that failed the cluster manager is asked again."""
    former, server = serve(EMPTY, answer(404, b"404 page not found")), serve(EMPTY)
    manager = serve(nodes(former.url), nodes(server.url))
    client = connect(discover=(manager.url,))

    client.service.repositories()
    client.list_failure()
    client.service.repositories()
    client.service.repositories()

    assert [attempt.action for attempt in client.attempts] == [
        *(Action.DISCOVER, Action.LIST, Action.LIST),
        *(Action.DISCOVER, Action.LIST, Action.LIST),
    ]
    assert [len(each.seen) for each in (former, server, manager)] == [2, 2, 2]


@pytest.mark.parametrize("failed", [answer(403), cut()], ids=["no list", "silence"])
def test_known_nodes_are_asked_while_the_manager_is_down(
    serve: Serve, connect: Connect, failed: Behaviour
) -> None:
    """A cluster manager that does not answer keeps nobody from the nodes that it named before."""
    server = serve(EMPTY, failed, EMPTY)
    manager = serve(nodes(server.url), cut())
    client = connect(discover=(manager.url,))

    client.service.repositories()
    client.list_failure()
    client.service.repositories()

    assert client.errors[-2:] == [CallError.RESET, None]
    assert [attempt.action for attempt in client.attempts[-2:]] == [Action.DISCOVER, Action.LIST]


def test_nothing_leaves_when_it_is_too_late_after_a_discovery(
    serve: Serve, connect: Connect
) -> None:
    """A pause whose opening ends while the manager takes its time is withheld."""
    server = serve(EMPTY)
    manager = serve(nodes(server.url))
    client = connect(discover=(manager.url,))

    with pytest.raises(WithheldError):
        client.service.pause("orders", (), client.keep_trying, lambda: not manager.seen)

    assert len(manager.seen) == 1
    assert server.seen == []
    assert [attempt.action for attempt in client.attempts] == [Action.DISCOVER]


def test_a_password_goes_nowhere_in_the_clear(
    serve: Serve, connect: Connect, password_file: Path
) -> None:
    """A cluster manager on loopback cannot send the password over a network by plain HTTP.

    The names are of no host, and asked only where the file allows it.
    """
    hosts = ("192.0.2.1", "backup.example", "::ffff:c000:201")
    listed = [{"hostname": host, "services": {"backupAPI": 8097}} for host in hosts]
    manager = serve(answer(200, json.dumps({"nodesExt": listed}).encode()))
    identity = {"username": "u", "password_file": password_file}
    client = connect(discover=(manager.url,), **identity)
    bold = connect(discover=(manager.url,), **identity, allow_insecure_http=True)

    failure = client.failure()
    bold.failure()

    assert failure.error is CallError.NOT_FOUND
    assert "allow_insecure_http: true" in failure.message
    assert [attempt.action for attempt in client.attempts] == [Action.DISCOVER]
    assert [attempt.action for attempt in bold.attempts] == [Action.DISCOVER, Action.PAUSE]


def test_of_several_hosts_the_safe_ones_are_asked(serve: Serve, connect: Connect) -> None:
    """One host that would get the password in the clear keeps nobody from the others."""
    server = serve(EMPTY)
    port = int(server.url.rpartition(":")[2])
    hosts = ("192.0.2.1", "127.0.0.1")
    listed = [{"hostname": host, "services": {"backupAPI": port}} for host in hosts]
    manager = serve(answer(200, json.dumps({"nodesExt": listed}).encode()))
    client = connect(discover=(manager.url,))

    client.service.repositories()

    assert [attempt.url.partition("/api")[0] for attempt in client.attempts[1:]] == [server.url]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"nodesExt": [{"services": {"kv": 11210}}]}', CallError.NOT_FOUND),
        (b'{"nodes": []}', CallError.UNEXPECTED),
    ],
)
def test_a_cluster_without_the_service_is_an_error(
    serve: Serve, connect: Connect, body: bytes, error: CallError
) -> None:
    """A cluster in which no node runs the service, or that says nothing about it, is an error."""
    client = connect(discover=(serve(answer(200, body)).url,))

    failure = client.failure()

    assert (failure.error, failure.retryable) == (error, False)
    assert len(client.attempts) == 1
