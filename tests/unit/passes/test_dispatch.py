"""The calls of one pass: a bug in one of them, and who says last whether one may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.core.attempt import Attempt, CallError
from daemon.core.decide import Pause, Resume
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryKey, RepositoryState
from daemon.core.summary import News
from daemon.passes.controller import Controller
from daemon.passes.dispatch import SEND_WITHIN, Answer, Call, Clocks, Dispatch, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.passes.rules import Rules
from daemon.service.client import KeepTrying, MaySend, ServiceError, WithheldError
from daemon.windows.timeline import Timeline
from tests.unit.passes.protocol_machine import once
from tests.unit.passes.protocol_world import BEGIN, Silence

OPEN = Moment(BEGIN + timedelta(minutes=15), "boot", timedelta(hours=1))
RULES = Rules(
    Timeline((once("night", 10, 40),)), resync=timedelta(seconds=30), max_pause=timedelta(days=1)
)
SECOND = timedelta(seconds=1)


@dataclass
class Ledger:
    """Keeps the records that were written last."""

    records: dict[str, Record] = field(default_factory=dict)

    async def save(
        self,
        records: Iterable[Record],
        _attempts: Iterable[Attempt] = (),
        _news: News | None = None,
    ) -> None:
        """Write them."""
        self.records |= {record.key.id: record for record in records}


@dataclass
class Service:
    """A cluster that does before each pause what is to be done, and then asks whether it may."""

    states: dict[str, RepositoryState] = field(default_factory=dict)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    broken: asyncio.Event | None = None
    begun: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def repositories(
        self, _windows: tuple[str, ...], _trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List them."""
        return tuple(ObservedRepository(id_, state) for id_, state in self.states.items())

    async def pause(
        self, id_: str, _windows: tuple[str, ...], _trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Pause one, after whatever comes before."""
        self.begun.append(id_)
        await asyncio.sleep(0)
        if id_ in self.before:
            self.before[id_]()
        if not may_send():
            raise WithheldError(id_)
        self.sent.append(id_)
        if self.broken:
            # In flight until another call has met its bug.
            await self.broken.wait()
        if id_ == "refused":
            raise ServiceError("prod", CallError.FORBIDDEN, "no")
        self.states[id_] = RepositoryState.PAUSED
        return False

    resume = pause
    backup = pause


def test_a_bug_in_one_call_loses_nothing_of_the_others() -> None:
    """What is in flight is awaited and noted, nothing more leaves, and then the bug is raised.

    The mark of the call that met it stays in the ledger, for that call may have left.
    """
    ids = ("accepted", "refused", "stumbling", "unsent", "unsent-too")
    service, ledger = Service(dict.fromkeys(ids, RepositoryState.ACTIVE)), Ledger()
    holdings = Holdings(ledger, [])

    async def wait(_delay: timedelta) -> bool:
        return True

    controller = Controller(
        "prod", holdings, Route(service, 4), Journal("prod", Silence()), Clocks(lambda: OPEN, wait)
    )

    async def act() -> None:
        service.broken = broken = asyncio.Event()

        def fail() -> None:
            broken.set()
            raise LookupError

        service.before["stumbling"] = fail
        with pytest.raises(LookupError):
            await controller.run_pass(RULES)

    asyncio.run(act())

    assert service.begun == ["accepted", "refused", "stumbling", "unsent"]
    assert service.sent == ["accepted", "refused"]
    known = {record.key.id: record for record in holdings.records()}
    assert {id_ for id_, record in known.items() if record.suspect_pause} == {
        "accepted",
        "stumbling",
    }
    assert ledger.records["stumbling"] == known["stumbling"]
    assert ledger.records["accepted"].suspect_pause is not None
    assert (known["refused"].last_error, known["refused"].suspect_pause) == ("forbidden", None)

    service.broken = None
    service.before.clear()
    controller.forget_failures()
    service.states["refused"] = RepositoryState.PAUSED
    asyncio.run(controller.run_pass(RULES))

    phases = {id_: record.phase for id_, record in ledger.records.items() if id_ != "refused"}
    assert phases == dict.fromkeys(set(ids) - {"refused"}, Phase.PAUSED)
    assert service.sent[2:] == ["stumbling", "unsent", "unsent-too"]


@dataclass
class Time:
    """The clock, and whether somebody is in a hurry."""

    passed: timedelta = timedelta(0)
    is_hurried: bool = False

    def now(self) -> Moment:
        """Return the moment."""
        return Moment(OPEN.wall + self.passed, OPEN.boot_id, OPEN.uptime + self.passed)

    async def wait(self, delay: timedelta) -> bool:
        """Let time pass."""
        self.passed += delay
        return not self.is_hurried

    def pass_by(self, delay: timedelta) -> Callable[[], None]:
        """Return what lets so much time pass."""

        def act() -> None:
            self.passed += delay

        return act

    def hurry(self) -> None:
        """Be in a hurry."""
        self.is_hurried = True


UNTIL = OPEN.wall + timedelta(minutes=1)
HOLD = Record(RepositoryKey("prod", "orders"), Phase.PAUSING, until=UNTIL)


@pytest.mark.parametrize(
    ("decision", "before", "is_sent"),
    [
        (Pause(HOLD), lambda time: time.pass_by(timedelta(seconds=59)), True),
        (Pause(HOLD), lambda time: time.pass_by(timedelta(seconds=60)), False),
        (Resume(HOLD), lambda time: time.pass_by(timedelta(seconds=60)), True),
        (Resume(HOLD), lambda time: time.pass_by(SEND_WITHIN + SECOND), False),
        (Resume(HOLD), lambda time: time.hurry, False),
    ],
    ids=["in time", "its opening has ended", "a resume then", "its mark has ended", "a hurry"],
)
def test_whether_a_call_may_leave_is_asked_last(
    decision: Pause | Resume, before: Callable[[Time], Callable[[], None]], *, is_sent: bool
) -> None:
    """What came up while a call waited for its turn at the service keeps it from leaving."""
    time = Time()
    service = Service(before={"orders": before(time)})

    async def act() -> list[Answer]:
        clocks = Clocks(time.now, time.wait, lambda: not time.is_hurried)
        dispatch = Dispatch(Route(service, 1), clocks, [Call(decision, OPEN)])
        return await dispatch.take(timedelta(seconds=10))

    (answer,) = asyncio.run(act())

    assert (answer.was_sent, answer.error) == (is_sent, None)
    assert service.sent == (["orders"] if is_sent else [])


class Busy(Service):
    """A cluster that is asked only after a long wait."""

    async def resume(
        self, id_: str, windows: tuple[str, ...], trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Resume one, unless the wait is too long."""
        if not await trying(SEND_WITHIN + SECOND):
            raise ServiceError("prod", CallError.THROTTLED, "not now", retryable=True)
        return await super().resume(id_, windows, trying, may_send)


def test_a_wait_that_outlasts_the_mark_is_not_begun() -> None:
    """A call that could not leave after its wait ends at once, so that the next pass has it."""
    time, service = Time(), Busy()

    async def act() -> list[Answer]:
        clocks = Clocks(time.now, time.wait)
        dispatch = Dispatch(Route(service, 1), clocks, [Call(Resume(HOLD), OPEN)])
        return await dispatch.take(timedelta(seconds=10))

    (answer,) = asyncio.run(act())

    assert (answer.error, time.passed, service.sent) == (CallError.THROTTLED, timedelta(0), [])


def test_a_pass_that_ends_early_abandons_no_call() -> None:
    """What is in flight is awaited, and nothing more leaves."""
    ids = ("sent", "waiting", "unsent")
    service = Service(dict.fromkeys(ids, RepositoryState.ACTIVE))

    async def wait(_delay: timedelta) -> bool:
        return True

    async def act() -> None:
        service.broken = landed = asyncio.Event()
        calls = [
            Call(Pause(Record(RepositoryKey("prod", id_), Phase.PAUSING)), OPEN) for id_ in ids
        ]
        dispatch = Dispatch(Route(service, 2), Clocks(lambda: OPEN, wait), calls)
        service.before["waiting"] = lambda: closing.append(asyncio.create_task(dispatch.close()))
        closing: list[asyncio.Task[None]] = []
        await asyncio.sleep(0.01)
        assert not closing[0].done()
        landed.set()
        await closing[0]

    asyncio.run(act())

    assert service.states["sent"] is RepositoryState.PAUSED
    assert "unsent" not in service.sent
