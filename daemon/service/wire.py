"""One connection on the event loop: one request at a time, and answers in strict HTTP/1.1.

The grammar is `httptools`'s (llhttp, as in Node.js), which refuses odd chunk sizes, two lengths and
bare line feeds. What it leaves open is bounded here, before anything is kept:

1. The head of an answer has at most 64 KiB; at most 16 interim answers (1xx) may come before it.
2. A 200 has to be whole, unencoded and within the limit of its call; of other answers the status
   counts, and the beginning of the body is shown.
3. The answers of all connections together are bounded, too: see `LargeAnswers`.
4. The only transfer coding is `chunked`. Whatever comes after an answer ends the connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from typing import Final, cast

import httptools

from daemon.core.attempt import CallError
from daemon.service.receiver import LARGE, LARGE_TOGETHER, Receiver, large_answers
from daemon.service.tls_session import TlsSession
from daemon.service.wire_error import WireError, lost

HEAD_LIMIT: Final = 64 * 1024
PAGE_LIMIT: Final = 64 * 1024
"""How many bytes of an answer that is no success are kept."""

MOST_INTERIM: Final = 16
_OK: Final = 200

_KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class Parser:
    """The answer to one request, as far as it has come."""

    def __init__(self, limit: int, *, is_tunnel: bool) -> None:
        """Read an answer of at most *limit* bytes."""
        self._is_tunnel = is_tunnel
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.is_complete = False
        self.is_reusable = False
        self.has_begun = False
        self._limit = limit
        self._interim = 0
        self._head = 0
        self._in_head = True
        self._llhttp = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read what came. Raises: WireError."""
        self.has_begun = True
        while data:
            # A head is read no further than one byte over its limit, whatever came together.
            piece = data[: HEAD_LIMIT - self._head + 1] if self._in_head else data
            data = data[len(piece) :]
            self._read(piece)

    def _read(self, data: bytes) -> None:
        self._head += len(data)  # and of a trailer, which is collected however long it is
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserCallbackError as exc:
            raise exc.__context__ if isinstance(exc.__context__, WireError) else exc from None
        except httptools.HttpParserError as exc:
            if not self.is_complete:
                raise WireError(
                    CallError.PROTOCOL,
                    f"the answer is not valid HTTP ({type(exc).__name__})",
                    status=None if self._in_head else self.status,
                ) from None
            self.is_reusable = False
        if self._head > HEAD_LIMIT and (self._in_head or not self.is_complete):
            part = "head" if self._in_head else "trailer"
            raise WireError(CallError.PROTOCOL, f"the answer's {part} is larger than 64 KiB")

    @property
    def has_answered(self) -> bool:
        """Whether the head of the answer itself has come, whatever becomes of the rest."""
        return self.status >= _OK

    def end(self) -> None:
        """Take the end of the connection as the end of the answer. Raises: WireError."""
        if self.is_complete:
            return
        if not self.has_begun:
            raise WireError(CallError.RESET, "the server closed the connection without an answer")
        if self._in_head:
            raise WireError(CallError.PROTOCOL, "the answer ends within its head")
        if self.status == _OK and self.headers.keys() & {"content-length", "transfer-encoding"}:
            raise WireError(CallError.PROTOCOL, "the answer is incomplete", status=_OK)
        self.is_complete, self.is_reusable = True, False

    def let_go(self) -> None:
        """Read no more: the two parsers hold each other, and with them all that came."""
        del self._llhttp

    # What llhttp calls

    def on_message_begin(self) -> None:
        """Begin another answer: an interim one may come before the answer itself."""
        # After more than one answer to one request nothing can be trusted.
        self.is_reusable = self.is_reusable and not self.is_complete
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer, the values of one that is repeated together; no trailer."""
        if self._in_head and not self.is_complete:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Refuse a success that could not be read; nothing of its body has been kept yet."""
        if self.is_complete:
            return
        self._in_head = False
        self.status = self._llhttp.get_status_code()
        self.is_reusable = self._llhttp.should_keep_alive()
        if self._is_tunnel and self.status >= _OK:
            # What follows is the tunnel's own.
            self.is_complete = self.is_reusable = True
        if self.status != _OK or self._is_tunnel:
            return
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in {"", "identity"}:
            raise WireError(
                CallError.PROTOCOL, "the answer is encoded, which was not asked for", status=_OK
            )
        if self.headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise WireError(
                CallError.PROTOCOL, "the answer has a transfer coding of its own", status=_OK
            )
        if int(self.headers.get("content-length", "0")) > self._limit:
            raise self._too_large()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, as far as it is wanted."""
        self._head = 0
        if self.is_complete:
            return
        if self.status == _OK:
            if len(self.body) + len(data) > self._limit:
                raise self._too_large()
            self.body += data
            return
        if "content-encoding" not in self.headers:
            self.body += data[: PAGE_LIMIT - len(self.body)]
        if len(self.body) >= PAGE_LIMIT:
            self.is_complete, self.is_reusable = True, False

    def on_message_complete(self) -> None:
        """Take the answer as whole, unless it is an interim one."""
        if self.is_complete:
            return
        if self._llhttp.get_status_code() >= _OK:
            self.is_complete = True
            return
        self._interim += 1
        if self._interim > MOST_INTERIM:
            raise WireError(CallError.PROTOCOL, "the server sends interim answers without end")
        self.headers.clear()
        self._head = 0

    def _too_large(self) -> WireError:
        return WireError(
            CallError.TOO_LARGE, f"the answer is larger than {self._limit:,} bytes", status=_OK
        )


class Wire(Receiver):
    """One connection; `exchange` sends a request and waits for its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait to be connected."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._tls: TlsSession | None = None
        self._secured: asyncio.Future[None] | None = None
        self._parser: Parser | None = None
        self._answer: asyncio.Future[Parser] | None = None
        self.heard = self.idle_since = 0.0
        self.is_usable = True
        self._has_ended = False

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set what the kernel is to do for a connection that a firewall may forget."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        for level, option, value in _KEEPALIVE:
            sock.setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer; whatever is wrong with it fails its exchange alone."""
        self.heard = self._loop.time()
        try:
            self._take(data)
        except ssl.SSLZeroReturnError:
            self._end(None)
        except WireError as exc:
            self.fail(exc)
        except Exception as exc:  # noqa: BLE001  # nothing that a peer sends may end the loop
            self.fail(lost(exc))

    def eof_received(self) -> bool:
        """Take the server's end of the connection for the end of an answer, if it can be that."""
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the exchange under way, by what the server said last if it said anything.

        A server that refuses our certificate may have gone before the request was written: why it
        has is still to be read then, and would be lost with the socket.
        """
        if isinstance(exc, ConnectionError) and self._tls is not None and self._transport:
            with suppress(OSError):
                sock = self._transport.get_extra_info("socket")
                self.data_received(os.read(sock.fileno(), HEAD_LIMIT))
        self._end(exc)

    # What the adapter calls

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS with *host* from now on. Raises: WireError."""
        self._tls = TlsSession(context, host)
        self._secured = self._loop.create_future()
        try:
            self._shake_hands(self._tls)
            await self._secured
        except ssl.SSLError as exc:
            raise lost(exc) from exc
        finally:
            self._secured = None

    async def exchange(self, request: bytes, limit: int, *, is_tunnel: bool = False) -> Parser:
        """Send *request* and return its answer of at most *limit* bytes. Raises: WireError.

        The answer to a CONNECT (*is_tunnel*) ends with its head.
        """
        if not self.is_usable:
            raise WireError(CallError.RESET, "the connection was reset", may_have_sent=False)
        self.heard = self._loop.time()
        parser = self._parser = Parser(limit, is_tunnel=is_tunnel)
        self._answer = self._loop.create_future()
        try:
            self._send(request)
            return await self._answer
        except BaseException:
            large_answers().forget(parser)
            raise
        finally:
            self._answer = self._parser = None
            parser.let_go()

    def fail(self, error: WireError) -> None:
        """End what is under way with *error*, and the connection."""
        if self._parser is not None and self._parser.has_answered:
            error.has_answered = True
        self.close()
        for waiting in (self._secured, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)

    def close(self) -> None:
        """Close the connection at once."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    @property
    def certificate_ends(self) -> datetime | None:
        """When the server's certificate ends (UTC); None if none was verified."""
        return self._tls.certificate_ends if self._tls else None

    def _send(self, data: bytes) -> None:
        if self._transport is None:
            raise AssertionError("nothing is sent before there is a connection")
        if self._tls is not None:
            self._tls.write(data)
            data = self._tls.to_send()
        self._transport.write(data)

    def _shake_hands(self, tls: TlsSession) -> None:
        try:
            tls.handshake()
        finally:
            # An alert of ours, too: the server should know why we go.
            if self._transport is not None:
                self._transport.write(tls.to_send())
        if tls.is_established and self._secured is not None and not self._secured.done():
            self._secured.set_result(None)

    def _take(self, data: bytes) -> None:
        if self._tls is None:
            self._parse(data)
            return
        self._tls.received(data)
        if not self._tls.is_established:
            self._shake_hands(self._tls)
        self._decrypt(self._tls)

    def _decrypt(self, tls: TlsSession) -> None:
        while tls.is_established and (piece := tls.read()) is not None:
            self._parse(piece)

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            # What nobody asked for.
            self.close()
            return
        parser.feed(data)
        if parser.is_complete:
            self._finish()
        elif len(parser.body) > LARGE:
            large_answers().grow(parser, len(parser.body), self._give_up)

    def _give_up(self) -> None:
        why = f"large answers of all clusters have more than {LARGE_TOGETHER:,} bytes together"
        self.fail(WireError(CallError.TOO_LARGE, why, status=_OK))

    def _end(self, exc: Exception | None) -> None:
        # asyncio tells of the server's end first, and then of the connection's.
        if self._has_ended:
            return
        self._has_ended, self.is_usable = True, False
        if exc is not None:
            self.fail(lost(exc))
            return
        try:
            if self._tls is not None:
                self._tls.ended()
                with suppress(ssl.SSLZeroReturnError):
                    self._decrypt(self._tls)
            if self._parser is not None:
                self._parser.end()
                self._finish()
        except Exception as error:  # noqa: BLE001  # as in `data_received`
            self.fail(error if isinstance(error, WireError) else lost(error))
        if self._secured is not None:
            self.fail(lost(ConnectionResetError()))

    def _finish(self) -> None:
        answer, parser = self._answer, self._parser
        if parser is None or not parser.is_reusable:
            self.close()
        if answer is not None and parser is not None and not answer.done():
            large_answers().complete(parser)
            answer.set_result(parser)
