"""The protocol against everything at once: a property machine in virtual time.

The real decisions, the real order of a pass and the real ledger; only the clock, the wires and the
service are models. The machine kills the daemon at every durable write and every call, loses
requests and answers, lets lost requests land late, steps the clock, edits the windows and has
people pause and resume; then it heals the world and checks:

I1 what we paused is active again; I2 what somebody else paused was never resumed;
I3 no pause without a durable mark; I5 every attempt has one outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from daemon.backup_service import KeepTrying, ServiceError
from daemon.controller import Controller, Rules
from daemon.dispatch import Line, Time
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
    RepositoryState,
)
from daemon.windows import Patterns, Timeline, Window

EPOCH = datetime(2026, 11, 22)  # noqa: DTZ001  # a window's times are local
BEGIN = EPOCH.replace(tzinfo=UTC)
REPOSITORIES = ("orders", "tenant-a")


class Killed(BaseException):
    """The process was killed here."""


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
    uptime: timedelta = timedelta(hours=1)
    paused_by: dict[str, str] = field(default_factory=dict)
    under_way: list[tuple[timedelta, Action, str]] = field(default_factory=list)
    fault: tuple[str, str] | None = None
    violations: list[str] = field(default_factory=list)

    def now(self) -> Moment:
        """Read the clocks."""
        return Moment(self.wall, "boot", self.uptime)

    def advance(self, by: timedelta) -> bool:
        """Let time pass; requests under way land when they are due."""
        self.wall += by
        self.uptime += by
        for item in [item for item in self.under_way if item[0] <= self.uptime]:
            self.under_way.remove(item)
            self.apply(item[1], item[2])
        return True

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

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Serve *world*; *ledger* is where a durable mark is looked for."""
        self.world = world
        self.ledger = ledger

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
        match world.strike("post"):
            case "lost":
                raise _lost()
            case "late":
                due = world.uptime + LATE * (world.uptime.seconds % 100 / 100)
                world.under_way.append((due, action, repository))
                raise _lost()
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
        return False

    def _check_mark(self, repository: str) -> None:
        marks = {record.key.id: record.suspect_pause for record in self.ledger.records()}
        if marks.get(repository) is None:
            self.world.violations.append(f"I3: {repository} paused without a durable mark")


def _lost() -> ServiceError:
    return ServiceError("prod", CallError.TIMEOUT, "lost", retryable=True, unresolved=True)


class FaultyStore:
    """The real ledger, with a death before or after each durable write."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Write to *ledger*."""
        self.world = world
        self.ledger = ledger

    def save(self, records: Iterable[Record], attempts: Iterable[Attempt] = ()) -> None:
        """Write, or die."""
        self.world.strike("before-save")
        self.ledger.save(records, attempts)
        self.world.strike("after-save")


def once(name: str, start_minute: int, end_minute: int) -> Window:
    """Build a window that opens once, in minutes after the epoch."""
    return Window(
        name=name,
        rule=Once(
            start=EPOCH + timedelta(minutes=start_minute),
            end=EPOCH + timedelta(minutes=end_minute),
            duration=None,
        ),
        zone=ZoneInfo("UTC"),
        targets=(("prod", Patterns(("*",))),),
    )


WINDOWS = (once("first", 10, 40), once("second", 30, 60), once("third", 61, 90))
POINTS = ("before-save", "after-save", "before-post", "post", "after-post", "answer", "list")
KINDS = {"post": ("lost", "late", "refused", "no-effect"), "answer": ("lost",), "list": ("lost",)}
FAULTS = [(point, "kill") for point in POINTS if point not in {"post", "answer", "list"}] + [
    (point, kind) for point, kinds in KINDS.items() for kind in kinds
]


class Machine(RuleBasedStateMachine):
    """One cluster, two repositories, three windows, and everything that can go wrong."""

    def __init__(self) -> None:
        """Begin before the first window, with nothing paused."""
        super().__init__()
        self.world = World()
        self.ledger = Ledger.open(MEMORY, Access.DAEMON)
        self.windows: tuple[Window, ...] = WINDOWS
        self.start()

    def start(self) -> None:
        """Start the daemon from what the ledger has."""
        self.controller = self.make_controller()

    def make_controller(self) -> Controller:
        """Assemble a controller from the real parts."""
        world = self.world
        return Controller(
            "prod",
            Holdings(FaultyStore(world, self.ledger), self.ledger.records()),
            Line(ModelService(world, self.ledger), Inline()),
            Journal("prod", Silence()),
            Time(world.now, world.advance),
        )

    @rule()
    def make_pass(self) -> None:
        """Make one pass; a kill is followed by a start."""
        rules = Rules(Timeline(self.windows), timedelta(seconds=30), timedelta(hours=36))
        try:
            self.controller.run_pass(rules)
        except Killed:
            self.start()

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
        self.start()

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

    @rule(windows=st.sampled_from([WINDOWS, WINDOWS[1:], (), (once("first", 10, 100),)]))
    def edit(self, windows: tuple[Window, ...]) -> None:
        """Edit the file: windows vanish, come back, or last longer."""
        self.windows = windows
        self.make_pass()

    @invariant()
    def nothing_was_violated(self) -> None:
        """I2 and I3 hold at every moment."""
        assert self.world.violations == []

    def teardown(self) -> None:
        """Heal the world, go past every window and every suspicion, and check I1."""
        self.world.fault = None
        self.world.wall = BEGIN + timedelta(days=1)
        for _ in range(6):
            self.world.advance(timedelta(minutes=10))
            self.make_pass()

        assert self.world.violations == []
        left = self.ledger.records()
        self.ledger.close()
        ours = [id_ for id_, by in self.world.paused_by.items() if by == "daemon"]
        assert ours == [], f"I1: left paused: {ours}"
        assert left == []


SHORT = settings(
    max_examples=250,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def test_the_protocol_survives_everything() -> None:
    """Whatever is killed, lost, late or edited: ours is resumed, others' is not touched."""
    run_state_machine_as_test(Machine, settings=SHORT)


@pytest.mark.nightly
def test_the_protocol_survives_everything_for_long() -> None:
    """The same with many more examples."""
    run_state_machine_as_test(Machine, settings=settings(SHORT, max_examples=20_000))
