"""Answers that are cut short, too long or not what was asked for."""

from __future__ import annotations

import gc
import json
from contextlib import suppress

import pytest

from daemon.core.attempt import CallError, Outcome
from daemon.service.client import ServiceError
from daemon.service.cluster import Timeouts
from daemon.service.wire import Parser
from tests.evil.server import (
    Behaviour,
    answer,
    cut,
    dripping,
    flooding,
    raw,
    silent,
)
from tests.service.client.kit import (
    HEAD,
    OK,
    Connect,
    Serve,
)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(cut(), CallError.RESET, id="closes without a byte"),
        pytest.param(
            cut(HEAD + b"Content-Length: 999\r\n\r\n[]"), CallError.PROTOCOL, id="cuts a body short"
        ),
        pytest.param(
            cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            CallError.PROTOCOL,
            id="breaks a chunk",
        ),
        pytest.param(
            answer(200, b"\x1f\x8b", Content_Encoding="gzip"), CallError.PROTOCOL, id="compresses"
        ),
    ],
)
def test_a_broken_answer_is_tried_again_and_of_unknown_fate(
    serve: Serve, connect: Connect, behaviour: Behaviour, error: CallError
) -> None:
    """After a broken answer the call is tried again, and says that the first may yet count."""
    client = connect(serve(behaviour, OK).url, attempts=2)

    unresolved = client.pause()

    assert unresolved
    assert client.errors == [error, None]
    assert client.outcomes == [Outcome.RETRY, Outcome.OK]
    assert [attempt.attempt for attempt in client.attempts] == [1, 2]


def test_a_refusal_after_a_broken_answer_settles_nothing(serve: Serve, connect: Connect) -> None:
    """What is known of the second attempt says nothing about the first."""
    client = connect(serve(cut(), answer(429), OK).url, attempts=3)

    unresolved = client.pause()

    assert unresolved
    assert client.errors == [CallError.RESET, CallError.THROTTLED, None]


def test_a_body_over_the_limit_is_not_read(serve: Serve, connect: Connect) -> None:
    """A POST's answer over 1 MiB ends the call as too large, with its status and once."""
    client = connect(serve(flooding(HEAD + b"\r\n", b" " * 65536)).url, attempts=3)

    failure = client.failure()

    assert (failure.error, failure.retryable, failure.unresolved) == (
        CallError.TOO_LARGE,
        False,
        True,
    )
    assert [attempt.status for attempt in client.attempts] == [200]


@pytest.mark.parametrize(
    ("behaviour", "answered"),
    [
        (answer(200, b"no list"), True),
        (answer(500), True),
        (raw(HEAD + b"Content-Length: 16777217\r\n\r\n"), True),
        (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"), True),
        (cut(HEAD + b"Content-Length: 99\r\n\r\n["), True),
        (dripping(HEAD + b"Content-Length: 999\r\n\r\n", b" "), True),
        (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"), False),
        (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), False),
        (silent, False),
        (cut(), False),
        (cut(b"SSH-2.0-OpenSSH_9.2\r\n"), False),
    ],
    ids=[
        "no list", "500", "too large", "an odd chunk", "half a body", "a dripping body",
        "a dripping head", "no end of 100", "silence", "the end", "no HTTP",
    ],
)  # fmt: skip
def test_whether_the_service_has_answered(
    serve: Serve, connect: Connect, behaviour: Behaviour, *, answered: bool
) -> None:
    """A failure says whether the head of an answer came, whatever the rest was like."""
    client = connect(serve(behaviour).url)

    assert client.list_failure().answered is answered


def test_a_post_that_has_no_content_is_done(serve: Serve, connect: Connect) -> None:
    """204 to a POST is a success, and its line says 204; to a list it is no empty list."""
    client = connect(serve(raw(b"HTTP/1.1 204 No Content\r\n\r\n")).url)

    unresolved = client.pause()
    failure = client.list_failure()

    assert not unresolved
    assert failure.error is CallError.UNEXPECTED
    assert [attempt.status for attempt in client.attempts] == [204, 204]
    assert client.outcomes == [Outcome.OK, Outcome.FAILED]


@pytest.mark.parametrize("what", ["Retry-After", "an answer", "a root"])
def test_no_exception_of_an_exchange_leaves_it(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whatever goes wrong in an exchange, a bug of ours too, is its failure and has its line."""
    server = serve(*([answer(429, Retry_After="soon")] if what == "Retry-After" else []), OK)
    target = {
        "Retry-After": "daemon.service.statuses.retry_after",
        "an answer": "daemon.service.wire.Parser.feed",
        "a root": "daemon.service.transport.Written.of",
    }

    def stumble(*_: object) -> None:
        raise LookupError("geheim")

    with monkeypatch.context() as patched:
        patched.setattr(target[what], stumble)
        client = connect(server.url)
        failure = client.failure()
    healed = client.pause()

    assert failure.error in {CallError.UNEXPECTED, CallError.PROTOCOL}
    assert failure.unresolved
    assert not healed
    assert client.outcomes == [Outcome.FAILED, Outcome.OK]


@pytest.mark.parametrize(
    "body", [b"[]", b"no list", b"[" + b"[]," * 400_000], ids=["a list", "no list", "a bomb"]
)
def test_nothing_of_an_answer_stays(serve: Serve, connect: Connect, body: bytes) -> None:
    """What was read is let go of at once, and not when the collector comes by."""
    client = connect(serve(answer(200, body)).url, timeout=Timeouts())
    gc.collect()
    gc.disable()
    try:
        with suppress(ServiceError):
            client.service.repositories()
        left = [each for each in gc.get_objects() if type(each) is Parser]
    finally:
        gc.enable()

    assert left == []


def test_a_large_list_is_read(serve: Serve, connect: Connect) -> None:
    """A list may be larger than the answer to a POST."""
    rows = [{"id": f"r{n}", "state": "active", "pad": "x" * 1_000_000} for n in range(3)]
    client = connect(serve(answer(200, json.dumps(rows).encode())).url, timeout=Timeouts())

    assert len(client.service.repositories()) == len(rows)


def test_an_endless_error_page_is_still_its_status(serve: Serve, connect: Connect) -> None:
    """Of an error page only the beginning is wanted, so its length hides no 503."""
    flood = flooding(b"HTTP/1.1 503 No\r\n\r\n", b"busy " * 10_000)
    client = connect(serve(flood).url, timeout=Timeouts())

    failure = client.failure()

    assert (failure.error, client.attempts[0].status) == (CallError.SERVER_ERROR, 503)
    assert len(failure.message) <= 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"orders": {"state": "active"}}', id="no list"),
        pytest.param(b'[{"id": "orders"}', id="half a list"),
        pytest.param(b"\xff\xfe[]", id="no UTF-8"),
    ],
)
def test_a_list_that_is_none_is_unexpected(serve: Serve, connect: Connect, body: bytes) -> None:
    """A 200 whose body is no list of repositories fails at once, and its line says so."""
    client = connect(serve(answer(200, body)).url, attempts=3)

    failure = client.list_failure()

    assert (failure.error, failure.retryable) == (CallError.UNEXPECTED, False)
    assert client.outcomes == [Outcome.FAILED]
    assert client.attempts[0].status == 200
