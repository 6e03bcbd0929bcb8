"""Several roots of one service, asked in turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.core.attempt import CallError, Outcome
from daemon.service.client import ServiceError
from tests.evil.server import (
    answer,
)
from tests.service.client.kit import (
    OK,
    PROXY_404,
    Connect,
    Serve,
    closed_port,
)


def test_the_next_root_is_asked_at_once_and_remembered(serve: Serve, connect: Connect) -> None:
    """A dead root sends the call to the next one without a wait, and later calls begin there."""
    server = serve(OK)
    client = connect(closed_port(), server.url, attempts=3)

    client.pause()
    client.pause()

    assert client.waits == [timedelta(0)]
    assert client.errors == [CallError.REFUSED, None, None]
    assert [attempt.attempt for attempt in client.attempts] == [1, 2, 1]


def test_a_server_error_moves_on_and_a_throttle_stays(serve: Serve, connect: Connect) -> None:
    """A 5xx goes to the next root; a 429 waits for its own; after a round there is a wait."""
    first, second = serve(answer(500), OK), serve(answer(429), answer(503))
    client = connect(first.url, second.url, attempts=5)

    client.pause()

    assert [attempt.url.startswith(first.url) for attempt in client.attempts] == [
        True,
        False,
        False,
        True,
    ]
    assert client.waits == [timedelta(seconds=s) for s in (0, 2, 4)]


@pytest.mark.parametrize("status", [501, 507, 520])
def test_any_server_error_moves_on(serve: Serve, connect: Connect, status: int) -> None:
    """A 5xx that no wait would cure is asked about at each other root, once."""
    first, second = serve(answer(status)), serve(OK, answer(status))
    client = connect(first.url, second.url, attempts=5)

    client.pause()
    failure = client.failure()

    assert [attempt.status for attempt in client.attempts] == [status, 200, status, status]
    assert client.waits == [timedelta(0)] * 2
    assert (failure.error, failure.retryable) == (CallError.SERVER_ERROR, False)


def test_a_node_without_the_service_moves_on(serve: Serve, connect: Connect) -> None:
    """The proxy's 404 of a node that does not run the service is asked about elsewhere, once."""
    first, second = serve(PROXY_404), serve(OK, PROXY_404)
    client = connect(first.url, second.url, attempts=5)

    client.pause()
    failure = client.failure()

    assert client.errors == [CallError.NOT_FOUND, None, CallError.NOT_FOUND, CallError.NOT_FOUND]
    assert (failure.error, failure.retryable) == (CallError.NOT_FOUND, False)


def test_what_is_not_sent_again_has_failed(serve: Serve, connect: Connect) -> None:
    """An attempt after which nothing may leave any more is the last one, and says so."""
    server = serve(answer(503))
    client = connect(server.url, attempts=5)
    may_send = iter((True, False))

    with pytest.raises(ServiceError) as caught:
        client.service.pause("orders", (), client.keep_trying, may_send.__next__)

    (attempt,) = client.attempts
    assert (attempt.outcome, attempt.retry_in, client.waits) == (Outcome.FAILED, None, [])
    assert caught.value.unresolved
