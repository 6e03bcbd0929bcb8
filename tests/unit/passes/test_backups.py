"""Backups that are owed after resumes: in turn, once, and not lost while nothing was started."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import FrameType

import pytest

from daemon.core.attempt import Attempt, CallError
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryKey, ScheduledRun
from daemon.core.summary import News
from daemon.passes.backups import AGAIN, EVERY, Backups
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.service.client import KeepTrying, MaySend, ServiceError, WithheldError
from daemon.windows.window import CatchUp

WALL = datetime(2026, 11, 22, 6, tzinfo=UTC)
NOW = Moment(WALL, "boot", timedelta(hours=1))
MISSED = (ScheduledRun(WALL - timedelta(hours=1), "daily", "BACKUP"),)
MERGE = (ScheduledRun(WALL - timedelta(hours=1), "weekly", "MERGE"),)


def later(passed: timedelta) -> Moment:
    """Return a moment after the beginning."""
    return replace(NOW, wall=WALL + passed, uptime=NOW.uptime + passed)


@dataclass
class Log:
    """Keeps what failed."""

    failed: list[dict[str, object]] = field(default_factory=list)

    def info(self, event: str, **keys: object) -> None:
        """Keep nothing."""

    warning = critical = info

    def error(self, event: str, **keys: object) -> None:
        """Keep it."""
        self.failed.append({"event": event, **keys})


@dataclass
class Service:
    """Starts backups, or fails as told."""

    error: ServiceError | None = None
    started: list[str] = field(default_factory=list)

    async def repositories(
        self, _windows: tuple[str, ...], _keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List nothing."""
        return ()

    async def pause(
        self, _id: str, _windows: tuple[str, ...], _trying: KeepTrying, _may_send: MaySend
    ) -> bool:
        """Do nothing."""
        return False

    resume = pause

    async def backup(
        self, id_: str, _windows: tuple[str, ...], _trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Start one."""
        if not may_send():
            raise WithheldError("prod: backup withheld")
        if self.error:
            raise self.error
        self.started.append(id_)
        return False


class Paper:
    """A ledger that takes everything."""

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        _news: News | None = None,
    ) -> None:
        """Take it."""


@dataclass
class Stage:
    """Backups of three repositories, with all that they need."""

    goes_on: bool = True
    service: Service = field(default_factory=Service)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.holdings = Holdings(Paper(), [])
        time = Clocks(lambda: NOW, self.wait, lambda: self.goes_on)
        self.backups = Backups(self.holdings, Journal("prod", self.log), time)

    async def wait(self, _delay: timedelta) -> bool:
        """Wait for nothing."""
        return self.goes_on

    @property
    def owed(self) -> list[Record]:
        """The records of what is owed, by id."""
        records = sorted(self.holdings.records(), key=lambda record: record.key)
        return [record for record in records if record.backup_due]

    def start(self, record: Record) -> None:
        """Start a backup that is no longer owed on disk."""
        self.holdings.note(replace(record, backup_due=None))
        asyncio.run(self.backups.start(record, Route(self.service, 1)))

    def owe(self, id_: str, catch_up: CatchUp, missed: tuple[ScheduledRun, ...]) -> Record:
        """Resume a repository that was held with *catch_up* and missed these runs."""
        key = RepositoryKey("prod", id_)
        before = Record(key, Phase.RESUMING, windows=("w",), catch_up=catch_up, scheduled=missed)
        record = self.backups.owe(before, before.released(), NOW)
        self.holdings.note(record)
        return record


@pytest.fixture
def stage() -> Stage:
    """Set the stage."""
    return Stage()


@pytest.mark.parametrize(
    ("catch_up", "missed", "is_owed"),
    [
        (CatchUp.NONE, MISSED, False),
        (CatchUp.MISSED, MISSED, True),
        (CatchUp.MISSED, MERGE, False),
        (CatchUp.MISSED, (), False),
        (CatchUp.ALWAYS, (), True),
    ],
)
def test_what_is_owed(
    stage: Stage, catch_up: CatchUp, missed: tuple[ScheduledRun, ...], *, is_owed: bool
) -> None:
    """`missed` owes a backup if one fell due meanwhile, `always` owes one anyway."""
    record = stage.owe("orders", catch_up, missed)

    assert bool(record.backup_due) is is_owed
    assert record.is_spent is not is_owed


def test_turns_are_apart(stage: Stage) -> None:
    """Of repositories that are resumed together, each gets a turn of its own."""
    turns = [stage.owe(id_, CatchUp.ALWAYS, ()).backup_due for id_ in ("a", "b", "c")]

    assert turns == [WALL, WALL + EVERY, WALL + 2 * EVERY]
    assert stage.backups.next_due(NOW) == EVERY


def test_turns_that_were_missed_are_spread_again(stage: Stage) -> None:
    """After an absence all turns are past: one starts every 10 s, each once, and none is lost."""
    for id_ in "abc":
        stage.holdings.note(replace(stage.owe(id_, CatchUp.ALWAYS, ()), backup_due=WALL))
    started = []
    for second in range(60):
        chosen = stage.backups.choose(stage.owed, later(timedelta(seconds=second)))
        if chosen:
            started.append((chosen.key.id, timedelta(seconds=second)))
            stage.start(chosen)

    assert started == [("a", 0 * EVERY), ("b", EVERY), ("c", 2 * EVERY)]
    assert stage.service.started == ["a", "b", "c"]


def test_one_that_is_not_chosen_waits_as_it_is(stage: Stage) -> None:
    """Who has to wait keeps its turn unwritten, and another pass is asked for in time."""
    past = [replace(stage.owe(id_, CatchUp.ALWAYS, ()), backup_due=WALL) for id_ in "abc"]
    for record in past:
        stage.holdings.note(record)

    chosen = stage.backups.choose(past, NOW)
    too_early = stage.backups.choose(past[1:], later(EVERY / 2))

    assert (chosen, too_early) == (past[0], None)
    assert stage.owed == past
    assert stage.backups.next_due(later(EVERY / 2)) == EVERY / 2


def test_a_backup_is_started_once(stage: Stage) -> None:
    """A backup that was started is not owed any more."""
    record = stage.owe("orders", CatchUp.ALWAYS, ())

    stage.start(record)

    assert stage.service.started == ["orders"]
    assert stage.owed == []


@pytest.mark.parametrize(
    ("retryable", "unresolved", "is_owed"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_a_failed_backup(stage: Stage, *, retryable: bool, unresolved: bool, is_owed: bool) -> None:
    """It is tried again only where surely nothing was started and another time may go well."""
    stage.service.error = ServiceError(
        "prod", CallError.REFUSED, "no", retryable=retryable, unresolved=unresolved
    )
    record = stage.owe("orders", CatchUp.ALWAYS, ())

    stage.start(record)

    assert [r.backup_due for r in stage.owed] == ([WALL + AGAIN] if is_owed else [])
    assert [keys["action"] for keys in stage.log.failed] == ["backup"]


def test_nothing_starts_after_a_stop(stage: Stage) -> None:
    """A pass that is to end starts no backup, and goes on owing it."""
    stage.goes_on = False
    record = stage.owe("orders", CatchUp.ALWAYS, ())

    stage.start(record)

    assert stage.service.started == []
    assert stage.owed == [record]


def steps(act: Callable[[], object]) -> int:
    """Count the steps of the interpreter that something takes."""
    count = 0

    def trace(frame: FrameType, event: str, _value: object) -> object:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # its own kind of function
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def test_many_that_are_owed_cost_as_much_each_as_few() -> None:
    """With ten times as many resumed at once the work is ten times as much, not a hundred."""

    def resumed(count: int) -> int:
        stage = Stage()
        return steps(
            lambda: [stage.owe(f"r{number}", CatchUp.ALWAYS, ()) for number in range(count)]
        )

    assert resumed(500) < 12 * resumed(50)
