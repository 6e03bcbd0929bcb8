"""The gateway of the evil matrix: what it lets pass is not changed, and what it does is counted."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.evil.server import Seen
from tests.service.client.kit import PATIENCE, basic

ACTIVE = "/api/v1/cluster/self/repository/active"
HEADERS = {"Authorization": basic("u", "p"), "Content-Type": "application/json"}
THREADS, ROUNDS = 8, 25


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Start a service with one repository."""
    with Simulator(["orders"], {"u": ("p", "backup_admin")}) as simulator:
        yield simulator


def connected(url: str) -> http.client.HTTPConnection:
    """Make a connection to a root."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)


def asked(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers without those of the moment, and body of an answer."""
    connection.request(method, path, b"{}" if method == "POST" else None, headers)
    answer = connection.getresponse()
    said = {name: value for name, value in answer.getheaders() if name != "Date"}
    return answer.status, said, answer.read()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", ACTIVE, HEADERS, id="a list"),
        pytest.param("GET", ACTIVE, {}, id="a stranger"),
        pytest.param("POST", f"{ACTIVE}/orders/pause", HEADERS, id="a pause"),
        pytest.param("POST", f"{ACTIVE}/missing/pause", HEADERS, id="a repository that is not"),
        pytest.param("GET", "/nowhere?x=%20", HEADERS, id="a path that is not"),
    ],
)
def test_what_passes_is_not_changed(
    simulator: Simulator, method: str, path: str, headers: dict[str, str]
) -> None:
    """Through the gateway a request gets the service's own answer, header by header."""
    with Gateway(simulator.url, lambda _: None) as gateway:
        direct, through = connected(simulator.url), connected(gateway.url)

        expected = asked(direct, method, path, headers)
        result = asked(through, method, path, headers)

        direct.close()
        through.close()

    assert result == expected
    assert gateway.requests == 1
    assert not gateway.injected


def test_many_clients_are_counted_one_by_one(simulator: Simulator) -> None:
    """Threads that share a gateway lose no request and no count, and evil ones pass nothing on."""
    with Gateway(simulator.url, evil_posts) as gateway:
        work = [threading.Thread(target=lists_and_posts, args=(gateway,)) for _ in range(THREADS)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(20 * PATIENCE.total_seconds())

    assert gateway.requests == 2 * THREADS * ROUNDS
    assert gateway.injected == {"403": THREADS * ROUNDS}
    assert len(simulator.requests) == THREADS * ROUNDS


def evil_posts(request: Seen) -> Mode | None:
    """Refuse what would change something."""
    return MODES["403"] if request.method == "POST" else None


def lists_and_posts(gateway: Gateway) -> None:
    """Ask again and again over one connection."""
    connection = connected(gateway.url)
    for _ in range(ROUNDS):
        asked(connection, "GET", ACTIVE, HEADERS)
        asked(connection, "POST", f"{ACTIVE}/orders/pause", HEADERS)
    connection.close()


def test_who_follows_a_redirect_is_noticed(simulator: Simulator) -> None:
    """The place that redirects point to is on another host, and the gateway counts who goes."""
    with Gateway(simulator.url, Once(MODES["307 elsewhere"])) as gateway:
        here = connected(gateway.url)
        _, said, _ = asked(here, "POST", f"{ACTIVE}/orders/pause", HEADERS)
        there = connected(said["Location"])
        asked(there, "POST", "/elsewhere", HEADERS)
        here.close()
        there.close()

    assert urlsplit(said["Location"]).hostname not in {"127.0.0.1", None}
    assert gateway.requests == 2
    assert simulator.state("orders") == "active"


class Once:
    """A mode that is met once."""

    def __init__(self, mode: Mode) -> None:
        """Begin with all before it."""
        self._left = [mode]

    def __call__(self, _: Seen) -> Mode | None:
        """Use it up."""
        return self._left.pop() if self._left else None


def test_a_service_that_is_gone_closes_the_connection(simulator: Simulator) -> None:
    """When nobody answers behind the gateway, its client sees the connection end."""
    with Gateway(simulator.url, lambda _: None) as gateway:
        connection = connected(gateway.url)
        asked(connection, "GET", ACTIVE, HEADERS)
        simulator.stop()

        with pytest.raises(ConnectionError):
            asked(connection, "GET", ACTIVE, HEADERS)

        connection.close()
        assert gateway.requests == 2
