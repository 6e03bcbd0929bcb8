"""Calls to the service and their outcomes, in the words of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MESSAGE_LIMIT = 200
"""Characters of a server's own words that are kept."""


class Action(StrEnum):
    """What a call is for."""

    LIST = "list"
    GET = "get"
    PAUSE = "pause"
    RESUME = "resume"
    BACKUP = "backup"
    DISCOVER = "discover"


class CallError(StrEnum):
    """Why a call failed, in the words of the log's `error` key."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"


class PassError(StrEnum):
    """Why a pass failed to pause or resume although no call did; also words of `error`.

    Without effect within ten seconds; not recorded, and so not sent; held longer than allowed.
    """

    UNVERIFIED = "unverified"
    LEDGER = "ledger"
    MAX_PAUSE = "max_pause"


class Outcome(StrEnum):
    """The outcome of one HTTP request: done, to be sent again in this pass, or given up.

    Stale: whatever its outcome, the cluster belonged to another daemon by then.
    """

    OK = "ok"
    RETRY = "retry"
    FAILED = "failed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request that was started, and its outcome; `started` is UTC."""

    cluster: str
    repository: str | None
    action: Action
    windows: tuple[str, ...]
    method: str
    url: str
    attempt: int
    status: int | None
    outcome: Outcome
    error: CallError | None
    message: str
    started: datetime
    duration: timedelta
    retry_in: timedelta | None = None
