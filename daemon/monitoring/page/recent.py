"""The last calls to repositories, for whoever looks at the page."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from daemon.core.attempt import Attempt

MOST_REMEMBERED = 500
"""How many: the page of a window or a cluster shows those that concern it."""


class RecentAttempts:
    """The last 500 requests that were about a repository, the newest last."""

    def __init__(self, earlier: Iterable[Attempt] = ()) -> None:
        """Begin with what an *earlier* run did."""
        self._attempts = deque(earlier, maxlen=MOST_REMEMBERED)

    def attempted(self, attempt: Attempt) -> None:
        """Remember a request, unless it was about a whole cluster."""
        if attempt.repository is not None:
            self._attempts.append(attempt)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The requests, the oldest first."""
        return tuple(self._attempts)
