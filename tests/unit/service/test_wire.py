"""Answers as they come off the wire: in whatever pieces, and in whatever disorder."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.attempt import CallError
from daemon.service.wire import HEAD_LIMIT, MOST_INTERIM, PAGE_LIMIT, Parser, Wire
from daemon.service.wire_error import WireError

LIMIT = 100
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 4\r\n\r\nbody"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"

Result = tuple[object, ...]


def outcome(pieces: list[bytes], *, ends: bool = True) -> Result:
    """Return what becomes of an answer that comes in *pieces*: all of it, or the error."""
    parser = Parser(LIMIT, is_tunnel=False)
    try:
        for piece in pieces:
            parser.feed(piece)
        if ends:
            parser.end()
    except WireError as exc:
        return exc.error, str(exc), exc.status
    reusable = parser.is_complete and parser.is_reusable
    return parser.status, dict(parser.headers), bytes(parser.body), parser.is_complete, reusable


SOUND = {
    "sized": SIZED,
    "chunked": CHUNKED + b"2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\n\r\n",
    "trailer": CHUNKED + b"4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n",
    "interim": INTERIM + SIZED,
    "until the end": OK + b"\r\nbody",
    "no keep-alive": OK + b"Connection: close\r\nContent-Length: 4\r\n\r\nbody",
    "a refusal": b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody",
    "a refusal without an end": b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nbody",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
}
STATUSES = {"a refusal": 404, "a refusal without an end": 500}
ENDING = {"until the end", "no keep-alive", "a refusal without an end", "old"}
UNSOUND = {
    "size -1": CHUNKED + b"-1\r\nbody\r\n0\r\n\r\n",
    "size 0x2": CHUNKED + b"0x2\r\nbo\r\n0\r\n\r\n",
    "size +2": CHUNKED + b"+2\r\nbo\r\n0\r\n\r\n",
    "size 1_0": CHUNKED + b"1_0\r\n0123456789012345\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
    "a length and chunks": OK
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "a length of -1": OK + b"Content-Length: -1\r\n\r\n",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "two codings": OK
    + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "encoded": OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "half a head": OK + b"Content-Le",
    "half a body": OK + b"Content-Length: 9\r\n\r\nbody",
    "half a chunk": CHUNKED + b"9\r\nbody",
}


@pytest.mark.parametrize("answer", (SOUND | UNSOUND).values(), ids=SOUND | UNSOUND)
def test_pieces_make_no_difference(answer: bytes) -> None:
    """An answer means the same wherever the network cuts it, at one place, or after each byte."""
    whole = outcome([answer])
    cuts = [outcome([answer[:at], answer[at:]]) for at in range(1, len(answer))]
    bytewise = outcome([bytes([byte]) for byte in answer])

    assert [cut for cut in cuts if cut != whole] == []
    assert bytewise == whole


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_read(name: str) -> None:
    """Status and body of a sound answer are what the server said, and a trailer is no header."""
    status, headers, body, is_complete, is_reusable = outcome([SOUND[name]])

    assert (status, body, is_complete) == (STATUSES.get(name, 200), b"body", True)
    assert is_reusable is (name not in ENDING)
    assert isinstance(headers, dict)
    assert not headers.keys() & {"x", "x-sum"}


@pytest.mark.parametrize("answer", UNSOUND.values(), ids=UNSOUND)
def test_what_is_unsound_is_a_protocol_error(answer: bytes) -> None:
    """Odd sizes, two lengths, codings of its own and halves are refused, not guessed at."""
    assert outcome([answer])[0] is CallError.PROTOCOL


WORDS = (
    *(OK, b"HTTP/1.1 ", b"200", b"204 No Content", b"100 Continue", b"\r\n", b"\n", b"\r", b":"),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"gzip, chunked", b"identity", b" "),
    *(b"Content-Encoding: gzip\r\n", b"Connection: close\r\n", b"0\r\n\r\n", b"2\r\nbo\r\n"),
    *(b"-1", b"0x2", b"+2", b"1_0", b"f" * 17, b"9" * 20, b"9" * 5000, b";x=y", b"\x00", b"\xff"),
)
"""What answers are made of, and what they should not be made of."""


@given(
    st.lists(st.sampled_from(WORDS), max_size=14).map(b"".join)
    | st.binary(max_size=60).map(CHUNKED.__add__)
)
def test_no_bytes_do_more_than_fail(answer: bytes) -> None:
    """Any bytes are an answer or an error, and the same one wherever the network cuts them."""
    whole = outcome([answer])

    assert isinstance(whole[0], CallError | int)
    for at in range(1, len(answer), max(len(answer) // 40, 1)):
        assert outcome([answer[:at], answer[at:]]) == whole


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 200), (HEAD_LIMIT, CallError.PROTOCOL)], ids=["small", "large"]
)
def test_a_head_has_a_limit(size: int, expected: object) -> None:
    """A head over 64 KiB is refused while it comes, in one header or in many, whole or not."""
    filler = b"X: " + b"y" * size + b"\r\n"
    many = b"X: y\r\n" * (size // 6 + 1)
    heads = [OK + each + b"Content-Length: 4\r\n\r\nbody" for each in (filler, many)]

    found = [
        outcome([head[at : at + 1000] for at in range(0, len(head), 1000)])[0] for head in heads
    ]

    assert found == [expected, expected]
    assert outcome([OK + filler], ends=False)[0] == (expected if size else 0)


def test_a_trailer_has_a_limit() -> None:
    """What comes beside the body is not collected without end."""
    endless = [CHUNKED + b"4\r\nbody\r\n0\r\nX: ", *[b"a" * 16384] * 5]

    error, message, _ = outcome(endless)

    assert error is CallError.PROTOCOL
    assert "trailer is larger" in str(message)


def test_interim_answers_have_a_limit() -> None:
    """Sixteen interim answers may come before the answer, a seventeenth is one too many."""
    assert outcome([INTERIM * MOST_INTERIM + SIZED])[0] == 200
    assert outcome([INTERIM * (MOST_INTERIM + 1)], ends=False)[0] is CallError.PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 101\r\n\r\n",
        CHUNKED + b"65\r\n" + b"x" * 101,
        OK + b"\r\n" + b"x" * 101,
    ],
    ids=["announced", "in chunks", "until the end"],
)
def test_a_body_has_a_limit(answer: bytes) -> None:
    """A success that is larger than its call allows is refused, at once where it is announced."""
    assert outcome([answer], ends=False)[::2] == (CallError.TOO_LARGE, 200)


def test_of_a_refusal_the_beginning_is_kept() -> None:
    """Of an answer that is no success the status counts: its page is cut, and that is its end."""
    page = b"HTTP/1.1 500 No\r\n\r\n" + b"x" * (PAGE_LIMIT + 1)

    status, _, body, is_complete, is_reusable = outcome([page], ends=False)

    assert (status, body, is_complete, is_reusable) == (500, b"x" * PAGE_LIMIT, True, False)


@pytest.mark.parametrize("more", [SIZED, b"\r\nHTTP", b"x", INTERIM], ids=repr)
@pytest.mark.parametrize("is_apart", [False, True])
def test_an_answer_after_the_answer_closes(more: bytes, *, is_apart: bool) -> None:
    """What nobody asked for ends the connection, and the answer before it counts."""

    async def act() -> tuple[bytes, bool]:
        here, there = socket.socketpair()
        with there:
            loop = asyncio.get_running_loop()
            _, wire = await loop.create_connection(lambda: _Bare(loop), sock=here)
            asking = asyncio.create_task(wire.exchange(b"GET", LIMIT))
            assert await asyncio.to_thread(there.recv, 3) == b"GET"
            there.sendall(SIZED if is_apart else SIZED + more)
            answer = await asking
            if is_apart:
                there.sendall(more)
                assert await asyncio.to_thread(there.recv, 1) == b""
            return bytes(answer.body), wire.is_usable

    assert asyncio.run(act()) == (b"body", False)


class _Bare(Wire):
    """A wire on a pair of sockets, which know nothing of TCP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport as it is."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
