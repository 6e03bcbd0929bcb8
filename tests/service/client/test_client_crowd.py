"""Many large answers at once: no more of them is kept than the daemon has room for."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import timedelta

from daemon.core.attempt import CallError
from daemon.service.cluster import Timeouts
from daemon.service.receiver import LARGE, LARGE_TOGETHER
from tests.evil.server import Talk
from tests.service.client.kit import EMPTY, HEAD, PATIENCE, Connect, Serve

_LIST = 15 * LARGE
HOGS = LARGE_TOGETHER // _LIST + 1
LONG = Timeouts(timedelta(seconds=60), timedelta(seconds=60), timedelta(seconds=120))


def hog(talk: Talk) -> None:
    """Send most of a large list, and never the rest."""
    talk.send(HEAD + f"Content-Length: {_LIST + 1}\r\n\r\n".encode() + b" " * _LIST)
    talk.wait_for_the_end()


def test_large_answers_of_many_servers_are_bounded_together(serve: Serve, connect: Connect) -> None:
    """One of the largest is given up at once; the others and a small one are not touched."""
    clients = [connect(serve(hog).url, timeout=LONG) for _ in range(HOGS)]
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(client.list_failure) for client in clients]
        ended, waiting = wait(calls, PATIENCE.total_seconds(), FIRST_COMPLETED)
        small = connect(serve(EMPTY).url)

        assert [call.result().error for call in ended] == [CallError.TOO_LARGE]
        assert small.service.repositories() == ()
        assert len(waiting) == HOGS - 1
        for client in clients:
            client.service.close()
