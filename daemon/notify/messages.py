"""What is sent: notices on their way to one target, and the request that it becomes; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from daemon.errors import CbmaintdError
from daemon.notify.notices import Notice
from daemon.wording import printable

MOST_LINES: Final = 20
"""How many notices one message to people lists; the rest is counted."""

PAGE_LIMIT: Final = 64 * 1024

Mask = Callable[[dict[str, object]], dict[str, object]]
"""Takes known secrets out of the values of a line."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request, nearly always a POST; the URL is a secret. An answer has at most *limit* bytes."""

    url: str
    body: bytes
    content_type: str = "application/json"
    method: str = "POST"
    limit: int = PAGE_LIMIT


Post = Callable[[Message], bytes | None]
"""Sends a message, once, and returns the answer, if there is any. Raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one message is about, at least one notice; *url* is a secret, *host* this machine.

    `template` is a body of the user's own, where there is one; `target` is the target's name, and
    `matchers` choose alerts.
    """

    url: str
    notices: Sequence[Notice]
    host: str
    mask: Mask
    template: str | None = None
    target: str = ""
    matchers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the message begins with."""
        return printable(f"cbmaintd on {self.host}")

    def lines(self) -> Iterator[str]:
        """Yield a line for each notice, as many as anybody reads."""
        for found in self.notices[:MOST_LINES]:
            yield f"[{found.level}] {self.words(found)}"
        if len(self.notices) > MOST_LINES:
            rest = len(self.notices) - MOST_LINES
            yield f"… and {rest} more: see cbmaintd history and the log"

    def words(self, found: Notice) -> str:
        """Return the summary of one notice, without secrets."""
        return str(self.mask({"summary": found.summary})["summary"])


class Undelivered(StrEnum):
    """Why a message was not sent although no call failed; also words of `error`.

    A URL or a header cannot be read, apprise gave up, or a bug.
    """

    URL = "url"
    HEADERS = "headers"
    APPRISE = "apprise"
    BUG = "bug"


class DeliveryError(CbmaintdError):
    """Raised when a target did not take a message.

    `error` is a word for the log, `is_passing` says that it may go well later, `retry_after` how
    long the target wants to be left alone.
    """

    def __init__(
        self,
        error: str,
        message: str,
        *,
        is_passing: bool,
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """Keep what failed; *message* quotes nothing secret."""
        super().__init__(message)
        self.error = error
        self.is_passing = is_passing
        self.status = status
        self.retry_after = retry_after
