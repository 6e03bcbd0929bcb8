"""A property machine in virtual time, which plays the protocol against everything at once.

The real decisions, the real order of a pass and the real ledger; only the clocks, the wires and
the service are models. The machine kills the daemon at every durable write and every call, fills
the disk, loses requests and answers, lets lost requests land late, steps the clock, reboots, edits
the windows and has people pause and resume; then it heals the world and checks:

I1 what we paused is active again; I2 what somebody else paused was never resumed;
I3 no pause without a durable mark; I5 each request is in the ledger's history once, or the daemon
was killed between the two and the ledger has the mark that it may have left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.backup_service import KeepTrying, ServiceError
from daemon.controller import Controller, Rules
from daemon.dispatch import Line, Time
from daemon.errors import LedgerError
from daemon.holdings import Holdings
from daemon.journal import Journal
from daemon.ledger import MEMORY, Access, Ledger
from daemon.record import LATE, Phase, Record
from daemon.recurrence import Once
from daemon.repository import (
    Action,
    Attempt,
    CallError,
    Moment,
    ObservedRepository,
    Outcome,
    RepositoryState,
)
from daemon.windows import OnDrift, Patterns, Timeline, Window

EPOCH = datetime(2026, 11, 22)  # noqa: DTZ001  # a window's times are local
BEGIN = EPOCH.replace(tzinfo=UTC)
REPOSITORIES = ("orders", "tenant-a")


class Killed(BaseException):
    """The process was killed here."""


class ViolatedError(AssertionError):
    """Raised when an invariant does not hold; begins with its number."""


class Inline(Executor):
    """Runs what is submitted at once, on the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it now."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


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
    violations: list[str] = field(default_factory=list)

    def now(self) -> Moment:
        """Read the clocks."""
        return Moment(self.wall, f"boot-{self.booted.total_seconds()}", self.elapsed - self.booted)

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
        """Give the fault that was armed for *point*, once."""
        if self.fault and self.fault[0] == point:
            kind, self.fault = self.fault[1], None
            if kind == "kill":
                raise Killed
            return kind
        return None


class ModelService:
    """The Backup Service of the world, behind wires that fail as armed."""

    def __init__(self, world: World, ledger: Ledger, on_attempt: Callable[[Attempt], None]) -> None:
        """Serve *world*; *ledger* is where a durable mark is looked for."""
        self.world = world
        self.ledger = ledger
        self.on_attempt = on_attempt

    def repositories(
        self, _windows: tuple[str, ...], _keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List all repositories."""
        if self.world.strike("list"):
            raise ServiceError("prod", CallError.TIMEOUT, "lost", retryable=True, unresolved=False)
        paused, active = RepositoryState.PAUSED, RepositoryState.ACTIVE
        return tuple(
            ObservedRepository(id_, paused if id_ in self.world.paused_by else active)
            for id_ in REPOSITORIES
        )

    def pause(self, repository: str, _windows: tuple[str, ...], _keep_trying: KeepTrying) -> bool:
        """Pause one."""
        return self._post(Action.PAUSE, repository)

    def resume(self, repository: str, _windows: tuple[str, ...], _keep_trying: KeepTrying) -> bool:
        """Resume one, and note if it was not ours to resume."""
        if self.world.paused_by.get(repository) == "human":
            self.world.violations.append(f"I2: resumed {repository}, which a person had paused")
        return self._post(Action.RESUME, repository)

    def backup(self, _repository: str, _windows: tuple[str, ...], _keep: KeepTrying) -> bool:
        """Start a backup."""
        return False

    def _post(self, action: Action, repository: str) -> bool:
        world = self.world
        if action is Action.PAUSE:
            self._check_mark(repository)
        world.strike("before-post")
        world.sent.append((action, repository))
        try:
            self._deliver(action, repository)
        except ServiceError as exc:
            self.on_attempt(self._attempt(action, repository, exc.error))
            raise
        self.on_attempt(self._attempt(action, repository, None))
        return False

    def _deliver(self, action: Action, repository: str) -> None:
        world = self.world
        match world.strike("post"):
            case "lost":
                raise _lost()
            case "late":
                due = world.elapsed + LATE * (world.elapsed.seconds % 100 / 100)
                world.under_way.append((due, action, repository))
                raise _lost()
            case "refused":
                raise ServiceError(
                    "prod", CallError.REFUSED, "refused", retryable=True, unresolved=False
                )
            case "no-effect":
                return
            case _:
                world.apply(action, repository)
        world.strike("after-post")
        if world.strike("answer"):
            raise _lost()

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

    def _check_mark(self, repository: str) -> None:
        marks = {record.key.id: record.suspect_pause for record in self.ledger.records()}
        if marks.get(repository) is None:
            self.world.violations.append(f"I3: {repository} paused without a durable mark")


def _lost() -> ServiceError:
    return ServiceError("prod", CallError.TIMEOUT, "lost", retryable=True, unresolved=True)


class FaultyStore:
    """The real ledger, with a death before or after each durable write, or no room for it."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Write to *ledger*; what it took of the history is in `history`."""
        self.world = world
        self.ledger = ledger
        self.history: list[tuple[Action, str | None]] = []
        self.has_refused = False

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write, or die."""
        if self.world.strike("before-save"):
            self.has_refused = True
            raise LedgerError("the disk is full")
        self.ledger.save(records, attempts)
        self.history += [(attempt.action, attempt.repository) for attempt in attempts]
        self.has_refused = False
        self.world.strike("after-save")


def once(
    name: str,
    start_minute: int,
    end_minute: int,
    *,
    pattern: str = "*",
    on_drift: OnDrift = OnDrift.REPORT,
) -> Window:
    """Build a window that opens once, in minutes after the epoch."""
    return Window(
        name=name,
        rule=Once(
            start=EPOCH + timedelta(minutes=start_minute),
            end=EPOCH + timedelta(minutes=end_minute),
            duration=None,
        ),
        zone=ZoneInfo("UTC"),
        targets=(("prod", Patterns((pattern,))),),
        on_drift=on_drift,
    )


WINDOWS = (once("first", 10, 40), once("second", 30, 60), once("third", 61, 90))
POINTS = ("before-save", "after-save", "before-post", "post", "after-post", "answer", "list")
KINDS = {
    "before-save": ("full",),
    "post": ("lost", "late", "refused", "no-effect"),
    "answer": ("lost",),
    "list": ("lost",),
}
FAULTS = [(point, "kill") for point in POINTS if point not in {"post", "answer", "list"}] + [
    (point, kind) for point, kinds in KINDS.items() for kind in kinds
]


EDITS = (
    WINDOWS,
    WINDOWS[1:],
    (),
    (once("first", 10, 100),),
    (once("first", 10, 50, pattern="tenant-*"),),
    (once("strict", 5, 80, on_drift=OnDrift.ENFORCE),),
)


class Machine(RuleBasedStateMachine):
    """One cluster, two repositories, three windows, and everything that can go wrong."""

    controller_class: ClassVar[type[Controller]] = Controller
    store_class: ClassVar[type[FaultyStore]] = FaultyStore

    def __init__(self) -> None:
        """Begin before the first window, with nothing paused."""
        super().__init__()
        self.world = World()
        self.ledger = Ledger.open(MEMORY, Access.DAEMON)
        self.store = self.store_class(self.world, self.ledger)
        self.windows: tuple[Window, ...] = WINDOWS
        self.start()

    def start(self) -> None:
        """Start the daemon from what the ledger has."""
        self.controller = self.make_controller(Holdings(self.store, self.ledger.records()))

    def make_controller(self, holdings: Holdings) -> Controller:
        """Assemble a controller from the real parts."""
        world = self.world
        service = ModelService(world, self.ledger, holdings.remember_attempt)
        return self.controller_class(
            "prod",
            holdings,
            Line(service, Inline()),
            Journal("prod", Silence()),
            Time(world.now, world.advance),
        )

    def die(self) -> None:
        """Die, and start again; what was sent and not recorded has to be marked (I5).

        While the disk is full, a resume of what is ours may leave without its mark.
        """
        records = {record.key.id: record for record in self.ledger.records()}
        for action, repository in self.world.sent[len(self.store.history) :]:
            record = records.get(repository)
            is_pause = action is Action.PAUSE
            mark = record and (record.suspect_pause if is_pause else record.suspect_resume)
            if not (mark or (self.store.has_refused and not is_pause)):
                self.world.violations.append(f"I5: {action} of {repository} left no trace")
        self.world.sent = list(self.store.history)  # type: ignore[arg-type]  # none is a list
        self.start()

    @rule()
    def make_pass(self) -> None:
        """Make one pass; a kill is followed by a start."""
        rules = Rules(Timeline(self.windows), timedelta(seconds=30), timedelta(hours=36))
        try:
            self.controller.run_pass(rules)
        except Killed:
            self.die()

    @rule(seconds=st.integers(1, 900))
    def advance(self, seconds: int) -> None:
        """Let time pass, with a pass at its end as the beat would make."""
        self.world.advance(timedelta(seconds=seconds))
        self.make_pass()

    @rule(minutes=st.integers(-60, 60))
    def step_clock(self, minutes: int) -> None:
        """Step the wall clock; the other one goes on."""
        self.world.wall += timedelta(minutes=minutes)
        self.make_pass()

    @rule()
    def restart(self) -> None:
        """Kill the daemon between two passes."""
        self.die()

    @rule(seconds=st.integers(15, 600))
    def reboot(self, seconds: int) -> None:
        """Cut the power of the daemon's host."""
        self.die()
        self.world.reboot(timedelta(seconds=seconds))
        self.world.advance(timedelta(seconds=15))
        self.make_pass()

    @rule(fault=st.sampled_from(FAULTS))
    def arm(self, fault: tuple[str, str]) -> None:
        """Let the next pass meet a fault."""
        self.world.fault = fault
        self.make_pass()

    @rule(repository=st.sampled_from(REPOSITORIES))
    def person_pauses(self, repository: str) -> None:
        """Let a person pause: it is theirs, unless a call of ours may land at the same time.

        The service keeps no owner, so that nobody could tell then; this is the documented
        exception, and it ends with the suspicion.
        """
        records = self.ledger.records()
        suspected = {
            record.key.id
            for record in records
            if record.suspect_pause or record.phase in {Phase.PAUSED, Phase.RESUMING}
        }
        person = "either" if repository in suspected else "human"
        self.world.paused_by.setdefault(repository, person)

    @rule(repository=st.sampled_from(REPOSITORIES))
    def person_resumes(self, repository: str) -> None:
        """Let a person resume."""
        self.world.paused_by.pop(repository, None)

    @rule(windows=st.sampled_from(EDITS))
    def edit(self, windows: tuple[Window, ...]) -> None:
        """Edit the file: windows vanish, come back, or last longer."""
        self.windows = windows
        self.make_pass()

    @invariant()
    def nothing_was_violated(self) -> None:
        """I2, I3 and I5 hold at every moment."""
        if self.world.violations:
            raise ViolatedError("; ".join(self.world.violations))

    def teardown(self) -> None:
        """Heal the world, go past every window and every suspicion, and check I1."""
        self.world.fault = None
        self.world.wall = BEGIN + timedelta(days=1)
        for _ in range(6):
            self.world.advance(timedelta(minutes=10))
            self.make_pass()

        self.nothing_was_violated()
        left = self.ledger.records()
        self.ledger.close()
        ours = [id_ for id_, by in self.world.paused_by.items() if by == "daemon"]
        if ours or left:
            raise ViolatedError(f"I1: left paused: {ours}; left in the ledger: {left}")
        if self.store.history != self.world.sent:
            raise ViolatedError(f"I5: sent {self.world.sent}, recorded {self.store.history}")
