"""What HTTP says of an answer: status, Retry-After, message; also for targets of notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from daemon import documents, wording
from daemon.core.attempt import MESSAGE_LIMIT, CallError
from daemon.documents import Body

_ERRORS = {
    401: CallError.UNAUTHORIZED,
    403: CallError.FORBIDDEN,
    404: CallError.NOT_FOUND,
    408: CallError.TIMEOUT,
    425: CallError.THROTTLED,
    429: CallError.THROTTLED,
}

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_SECONDS = re.compile(r"[0-9]+")
_MOST_SECONDS = 999_999_999
_LONGEST_RETRY_AFTER = 64


def error_of(status: int) -> CallError | None:
    """Return what went wrong by an answer with *status*; None for 200, a success of any call."""
    match status:
        case 200:
            return None
        case _ if status in _ERRORS:
            return _ERRORS[status]
        case _ if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own classes of status codes
            return CallError.REDIRECT
        case _ if 400 <= status < 500:  # noqa: PLR2004
            return CallError.BAD_REQUEST
        case _ if 500 <= status < 600:  # noqa: PLR2004
            return CallError.SERVER_ERROR
        case _:
            return CallError.UNEXPECTED


def is_passing(status: int) -> bool:
    """Check whether the same request may succeed a little later."""
    return status in _PASSING


def is_definite(status: int) -> bool:
    """Check whether *status* says for sure if the request was carried out.

    A gateway's 5xx or 408 may stand for a request that is still on its way to the service.
    """
    match error_of(status):
        case CallError.TIMEOUT | CallError.SERVER_ERROR | CallError.UNEXPECTED:
            return False
        case _:
            return True


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Parse a Retry-After header, seconds or a date; None if it is absent, past or nonsense."""
    text = (value or "").strip()
    if len(text) > _LONGEST_RETRY_AFTER:
        return None
    if _SECONDS.fullmatch(text):
        # Who asks for more than years means for ever.
        delay = timedelta(seconds=min(int(text), _MOST_SECONDS))
    else:
        try:
            date = parsedate_to_datetime(text)
            delay = date.replace(tzinfo=date.tzinfo or UTC) - now
        except (ValueError, OverflowError, TypeError, LookupError):
            # The library's parser of dates raises any of them, by the kind of nonsense.
            return None
    return delay if delay > timedelta(0) else None


def message_of(body: Body, location: str | None = None) -> str:
    """Return what the server says, in one piece and untrimmed; for a redirect, where it points."""
    if location is not None:
        return f"redirects to {_host_of(location)}, which is not followed"
    text = body.decode(errors="backslashreplace").strip()
    try:
        document = documents.read_json(body)
    except ValueError:
        return text
    return " ".join(_said(document)) if isinstance(document, dict) else text


def printable(text: str) -> str:
    """Return *text* as one line of at most 200 characters, and printable."""
    shown = wording.printable(text[:MESSAGE_LIMIT])
    return shown if len(shown) <= MESSAGE_LIMIT else f"{shown[: MESSAGE_LIMIT - 1]}…"


def _said(error: dict[str, object]) -> Iterator[str]:
    for key in ("msg", "message", "extras"):
        value = error.get(key)
        if isinstance(value, str) and value:
            yield f"({value})" if key == "extras" else value
    permissions = error.get("permissions")
    if isinstance(permissions, list):
        yield f"({', '.join(str(permission) for permission in permissions[:10])})"


def _host_of(location: str) -> str:
    try:
        parts = urlsplit(location)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a place that is not a URL"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "another path"
