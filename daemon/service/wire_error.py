"""What goes wrong on one connection, in the words of the log: the network, TLS, HTTP's grammar."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

from daemon.core.attempt import CallError
from daemon.errors import CbmaintdError
from daemon.service.tls import reason


class WireError(CbmaintdError):
    """Raised when no answer came that can be read: the network, TLS or HTTP itself failed.

    `may_have_sent` says whether the server may have got the request; `status` is its answer's, if
    the answer is what failed; `has_answered` says whether the head of one came at all.
    """

    def __init__(
        self,
        error: CallError,
        message: str,
        *,
        may_have_sent: bool = True,
        status: int | None = None,
    ) -> None:
        """Keep what failed and a text of our own about it, which quotes nothing secret."""
        super().__init__(message)
        self.error = error
        self.may_have_sent = may_have_sent
        self.status = status
        self.has_answered = status is not None


def lost(exc: BaseException, *, may_have_sent: bool = True) -> WireError:
    """Return the error that an exception of the system or of TLS means."""
    error, message = _classified(exc)
    return WireError(error, message, may_have_sent=may_have_sent)


def _classified(exc: BaseException) -> tuple[CallError, str]:
    """Name the first kind that the exception is; special kinds come first."""
    for kind, error, message in _KINDS:
        if isinstance(exc, kind):
            return error, message or _said(exc) or type(exc).__name__
    return CallError.PROTOCOL, f"the answer is not valid HTTP ({type(exc).__name__})"


def _said(exc: BaseException) -> str:
    if not isinstance(exc, OSError):
        return ""
    if isinstance(exc, ssl.SSLError) or not exc.errno:
        return reason(exc)
    # asyncio puts an address into the exception's own text.
    return os.strerror(exc.errno)


_Kind = type[BaseException] | tuple[type[BaseException], ...]
_KINDS: Final[tuple[tuple[_Kind, CallError, str], ...]] = (
    (socket.gaierror, CallError.DNS, "the host's name cannot be resolved"),
    (ssl.SSLEOFError, CallError.RESET, "the server closed the connection inside TLS"),
    (ssl.SSLError, CallError.TLS, ""),
    (TimeoutError, CallError.TIMEOUT, "the server was silent for too long"),
    (
        (ConnectionResetError, ConnectionAbortedError, BrokenPipeError),
        CallError.RESET,
        "the connection was reset",
    ),
    (OSError, CallError.REFUSED, ""),
)
