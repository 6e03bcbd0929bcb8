"""The world of the protocol machine: clocks, repositories, wires that fail, a disk that fills.

All of it is virtual; nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.core.moment import Moment
from daemon.core.record import LATE, Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.core.summary import News
from daemon.errors import LedgerError
from daemon.ledger.ledger import Ledger
from daemon.log import events
from daemon.service.client import MaySend, ServiceError, WithheldError

EPOCH = datetime(2026, 11, 22)  # noqa: DTZ001  # a window's times are local
BEGIN = EPOCH.replace(tzinfo=UTC)
REPOSITORIES = ("orders", "tenant-a")


class Killed(BaseException):
    """The process was killed here."""


class ViolatedError(AssertionError):
    """Raised when an invariant does not hold; begins with its number."""


class Silence:
    """A log nobody reads."""

    def info(self, event: str, **keys: object) -> None:
        """Say nothing."""

    warning = error = critical = info


@dataclass
class World:
    """Both clocks, the repositories, who paused them, and the requests still under way."""

    wall: datetime = BEGIN
    elapsed: timedelta = timedelta(hours=1)
    booted: timedelta = timedelta(0)
    paused_by: dict[str, str] = field(default_factory=dict)
    under_way: list[tuple[timedelta, Action, str]] = field(default_factory=list)
    fault: tuple[str, str] | None = None
    sent: list[tuple[Action, str]] = field(default_factory=list)
    is_forbidden: bool = False
    is_stopping: bool = False
    has_refused: bool = False
    has_withheld: bool = False
    hidden: frozenset[str] = frozenset()
    violations: list[str] = field(default_factory=list)

    def now(self) -> Moment:
        """Read the clocks."""
        return Moment(self.wall, f"boot-{self.booted.total_seconds()}", self.elapsed - self.booted)

    async def wait(self, by: timedelta) -> bool:
        """Let time pass, as a pass waits for it; somebody who stops waits no more."""
        return self.may_send() and self.advance(by)

    def may_send(self) -> bool:
        """Check whether a call may leave."""
        return not self.is_stopping

    def advance(self, by: timedelta) -> bool:
        """Let time pass; requests under way land when they are due."""
        self.wall += by
        self.elapsed += by
        for item in [item for item in self.under_way if item[0] <= self.elapsed]:
            self.under_way.remove(item)
            self.apply(item[1], item[2])
        return True

    def reboot(self, took: timedelta) -> None:
        """Boot the daemon's host again; the service goes on meanwhile."""
        self.advance(took)
        self.booted = self.elapsed

    def apply(self, action: Action, repository: str) -> None:
        """Let the service act on a request of the daemon."""
        if action is Action.PAUSE:
            self.paused_by.setdefault(repository, "daemon")
        else:
            self.paused_by.pop(repository, None)

    def strike(self, point: str) -> str | None:
        """Return the fault that was armed for *point*, once."""
        if self.fault and self.fault[0] == point:
            kind, self.fault = self.fault[1], None
            match kind:
                case "kill":
                    raise Killed
                case "stop":
                    self.is_stopping = True
                case "minute":
                    self.advance(timedelta(minutes=1))
                case "minutes":
                    self.advance(timedelta(minutes=3))
                case _:
                    pass
            return kind
        return None


class Listener(Silence):
    """A log that checks whether the ledger has what is said (I7); a full disk excuses it."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Compare with *ledger*."""
        self._world = world
        self._ledger = ledger

    def info(self, event: str, **keys: object) -> None:
        """Hear what was paused or resumed."""
        phases = {record.key.id: record.phase for record in self._ledger.records()}
        phase = phases.get(str(keys.get("repository")))
        expected: dict[str, Phase | None] = {
            events.REPOSITORY_PAUSED: Phase.PAUSED,
            events.REPOSITORY_RESUMED: None,
        }
        is_known = event in expected and phase is expected[event]
        if event in expected and not is_known and not self._world.has_refused:
            self._world.violations.append(f"I7: {event} was said, and the ledger has {phase}")


class ModelService:
    """The Backup Service of the world, behind wires that fail as armed."""

    def __init__(self, world: World, ledger: Ledger, on_attempt: Callable[[Attempt], None]) -> None:
        """Serve *world*; *ledger* is where a durable mark is looked for."""
        self.world = world
        self.ledger = ledger
        self.on_attempt = on_attempt

    async def repositories(
        self, _windows: object, _keep_trying: object
    ) -> tuple[ObservedRepository, ...]:
        """List all repositories but those that are hidden, by a node that may be behind."""
        kind = self.world.strike("list")
        if kind == "lost":
            raise ServiceError("prod", CallError.TIMEOUT, "lost", retryable=True, unresolved=False)
        paused, active = RepositoryState.PAUSED, RepositoryState.ACTIVE
        # A node that is behind the others shows what was before the daemon's pauses.
        hidden_by = "daemon" if kind == "stale" else ""
        shown = {id_ for id_, by in self.world.paused_by.items() if by != hidden_by}
        return tuple(
            ObservedRepository(id_, paused if id_ in shown else active)
            for id_ in REPOSITORIES
            if id_ not in self.world.hidden
        )

    async def pause(
        self, repository: str, _windows: object, _keep: object, may_send: MaySend
    ) -> bool:
        """Pause one."""
        return self._post(Action.PAUSE, repository, may_send)

    async def resume(
        self, repository: str, _windows: object, _keep: object, may_send: MaySend
    ) -> bool:
        """Resume one, and note if it was not ours to resume."""
        return self._post(Action.RESUME, repository, may_send)

    async def backup(
        self, repository: str, _windows: object, _keep: object, may_send: MaySend
    ) -> bool:
        """Start a backup, and note if a start after a crash would start it again."""
        if not may_send():
            raise WithheldError(repository)
        if any(
            record.backup_due for record in self.ledger.records() if record.key.id == repository
        ):
            self.world.violations.append(f"I8: started a backup of {repository} that is still owed")
        self.world.sent.append((Action.BACKUP, repository))
        self.on_attempt(self._attempt(Action.BACKUP, repository, None))
        return False

    def _post(self, action: Action, repository: str, may_send: MaySend) -> bool:
        world = self.world
        world.strike("before-post")
        if not may_send():
            world.has_withheld = True
            raise WithheldError(repository)
        if action is Action.RESUME and world.paused_by.get(repository) == "human":
            world.violations.append(f"I2: resumed {repository}, which a person had paused")
        if world.is_stopping:
            world.violations.append(f"I9: {action} of {repository} was sent after a stop")
        self._check_mark(action, repository)
        world.sent.append((action, repository))
        try:
            is_unresolved = self._deliver(action, repository)
        except ServiceError as exc:
            self.on_attempt(self._attempt(action, repository, exc.error))
            raise
        self.on_attempt(self._attempt(action, repository, None))
        return is_unresolved

    def _deliver(self, action: Action, repository: str) -> bool:
        """Deliver a request; return whether an earlier attempt of it is still under way."""
        world, is_unresolved = self.world, False
        if world.is_forbidden:
            raise ServiceError("prod", CallError.FORBIDDEN, "no")
        match world.strike("post"):
            case "lost":
                raise _lost()
            case "late":
                self._delay(action, repository)
                raise _lost()
            case "late-then-done":
                self._delay(action, repository)
                world.apply(action, repository)
                is_unresolved = True
            case "refused":
                raise ServiceError(
                    "prod", CallError.REFUSED, "refused", retryable=True, unresolved=False
                )
            case "no-effect":
                return False
            case _:
                world.apply(action, repository)
        world.strike("after-post")
        if world.strike("answer"):
            raise _lost()
        return is_unresolved

    def _delay(self, action: Action, repository: str) -> None:
        world = self.world
        due = world.elapsed + LATE * (world.elapsed.seconds % 100 / 100)
        world.under_way.append((due, action, repository))

    def _attempt(self, action: Action, repository: str, error: CallError | None) -> Attempt:
        return Attempt(
            cluster="prod",
            repository=repository,
            action=action,
            windows=(),
            method="POST",
            url="",
            attempt=1,
            status=None if error else 200,
            outcome=Outcome.FAILED if error else Outcome.OK,
            error=error,
            message="",
            started=self.world.wall,
            duration=timedelta(0),
        )

    def _check_mark(self, action: Action, repository: str) -> None:
        """Expect a mark that lasts as long as the service may act on what is sent now.

        While the disk is full, a resume of what is ours may leave without one.
        """
        world, is_pause = self.world, action is Action.PAUSE
        marks = {
            record.key.id: record.suspect_pause if is_pause else record.suspect_resume
            for record in self.ledger.records()
        }
        mark = marks.get(repository)
        if not (mark and mark.until >= world.now().uptime + LATE) and (
            is_pause or not world.has_refused
        ):
            world.violations.append(f"I3: {action} of {repository} without a durable mark")


def _lost() -> ServiceError:
    return ServiceError("prod", CallError.TIMEOUT, "lost", retryable=True, unresolved=True)


class FaultyStore:
    """The real ledger, with a death before or after each durable write, or no room for it."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Write to *ledger*; what it took of the history is in `history`."""
        self.world = world
        self.ledger = ledger
        self.history: list[tuple[Action, str | None]] = []

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write, or die."""
        if self.world.strike("before-save"):
            self.world.has_refused = True
            raise LedgerError("the disk is full")
        self.ledger.save(records, attempts, [news] if news else ())
        self.history += [(attempt.action, attempt.repository) for attempt in attempts]
        self.world.has_refused = False
        self.world.strike("after-save")
