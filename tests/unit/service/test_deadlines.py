"""Deadlines over sockets: what is cut, when, and what is left alone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from daemon.service.deadlines import Deadline, Deadlines

SHORT = timedelta(milliseconds=30)
LONG = timedelta(hours=1)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the two ends of a connection."""
    left, right = socket.socketpair()
    left.settimeout(5)
    with left, right:
        yield left, right


def test_a_reader_is_woken_when_its_time_is_over(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """A blocked read ends at the deadline, which looks like an end of file and is marked."""
    watch = Deadlines(SHORT)
    started = time.monotonic()

    with watch.start() as deadline:
        deadline.guard(pair[0])
        received = pair[0].recv(1)

    assert received == b""
    assert deadline.is_over
    assert time.monotonic() - started >= SHORT.total_seconds()
    watch.close()


def test_deadlines_end_each_in_its_turn() -> None:
    """A deadline that starts while the watcher sleeps is kept as well."""
    watch = Deadlines(SHORT)

    def hang() -> None:
        left, right = socket.socketpair()
        with left, right, watch.start() as deadline:
            left.settimeout(5)
            deadline.guard(left)
            left.recv(1)
        ended.append(deadline.is_over)

    ended: list[bool] = []
    for _ in range(3):
        threads = [threading.Thread(target=hang) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert ended == [True] * 12
    watch.close()


def test_a_finished_exchange_is_left_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    """A cut that comes late does not hit the exchange that has the connection by then."""
    deadline = Deadline(0.0)
    deadline.guard(pair[0])
    deadline.finish()

    deadline.cut()

    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"
    assert not deadline.is_over


def test_a_socket_that_comes_too_late_is_cut_at_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """A connection that is made after the deadline carries nothing."""
    deadline = Deadline(0.0)
    deadline.cut()

    deadline.guard(pair[0])

    assert pair[0].recv(1) == b""


def test_closing_cuts_what_runs_and_what_starts_later(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """After close nothing goes on and nothing new gets through."""
    watch = Deadlines(LONG)

    with watch.start() as running:
        running.guard(pair[0])
        watch.close()
        with watch.start() as late:
            pass

    assert running.is_over
    assert late.is_over
    assert pair[0].recv(1) == b""
