"""Answers that say no: what is tried again, when, and what is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.core.attempt import CallError, Outcome
from daemon.service.cluster import Timeouts
from tests.evil.server import (
    answer,
    flooding,
    resetting,
)
from tests.service.client.kit import (
    OK,
    Connect,
    Serve,
    closed_port,
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    serve: Serve, connect: Connect, password_file: Path, status: int
) -> None:
    """A redirect is an error that names the host it points to, which gets no request."""
    elsewhere = serve(OK)
    place = f"{elsewhere.url}/login?token=verysecret"
    server = serve(answer(status, b"", Location=place))
    client = connect(server.url, attempts=3, username="u", password_file=password_file)

    failure = client.failure()

    assert (failure.error, failure.retryable) == (CallError.REDIRECT, False)
    assert elsewhere.connections == 0
    assert elsewhere.url in failure.message
    assert "verysecret" not in str(failure)
    assert client.attempts[0].status == status


def test_an_endless_redirect_page_is_cut(serve: Serve, connect: Connect) -> None:
    """A redirect's body is bounded like any other's."""
    flood = flooding(b"HTTP/1.1 302 Go\r\nLocation: /x\r\n\r\n", b" " * 65536)
    client = connect(serve(flood).url, timeout=Timeouts())

    assert client.failure().error is CallError.REDIRECT


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (
            403,
            b'{"message":"Forbidden. User needs one of","permissions":["backup!write"]}',
            CallError.FORBIDDEN,
            "Forbidden. User needs one of (backup!write)",
        ),
        (
            404,
            b'{"status":404,"msg":"could not find repository with id: orders"}',
            CallError.NOT_FOUND,
            "could not find repository with id: orders",
        ),
        (404, b"404 page not found\n", CallError.NOT_FOUND, "404 page not found"),
        (
            400,
            b'{"status":400,"msg":"invalid request body","extras":"EOF"}',
            CallError.BAD_REQUEST,
            "invalid request body (EOF)",
        ),
        (401, b"Authentication Failure.\n", CallError.UNAUTHORIZED, "Authentication Failure."),
        (409, b"", CallError.BAD_REQUEST, ""),
    ],
)
def test_a_refusal_is_not_repeated(  # noqa: PLR0913, PLR0917 - a table of refusals
    serve: Serve, connect: Connect, status: int, body: bytes, error: CallError, message: str
) -> None:
    """A refusal ends the call at its first attempt, with what the service said about it."""
    client = connect(serve(answer(status, body)).url, attempts=5)

    failure = client.failure()

    assert failure.error is error
    assert failure.message.startswith(message or f"HTTP status {status}")
    assert (failure.retryable, failure.unresolved) == (False, False)
    (attempt,) = client.attempts
    assert (attempt.status, attempt.outcome, attempt.message) == (status, Outcome.FAILED, message)


@pytest.mark.parametrize(
    ("status", "error", "unresolved"),
    [
        (408, CallError.TIMEOUT, True),
        (425, CallError.THROTTLED, False),
        (429, CallError.THROTTLED, False),
        (500, CallError.SERVER_ERROR, True),
        (502, CallError.SERVER_ERROR, True),
        (503, CallError.SERVER_ERROR, True),
        (504, CallError.SERVER_ERROR, True),
    ],
)
def test_a_passing_trouble_is_tried_again(
    serve: Serve, connect: Connect, status: int, error: CallError, *, unresolved: bool
) -> None:
    """What may pass is tried again with a doubled ceiling, as often as the policy says."""
    client = connect(serve(answer(status)).url, attempts=3)

    failure = client.failure()

    assert client.errors == [error] * 3
    assert client.outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.FAILED]
    assert client.waits == [timedelta(seconds=1), timedelta(seconds=2)]
    assert [attempt.retry_in for attempt in client.attempts] == [*client.waits, None]
    assert (failure.retryable, failure.unresolved) == (True, unresolved)


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("7", 7),
        ("Mon, 23 Nov 2026 12:00:09 GMT", 9),
        ("86400", 30),
        ("Wed, 23 Nov 2101 12:00:00 GMT", 30),
        ("-5", 1),
        ("0", 1),
        ("soon", 1),
        ("9" * 400, 1),
        ("Mon, 23 Nov 2020 12:00:00 GMT", 1),
    ],
)
def test_retry_after_is_obeyed_within_reason(
    serve: Serve, connect: Connect, value: str, expected_s: int
) -> None:
    """Retry-After is the wait, capped by the longest delay; nonsense leaves the back-off."""
    client = connect(serve(answer(429, b"", Retry_After=value), OK).url, attempts=2)

    client.pause()

    assert client.waits == [timedelta(seconds=expected_s)]
    assert client.attempts[0].retry_in == timedelta(seconds=expected_s)


def test_a_compressed_refusal_is_still_its_status(serve: Serve, connect: Connect) -> None:
    """A 401 is not tried over and over because its page cannot be read."""
    server = serve(answer(401, b"\x1f\x8b", Content_Encoding="gzip"))
    client = connect(server.url, attempts=5)

    failure = client.failure()

    assert failure.error is CallError.UNAUTHORIZED
    assert len(server.seen) == 1


def test_a_call_ends_when_it_is_no_longer_wanted(serve: Serve, connect: Connect) -> None:
    """If nobody wants another attempt after the wait, the failure of the last one stands."""
    client = connect(serve(answer(503)).url, attempts=5)
    client.patience = 1

    failure = client.failure()

    assert failure.error is CallError.SERVER_ERROR
    assert client.outcomes == [Outcome.RETRY, Outcome.RETRY]


def test_a_missing_server_is_refused(connect: Connect) -> None:
    """Nobody listening is a definite failure: nothing can have been sent."""
    client = connect(closed_port(), attempts=2)

    failure = client.failure()

    assert (failure.error, failure.retryable, failure.unresolved) == (
        CallError.REFUSED,
        True,
        False,
    )
    assert "Connection refused" in failure.message


def test_an_unknown_host_is_a_dns_error(connect: Connect) -> None:
    """A host that cannot be resolved is told apart from one that does not listen."""
    client = connect("http://nowhere.invalid:8097", attempts=2)

    failure = client.failure()

    assert (failure.error, failure.retryable, failure.unresolved) == (CallError.DNS, True, False)


@pytest.mark.parametrize(
    ("status", "body", "keys", "cause"),
    [
        (404, b'"Object Not Found"', {}, "so the cluster manager answers: write its port, 8091 or"),
        (404, b"404 page not found\n", {}, "it has no such path: url is the root of the Backup"),
        (404, b"404 page not found\n", {"urls": ()}, "so the Backup Service answers: write its"),
        (400, b"Client sent an HTTP request to an HTTPS server.\n", {}, "write https://"),
        (404, b"no plan", {}, ""),
        (500, b'{"status":500,"msg":"Could not authenticate user"}', {}, ""),
    ],
)
def test_what_a_failure_comes_from_is_named(  # noqa: PLR0913, PLR0917 - a table of failures
    serve: Serve, connect: Connect, status: int, body: bytes, keys: dict[str, Any], cause: str
) -> None:
    """A wrong port is named in the error, and in what is logged of the cluster; not in the line."""
    server = serve(answer(status, body))
    roots = keys | ({"discover": (server.url,)} if "urls" in keys else {})
    client = connect(server.url, **roots)

    failure = client.failure()

    assert cause in str(failure)
    assert cause in failure.message
    assert len(failure.message) <= 200
    assert not cause or cause not in client.attempts[-1].message


def test_silence_of_a_port_with_tls_is_named(serve: Serve, connect: Connect) -> None:
    """A server that hangs up on plain text probably speaks TLS."""
    client = connect(serve(resetting).url)

    assert "does the port speak https" in client.failure().message
