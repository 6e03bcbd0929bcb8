"""However a server drips, a call ends in time and holds no other."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

from daemon.core.attempt import CallError, Outcome
from daemon.service.cluster import Timeouts
from tests.evil.server import (
    BEAT,
    Talk,
    silent,
)
from tests.service.client.kit import (
    CONNECT,
    OK,
    PATIENCE,
    Connect,
    Serve,
)


def test_the_total_timeout_bounds_a_tls_handshake(serve: Serve, connect: Connect) -> None:
    """A handshake that drips ends with the total timeout; the request has surely not left."""

    def drip_handshake(sock: socket.socket, stop: threading.Event) -> None:
        sock.sendall(b"\x16\x03\x03\x40\x00")
        while not stop.wait(BEAT):
            sock.sendall(b"\x02")

    server = serve(on_accept=drip_handshake)
    client = connect(server.url.replace("http:", "https:"))
    started = time.monotonic()

    failure = client.failure()

    assert time.monotonic() - started < CONNECT.total_seconds()
    assert failure.error is CallError.TIMEOUT
    assert not failure.unresolved


def test_the_read_timeout_bounds_silence(serve: Serve, connect: Connect) -> None:
    """A server that keeps silent longer than the read timeout is not waited for until the end."""
    limits = Timeouts(timedelta(seconds=2), timedelta(seconds=0.1), timedelta(seconds=60))
    client = connect(serve(silent).url, timeout=limits)

    failure = client.failure()

    assert (failure.error, failure.unresolved) == (CallError.TIMEOUT, True)


def test_a_hanging_call_holds_no_other(serve: Serve, connect: Connect) -> None:
    """While one call hangs, calls of other threads to the same server go through."""
    limits = Timeouts(timedelta(seconds=2), timedelta(seconds=30), timedelta(seconds=60))
    arrived = threading.Event()

    def hang(talk: Talk) -> None:
        arrived.set()
        silent(talk)

    client = connect(serve(hang, OK).url, timeout=limits)
    hanging = threading.Thread(target=client.failure)
    hanging.start()
    assert arrived.wait(PATIENCE.total_seconds())

    for _ in range(20):
        client.pause()

    assert client.outcomes == [Outcome.OK] * 20
    client.service.close()
    hanging.join(PATIENCE.total_seconds())
    assert not hanging.is_alive()
    assert client.attempts[-1].error is CallError.TIMEOUT
