"""Which daemon sent which call, and which calls were in flight at the same time."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from tests.evil.gateway import Choose, Gateway
from tests.evil.server import Seen, Talk

NOTICED_WITHIN_S = 0.25
"""How much later than its client a gateway may notice that an exchange is over."""


@dataclass(frozen=True, slots=True)
class Call:
    """A POST as its gateway saw it, by CLOCK_MONOTONIC."""

    began: float
    ended: float
    repository: str
    action: str
    member: str


def header_of(user: str, password: str) -> str:
    """Return how a daemon with that password introduces itself."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class WatchedGateway(Gateway):
    """Tells daemons apart by their passwords, which the service behind does not know.

    `calls` are the POSTs that came. *members* has the header by which each is known; for the
    service behind it is replaced by *accepted*.
    """

    def __init__(
        self, backend: str, choose: Choose, members: Mapping[str, str], accepted: str
    ) -> None:
        """Prepare to stand before the service at *backend*."""
        super().__init__(backend, choose)
        self._members = members
        self._accepted = accepted
        self._watching = threading.Lock()
        self.calls: list[Call] = []
        self.last_list: dict[str, float] = {}

    def _behave(self, talk: Talk) -> None:
        began, request = time.monotonic(), talk.request
        member = self._members.get(request.headers.get("authorization", ""), "")
        try:
            super()._behave(talk)
        finally:
            *_, repository, action = request.path.split("/")
            with self._watching:
                if request.method == "POST" and action in {"pause", "resume"}:
                    call = Call(began, time.monotonic(), repository, action, member)
                    self.calls.append(call)
                elif member:
                    self.last_list[member] = began

    def _ask(self, request: Seen) -> bytes:
        if request.headers.get("authorization", "") not in self._members:
            return super()._ask(request)
        headers = request.headers | {"authorization": self._accepted}
        return super()._ask(replace(request, headers=headers))


def overlapping(calls: Iterable[Call], longest_s: float) -> list[tuple[Call, Call]]:
    """Find calls on one repository that met, of daemons that wait *longest_s* for an answer.

    Of one daemon's own, those that only seem to meet, as their gateway noticed late, are left out.
    """
    found = []
    by_repository: dict[str, list[Call]] = {}
    for call in sorted(calls, key=lambda each: each.began):
        by_repository.setdefault(call.repository, []).append(call)
    for several in by_repository.values():
        for first, second in pairwise(several):
            # Whoever is stopped or waits no more keeps nobody from going on.
            over = min(first.ended, first.began + longest_s)
            if first.member == second.member:
                over -= NOTICED_WITHIN_S
            if second.began < over:
                found.append((first, second))
    return found
