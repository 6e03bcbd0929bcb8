"""What a pass logs and what a cluster answers, recorded for the person who waits."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from daemon.core.attempt import CallError
from daemon.core.decide import Reason
from daemon.core.repository import ObservedRepository, is_null
from daemon.log import events
from daemon.passes.dispatch import Service
from daemon.service.client import KeepTrying, MaySend, ServiceError


class Fate(StrEnum):
    """What became of a repository, as people are told."""

    RESUMED = "resumed"
    ACTIVE = "active already"
    GONE = "gone"
    NOT_OURS = "left alone: paused by somebody else"
    FAILED = "failed"


class RecordingService:
    """The service, and what it said last, in the words for people."""

    def __init__(self, service: Service) -> None:
        """Listen to *service*; nothing was said yet."""
        self._service = service
        self.has_looked = False
        self.list_error = ""
        self.lacks_list = False
        self.refusals: dict[str, str] = {}
        self.resumed: set[str] = set()
        self.problems: dict[str, str] = {}

    async def repositories(
        self, windows: tuple[str, ...], keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List the active and paused repositories; raises ServiceError."""
        try:
            found = await self._service.repositories(windows, keep_trying)
        except ServiceError as exc:
            self.list_error, self.lacks_list = _words(exc), exc.answered
            raise
        self.list_error, self.lacks_list = "", is_null(found)
        self.has_looked |= not self.lacks_list
        self.problems = {row.id: row.problem for row in found if row.problem}
        return found

    async def pause(
        self, repository: str, _windows: tuple[str, ...], _keep: KeepTrying, _may_send: MaySend
    ) -> NoReturn:
        """Refuse: a rescue pauses nothing."""
        raise AssertionError(f"a rescue was about to pause {repository}")

    async def resume(
        self, repository: str, windows: tuple[str, ...], keep_trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Resume one; raises ServiceError."""
        self.refusals.pop(repository, None)
        try:
            is_unresolved = await self._service.resume(repository, windows, keep_trying, may_send)
        except ServiceError as exc:
            self.refusals[repository] = _words(exc)
            raise
        self.resumed.add(repository)
        return is_unresolved

    async def backup(
        self, repository: str, _windows: tuple[str, ...], _keep: KeepTrying, _may_send: MaySend
    ) -> NoReturn:
        """Refuse for now: it stays owed, for a daemon to start when the emergency is over."""
        raise ServiceError("", CallError.THROTTLED, f"not now: {repository}", retryable=True)


def _words(exc: ServiceError) -> str:
    return str(exc).removeprefix(f"{exc.cluster}: ")


class RecordingLog:
    """Records what a daemon would have logged, and writes nothing."""

    def __init__(self) -> None:
        """Begin with nothing recorded."""
        self.fates: dict[str, Fate] = {}
        self.ledger_error: str | None = None

    def info(self, event: str, **keys: object) -> None:
        """Record what became of a repository, or that the ledger took it after all."""
        repository = str(keys.get("repository"))
        match event:
            case events.REPOSITORY_RESUMED:
                self.fates[repository] = Fate.RESUMED
            case events.REPOSITORY_LEFT:
                reason = keys["reason"]
                if reason is not Reason.NOT_UNDERSTOOD:
                    self.fates[repository] = Fate.GONE if reason is Reason.GONE else Fate.ACTIVE
            case events.LEDGER_RECOVERED:
                self.ledger_error = None
            case _:
                pass

    def error(self, event: str, **keys: object) -> None:
        """Record that the ledger takes nothing."""
        if event == events.LEDGER_FAILED:
            self.ledger_error = str(keys["error"])

    def warning(self, event: str, **keys: object) -> None:
        """Ignore it."""

    critical = warning
