"""The server for monitoring: what its readers cannot do to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from daemon.monitoring.endpoint import AT_ONCE, Endpoint, Page

BUG = LookupError("a page that cannot be made")


def broken() -> Page:
    """Meet a bug."""
    raise BUG


@pytest.fixture
def bugs() -> list[Exception]:
    """Return the bugs that were told of; none so far."""
    return []


@pytest.fixture
def endpoint(bugs: list[Exception]) -> Iterator[Endpoint]:
    """Serve a page that is well, and one that is not."""
    pages = {"/": lambda: Page(200, b"well"), "/broken": broken}
    endpoint = Endpoint(("127.0.0.1", 0), pages.__getitem__, bugs.append)
    yield endpoint
    endpoint.close()


def connection(endpoint: Endpoint) -> socket.socket:
    """Connect to it."""
    return socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)


def test_who_asks_for_another_protocol_is_answered(endpoint: Endpoint) -> None:
    """As `curl --http2` asks; an upgrade may be declined by an ordinary answer."""
    with connection(endpoint) as reader:
        reader.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        reader.sendall(b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")

        assert reader.recv(100).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("POST / HTTP/1.1\r\nHost: localhost", b"405 Method Not Allowed"),
        ("DELETE / HTTP/1.1\r\nHost: localhost", b"405 Method Not Allowed"),
        ("HEAD / HTTP/1.1\r\nHost: localhost", b"200 OK"),
        ("GET / HTTP/1.1\r\nHost: evil.example", b"421 Misdirected Request"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost", b"421 Misdirected Request"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", b"421 Misdirected Request"),
    ],
)
def test_only_reading_under_a_name_of_ours(
    endpoint: Endpoint, request_: str, status: bytes
) -> None:
    """Nothing can be changed, and no page of another name in a browser can read along."""
    with connection(endpoint) as reader:
        reader.sendall(f"{request_}\r\n\r\n".encode())
        answer = reader.recv(1000)

    assert answer.startswith(b"HTTP/1.0 " + status)
    assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == status.startswith(b"405")
    assert answer.endswith(b"well") is False


def test_a_page_that_meets_a_bug_is_an_answer(
    endpoint: Endpoint, bugs: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """Its reader is told, the daemon's log has it once, and asyncio writes nothing of its own."""
    with connection(endpoint) as reader:
        reader.sendall(b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = reader.recv(1000)

    assert answer.startswith(b"HTTP/1.0 500 ")
    assert bugs == [BUG]
    assert caplog.records == []


def test_many_at_once_are_never_more_than_a_few(endpoint: Endpoint) -> None:
    """Of a crowd that comes together all but the last few are cut off."""
    crowd = [connection(endpoint) for _ in range(3 * AT_ONCE)]
    cut_off = 0
    for reader in crowd[:-AT_ONCE]:
        reader.settimeout(1)
        cut_off += _is_cut(reader)
        reader.close()

    assert cut_off == 2 * AT_ONCE
    for reader in crowd[-AT_ONCE:]:
        reader.close()


def _is_cut(reader: socket.socket) -> bool:
    try:
        return reader.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


class Dribbler(threading.Thread):
    """Says one byte of a request, and comes again at once when it is cut off."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        """Dribble at *port* until *stop*."""
        super().__init__(daemon=True)
        self._port = port
        self._stop = stop
        self.came = threading.Event()

    def run(self) -> None:
        """Come again and again."""
        while not self._stop.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._port), timeout=5) as connected,
            ):
                connected.sendall(b"G")
                self.came.set()
                connected.recv(1)


@pytest.fixture
def dribblers(endpoint: Endpoint) -> Iterator[None]:
    """Have a hundred of them there."""
    stop = threading.Event()
    crowd = [Dribbler(endpoint.port, stop) for _ in range(100)]
    for dribbler in crowd:
        dribbler.start()
    assert all(dribbler.came.wait(60) for dribbler in crowd)
    yield
    stop.set()


@pytest.mark.usefixtures("dribblers")
def test_a_crowd_that_dribbles_keeps_nobody_else_out(endpoint: Endpoint) -> None:
    """A hundred connections that never end their request, and a probe gets its answer each time."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=60) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

            assert probe.recv(100).startswith(b"HTTP/1.0 200 ")


def test_a_head_that_never_ends_is_cut_off(endpoint: Endpoint) -> None:
    """At a few kilobytes, long before its time is over."""
    with connection(endpoint) as reader, contextlib.suppress(ConnectionError):
        reader.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000)

        assert reader.recv(1) == b""
