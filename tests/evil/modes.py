"""Every way in which a server, or what stands before it, is known to misbehave.

Each is met by single requests: it may let the request take effect (`forward`) before, after or
never. What the client has to make of it stands beside it.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from daemon.core.attempt import CallError
from tests.evil.server import (
    Behaviour,
    HangUp,
    Talk,
    answer,
    cut,
    dripping,
    flooding,
    raw,
    resetting,
    silent,
)

LATE_S = 3.0
"""How long after a lost answer the service still acts, in the mode that is late."""

Forward = Callable[[], bytes]
"""Lets the request take effect, and gives the honest answer as it would be on the wire."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LOGIN = b"<!DOCTYPE html><title>Log in</title><form action=/uilogin method=post></form>"
_BACKUP_ABSENT = b"Service backup not running on this node"
_PERMISSIONS = b'{"message":"Forbidden.","permissions":["cluster.backup!all"]}'
_BUSY = b'{"status":500,"msg":"internal server error","extras":"no leader\\u0007\\u001b[31m"}'


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to misbehave: `behave` is given the exchange, and what lets the request take effect.

    `on_list` and `on_post` are the errors of a list and of a POST that meet it, None for success.
    `applies`: whether a POST takes effect `never`, `once` (and before the client is told
    anything) or `late`, `LATE_S` after the answer was lost. `is_unsure`: whether the client
    cannot know if a POST took effect, and has to say so.
    """

    name: str
    behave: Callable[[Talk, Forward], None]
    on_list: CallError | None
    on_post: CallError | None
    applies: str = "never"
    is_unsure: bool = True


def _never(behaviour: Behaviour) -> Callable[[Talk, Forward], None]:
    """Misbehave, and let nothing take effect."""
    return lambda talk, _forward: behaviour(talk)


def _first(behaviour: Behaviour) -> Callable[[Talk, Forward], None]:
    """Let the request take effect, and then misbehave."""

    def behave(talk: Talk, forward: Forward) -> None:
        forward()
        behaviour(talk)

    return behave


def _late(talk: Talk, forward: Forward) -> None:
    """Never answer, and act when nobody waits any more."""

    def act() -> None:
        with suppress(OSError):  # the service itself may be gone by then
            forward()

    timer = threading.Timer(LATE_S, act)
    timer.daemon = True
    timer.start()
    silent(talk)


def _short(talk: Talk, forward: Forward) -> None:
    """Announce more than comes before the close."""
    honest = forward()
    talk.send(_HEAD + b"Content-Length: 99\r\n\r\n{" if _is_post(talk) else honest[:-2])
    raise HangUp


def _headless(talk: Talk, forward: Forward) -> None:
    """Act, and close within the headers of a 200, which is no answer."""
    forward()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    raise HangUp


def _mistyped(talk: Talk, forward: Forward) -> None:
    """Call the honest answer a page of text."""
    talk.send(forward().replace(b"application/json", b"text/html; charset=latin-1"))


def _idle(talk: Talk, forward: Forward) -> None:
    """Take a POST with a 200 that means nothing."""
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if _is_post(talk) else forward())


def _beside(*rows: bytes) -> Callable[[Talk, Forward], None]:
    """Add *rows* to an honest list."""

    def behave(talk: Talk, forward: Forward) -> None:
        honest = forward()
        entries = None
        # A refusal has no list, and perhaps no JSON at all.
        with suppress(ValueError):
            entries = json.loads(honest.partition(b"\r\n\r\n")[2])
        if not isinstance(entries, list):
            talk.send(honest)
            return
        sound = [json.dumps(entry).encode() for entry in entries]
        answer(200, b"[" + b",".join([*sound, *rows]) + b"]", Content_Type="application/json")(talk)

    return behave


def _no_content(talk: Talk, forward: Forward) -> None:
    """Let a POST take effect and answer 204, as some gateways do; a list is honest."""
    honest = forward()
    is_done = _is_post(talk) and honest.startswith(b"HTTP/1.1 200")
    talk.send(b"HTTP/1.1 204 No Content\r\n\r\n" if is_done else honest)


def _quoting(talk: Talk) -> None:
    """Fail, and show the whole request with its credentials in plain text and in ours."""
    credentials = talk.request.headers.get("authorization", "")
    plain = base64.b64decode(credentials.partition(" ")[2])
    answer(500, f"{talk.request.headers}\r\n\x1b[2J ".encode() + plain)(talk)


def _redirecting(status: int) -> Behaviour:
    """Point to another host that is this very server, so that whoever follows is noticed."""

    def behave(talk: Talk) -> None:
        port = talk.request.headers["host"].rpartition(":")[2]
        answer(status, Location=f"http://localhost:{port}/elsewhere")(talk)

    return behave


def _is_post(talk: Talk) -> bool:
    return talk.request.method == "POST"


_TIMEOUT, _RESET, _PROTOCOL = CallError.TIMEOUT, CallError.RESET, CallError.PROTOCOL
_UNEXPECTED, _THROTTLED = CallError.UNEXPECTED, CallError.THROTTLED
_SERVER_ERROR = CallError.SERVER_ERROR
_RETRY_AFTER = {
    "a second": "1",
    "until a date": "Fri, 31 Dec 9999 23:59:59 GMT",
    "for 30 years": "1000000000",
    "less than nothing": "-5",
    "nonsense": "soon",
    "for 20 digits": "9" * 20,
    "until a year of 20 digits": f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT",
    "with an offset of 20 digits": f"Fri, 31 Dec 2027 23:59:59 +{'9' * 20}",
}
_BOMB = gzip.compress(b" " * 1_000_000) * 100
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_FULL = 15 << 20
_STRANGERS = (b'{"id":"stranger-1","state":"active"}', b'{"id":"stranger-2","state":"paused"}')

_ODD_ROWS = {
    "a path as an id": b'{"id":"../../plan","state":"active"}',
    "control characters": b'{"id":"a\\r\\nb","state":"active"}',
    "a raw control character": b'{"id":"a\x1bb","state":"active"}',
    "a lone surrogate": b'{"id":"\\ud800","state":"active"}',
    "an unknown state": b'{"id":"orders","state":"archiving"}',
    "no state": b'{"id":"orders"}',
    "no id": b'{"state":"active"}',
    "a number": b"7",
    "null": b"null",
    "one twice": b'{"id":"orders","state":"paused"}',
    "a number as an id": b'{"id":7,"state":"active"}',
    "a key twice": b'{"id":"orders","state":"active","state":"paused"}',
    "NaN": b'{"id":"stranger-1","state":NaN}',
    "an endless number": b'{"id":"stranger-1","state":"active","repo":' + b"9" * 5000 + b"}",
    "fields of the wrong kinds": b'{"id":"stranger-1","state":"active","repo":[],"scheduled":"x",'
    b'"plan_name":{},"running_tasks":7}',
    "absurd instants": b'{"id":"stranger-1","state":"active","scheduled":{"a":{"task_type":"BACKUP"'
    b',"next_run":"99999999999999999999-01-01T00:00:00+99999999999999999999:00"}}}',
    "another encoding": b'{"id":"\xff\xfe","state":"active"}',
    "an endless text": b'{"id":"stranger-1","state":"active","repo":"' + b"x" * 1_000_000 + b'"}',
}


def _times_out(name: str, behaviour: Behaviour, applies: str = "never") -> Mode:
    when = _never if applies == "never" else _first
    return Mode(name, when(behaviour), _TIMEOUT, _TIMEOUT, applies)


def _breaks(
    name: str, behaviour: Behaviour, error: CallError = _PROTOCOL, applies: str = "never"
) -> Mode:
    when = _never if applies == "never" else _first
    return Mode(name, when(behaviour), error, error, applies)


def _refuses(name: str, behaviour: Behaviour, error: CallError, *, is_unsure: bool = False) -> Mode:
    return Mode(name, _never(behaviour), error, error, is_unsure=is_unsure)


def _asks_to_wait(status: int, error: CallError) -> tuple[Mode, ...]:
    """Refuse for now with each of the waits that a server may ask for."""
    return tuple(
        _refuses(
            f"{status}, {wait}", answer(status, Retry_After=value), error, is_unsure=status > 499
        )
        for wait, value in _RETRY_AFTER.items()
    )


def _lies(name: str, behaviour: Behaviour) -> Mode:
    """Return a list that is none; a POST's 200 is taken, and its effect then is not seen."""
    return Mode(name, _never(behaviour), _UNEXPECTED, None, is_unsure=False)


def _lists(name: str, *rows: bytes) -> Mode:
    """Return a list that is sound but for some rows."""
    return Mode(f"lists {name}", _beside(*rows), None, None, applies="once", is_unsure=False)


def _bomb(name: str, opening: bytes, piece: bytes, closing: bytes) -> Mode:
    """Return as many values as the bytes of a list have room for."""
    body = opening + piece * (_FULL // len(piece)) + closing
    return _breaks(f"bomb of {name}", answer(200, body), CallError.TOO_LARGE)


def _sizes(size: bytes) -> Mode:
    """Return a chunk of an odd size."""
    chunks = size + b"\r\n[]\r\n0\r\n\r\n"
    return _breaks(f"chunks of {size.decode()}", raw(_CHUNKED + chunks), applies="once")


_ALL = (
    _times_out("never answers", silent),
    _times_out("acts and never answers", silent, applies="once"),
    Mode("acts late", _late, _TIMEOUT, _TIMEOUT, applies="late"),
    _times_out("drips a header", dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y")),
    _times_out(
        "drips a body", dripping(_HEAD + b"Content-Length: 999\r\n\r\n", b" "), applies="once"
    ),
    _times_out("drips to the close", dripping(_HEAD + b"Connection: close\r\n\r\n", b" ")),
    _times_out(
        "drips chunks", dripping(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")
    ),
    _breaks("drips 100 Continue", dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    _breaks("floods 100 Continue", flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    _breaks("closes without a byte", cut(), _RESET),
    _breaks("acts and closes without a byte", cut(), _RESET, applies="once"),
    _breaks("resets", resetting, _RESET),
    _breaks("acts and resets", resetting, _RESET, applies="once"),
    Mode("truncates by length", _short, _PROTOCOL, _PROTOCOL, applies="once"),
    Mode("truncates the head", _headless, _PROTOCOL, _PROTOCOL, applies="once"),
    _breaks(
        "truncates a chunk",
        cut(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n[{"),
        applies="once",
    ),
    Mode(
        "truncates at the close",
        _never(cut(_HEAD + b"Connection: close\r\n\r\n[{")),
        _UNEXPECTED,
        None,
        is_unsure=False,
    ),
    Mode("calls JSON text", _mistyped, None, None, applies="once", is_unsure=False),
    _lies("shows a login page", answer(200, _LOGIN, Content_Type="text/html")),
    _refuses("302 elsewhere", _redirecting(302), CallError.REDIRECT),
    _refuses("307 elsewhere", _redirecting(307), CallError.REDIRECT),
    _breaks("gzip bomb", answer(200, _BOMB, Content_Encoding="gzip")),
    _breaks("never stops", flooding(_HEAD + b"\r\n[", b" " * 65536), CallError.TOO_LARGE),
    _breaks(
        "announces far too much",
        raw(_HEAD + b"Content-Length: 99999999999\r\n\r\n"),
        CallError.TOO_LARGE,
    ),
    _lies("nests 100,000 deep", answer(200, b"[" * 100_000, Content_Type="application/json")),
    _lies("nests a row 100,000 deep", answer(200, b'[{"id":' + b"[" * 100_000)),
    _lists("strangers", *_STRANGERS),
    *(_lists(name, row) for name, row in _ODD_ROWS.items()),
    _lists("all that is odd", *_ODD_ROWS.values()),
    _lies("has no body", answer(200, b"", Content_Type="application/json")),
    _lies("has a body of blanks", answer(200, b" \r\n")),
    Mode("lists null", _never(answer(200, b"null")), None, None, is_unsure=False),
    Mode("204 for 200", _no_content, None, None, applies="once", is_unsure=False),
    _bomb("objects", b'[{"":0}', b',{"":0}', b"]"),
    _bomb("lists", b"[[]", b",[]", b"]"),
    _bomb("keys", b'[{"id":0', b',"a":0', b"}]"),
    _bomb("rows", b'[{"id":"a"}', b',{"id":"a"}', b"]"),
    _bomb("nothing", b"[", b",  ", b"]"),
    _breaks("a list of 16 MiB", answer(200, b" " * (16 << 20) + b"[]"), CallError.TOO_LARGE),
    *(_sizes(size) for size in (b"-1", b"0x2", b"+2", b"1_0", b"2 x", b"f" * 17)),
    _breaks(
        "gzip, chunked",
        raw(_HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"),
        applies="once",
    ),
    _refuses("401", answer(401, b"Authentication Failure.\n"), CallError.UNAUTHORIZED),
    _refuses("403", answer(403, _PERMISSIONS), CallError.FORBIDDEN),
    _refuses("404 of the proxy", answer(404, _BACKUP_ABSENT), CallError.NOT_FOUND),
    _refuses("503 of the proxy", answer(503, b"upstream"), _SERVER_ERROR, is_unsure=True),
    _refuses("500 of the service", answer(500, _BUSY), _SERVER_ERROR, is_unsure=True),
    Mode("500 although it acts", _first(answer(500, _BUSY)), _SERVER_ERROR, _SERVER_ERROR, "once"),
    _refuses("quotes the request", _quoting, _SERVER_ERROR, is_unsure=True),
    *_asks_to_wait(429, _THROTTLED),
    *_asks_to_wait(503, _SERVER_ERROR),
    Mode("200 without effect", _idle, None, None, is_unsure=False),
    _breaks("is no HTTP", cut(b"SSH-2.0-OpenSSH_9.2\r\n")),
    _breaks("sends a control character", answer(429, Retry_After="soon\x07")),
    _breaks("sends 5,000 headers", cut(_HEAD + b"A: b\r\n" * 5000)),
    _breaks("sends a status line of 200 kB", cut(b"HTTP/1.1 200 " + b"x" * 200_000)),
    _breaks("sends a header of 200 kB", cut(_HEAD + b"A: " + b"x" * 200_000 + b"\r\n\r\n")),
)


def _naming_hosts(talk: Talk, _forward: Forward) -> None:
    """Answer as a cluster manager that names all kinds of hosts, and this very server last."""
    port = int(talk.request.headers["host"].rpartition(":")[2])
    texts = (".x", "..", ":::::", "1.2.3.4:80", "192.0.2.1", "\ud800", "x" * 300)
    hosts: tuple[object, ...] = (*texts, 7, {}, "127.0.0.1")
    ports: tuple[object, ...] = (True, 0, 65536, "18097", 10**30)
    nodes: list[object] = [{"hostname": host, "services": {"backupAPI": port}} for host in hosts]
    nodes[:0] = [None, 7, *({"services": {"backupAPI": odd}} for odd in ports)]
    answer(200, json.dumps({"nodesExt": nodes}).encode(), Content_Type="application/json")(talk)


ODD_HOSTS = Mode("names odd hosts", _naming_hosts, None, None, is_unsure=False)
"""How a cluster manager answers that is not to be trusted; for what asks where the service is."""

MODES = {mode.name: mode for mode in _ALL}
"""All modes by name, in a fixed order."""
