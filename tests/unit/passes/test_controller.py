"""One pass: what comes first, and what has to be durable before something else may happen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.core.attempt import Action, Attempt
from daemon.core.record import LATE, Phase, Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.core.summary import News
from daemon.ledger.changes import RefusedError
from daemon.ledger.ledger import Access, Ledger
from daemon.ledger.opening import MEMORY, open_ledger
from daemon.log import events
from daemon.passes.backups import EVERY
from daemon.passes.controller import Controller
from daemon.passes.dispatch import SEND_WITHIN, Clocks, Route
from daemon.passes.holdings import Holdings, Store
from daemon.passes.journal import Journal
from daemon.passes.rules import Rules
from daemon.service.client import MaySend
from daemon.windows.timeline import Timeline
from tests.unit.passes.protocol_machine import once
from tests.unit.passes.protocol_world import BEGIN, FaultyStore, ModelService, Silence, World

OPEN = BEGIN + timedelta(minutes=15)


class Service(ModelService):
    """The modelled service; an earlier attempt of each POST may be of unknown fate."""

    has_lost_attempt = False

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Serve *world*."""
        super().__init__(world, ledger, lambda _attempt: None)
        self.marks: list[Suspicion | None] = []
        self.backups: list[tuple[str, list[Record]]] = []

    async def backup(
        self, repository: str, _windows: object, _keep: object, _may_send: object
    ) -> bool:
        """Start a backup, and note what the ledger has at that moment."""
        self.backups.append((repository, self.ledger.records()))
        return False

    def _post(self, action: Action, repository: str, may_send: MaySend) -> bool:
        for record in self.ledger.records():
            is_pause = action is Action.PAUSE
            self.marks.append(record.suspect_pause if is_pause else record.suspect_resume)
        super()._post(action, repository, may_send)
        return self.has_lost_attempt


@dataclass
class Log(Silence):
    """Notes what is said, and the phases of the ledger's holds at that moment."""

    ledger: Ledger
    said: list[tuple[str, list[Phase]]] = field(default_factory=list)

    failed: list[tuple[str, object, object]] = field(default_factory=list)

    def error(self, event: str, **keys: object) -> None:
        """Note of whom it is."""
        self.failed.append((event, keys["repository"], keys["error"]))

    def info(self, event: str, **_keys: object) -> None:
        """Note it."""
        phases = [record.phase for record in self.ledger.records() if record.phase]
        self.said.append((event, phases))


class Stage:
    """A world within an opening of the window "night", and the real parts of a pass."""

    def __init__(self, ledger: Ledger) -> None:
        """Put the parts together."""
        self.world = World(wall=OPEN)
        self.ledger = ledger
        self.service = Service(self.world, ledger)
        self.log = Log(ledger)
        self.store: Store | None = None

    def make_passes(self, *records: Record, pattern: str = "", count: int = 1) -> None:
        """Make passes 10 s apart, going on from *records*; *pattern* is to be paused."""
        self.ledger.save(records)
        controller = Controller(
            "prod",
            Holdings(self.store or FaultyStore(self.world, self.ledger), records),
            Route(self.service, 1),
            Journal("prod", self.log),
            Clocks(self.world.now, self.world.wait),
        )
        windows = [once("night", 10, 40, pattern=pattern)] if pattern else []
        rules = Rules(Timeline(windows), timedelta(seconds=30), timedelta(days=1))

        async def act() -> None:
            for _ in range(count):
                await controller.run_pass(rules)
                self.world.advance(EVERY)

        asyncio.run(act())

    def until(self, span: timedelta) -> Suspicion:
        """Return a suspicion that begins now."""
        return Suspicion.starting(self.world.now(), span)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Set the stage."""
    with open_ledger(MEMORY, Access.DAEMON) as ledger:
        yield Stage(ledger)


def hold(id_: str, phase: Phase, suspect_pause: Suspicion | None = None) -> Record:
    """Return a hold."""
    return Record(RepositoryKey("prod", id_), phase, since=OPEN, suspect_pause=suspect_pause)


def test_resumes_go_before_pauses(stage: Stage) -> None:
    """What must end is sent first, whatever the repositories are called."""
    stage.world.paused_by["tenant-a"] = "daemon"

    stage.make_passes(hold("tenant-a", Phase.PAUSED), pattern="orders")

    assert stage.world.sent == [(Action.RESUME, "tenant-a"), (Action.PAUSE, "orders")]


@pytest.mark.parametrize("phase", [None, Phase.PAUSED], ids=["pause", "resume"])
def test_a_mark_outlasts_the_last_moment_of_its_call(stage: Stage, phase: Phase | None) -> None:
    """A call that leaves as late as it may is covered until the service can no longer act on it."""
    mark = stage.until(SEND_WITHIN + LATE)
    if phase:
        stage.world.paused_by["orders"] = "daemon"
        stage.make_passes(hold("orders", phase))
    else:
        stage.make_passes(pattern="orders")

    assert stage.service.marks == [mark]


@pytest.mark.parametrize(
    ("phase", "pattern", "expected", "is_pause"),
    [(None, "orders", Phase.PAUSED, True), (Phase.PAUSED, "", None, False)],
    ids=["pause", "resume"],
)
def test_a_success_settles_no_earlier_attempt(
    stage: Stage, phase: Phase | None, pattern: str, expected: Phase | None, *, is_pause: bool
) -> None:
    """An attempt that was lost before one succeeded may still land, and stays suspected."""
    stage.service.has_lost_attempt = True
    lost = stage.until(LATE)
    if phase:
        stage.world.paused_by["orders"] = "daemon"

    stage.make_passes(*([hold("orders", phase)] if phase else []), pattern=pattern)

    (record,) = stage.ledger.records()
    assert record.phase is expected
    assert record.suspect_pause == (lost if is_pause else None)
    assert record.suspect_resume == (None if is_pause else lost)


@pytest.mark.parametrize(
    ("phase", "is_paused", "pattern", "expected"),
    [
        (None, False, "orders", (events.REPOSITORY_PAUSED, [Phase.PAUSED])),
        (Phase.PAUSED, True, "", (events.REPOSITORY_RESUMED, [])),
        (Phase.PAUSING, True, "orders", (events.REPOSITORY_PAUSED, [Phase.PAUSED])),
        (Phase.RESUMING, False, "", (events.REPOSITORY_RESUMED, [])),
    ],
    ids=["paused", "resumed", "found paused", "found resumed"],
)
def test_nothing_is_said_before_it_is_durable(
    stage: Stage,
    phase: Phase | None,
    pattern: str,
    expected: tuple[str, list[Phase]],
    *,
    is_paused: bool,
) -> None:
    """When a line says that a repository was paused or resumed, the ledger has it so."""
    if is_paused:
        stage.world.paused_by["orders"] = "daemon"
    suspicion = stage.until(LATE) if phase is Phase.PAUSING else None

    before = [hold("orders", phase, suspicion)] if phase else []
    stage.make_passes(*before, pattern=pattern, count=2)

    assert stage.log.said == [expected]


def test_a_backup_starts_only_when_the_ledger_no_longer_owes_it(stage: Stage) -> None:
    """A daemon that died after the start would start it again; so it waits for the ledger."""
    stage.world.fault = ("before-save", "full")
    owing = Record(RepositoryKey("prod", "orders"), backup_due=OPEN)

    stage.make_passes(owing, count=2)

    assert stage.service.backups == [("orders", [])]


@dataclass
class Picky:
    """The real ledger, which refuses the rows of `orders` for what is in them."""

    ledger: Ledger

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write all but those."""
        new = list(records)
        self.ledger.save(
            [each for each in new if each.key.id != "orders"], attempts, [news] if news else []
        )
        refused = {each.key: "not here" for each in new if each.key.id == "orders"}
        if refused:
            raise RefusedError(refused, [])


def test_a_pause_without_a_record_is_not_sent(stage: Stage) -> None:
    """Others are paused and recorded; of the one that cannot be, it is said once, and why."""
    stage.store = Picky(stage.ledger)

    stage.make_passes(pattern="*", count=2)

    refusals = [each for each in stage.log.failed if each[0] == events.LEDGER_FAILED]
    assert stage.world.sent == [(Action.PAUSE, "tenant-a")]
    assert [(id_, "not here" in str(why)) for _, id_, why in refusals] == [("orders", True)]
    assert (events.REPOSITORY_FAILED, "orders", "ledger") in stage.log.failed


def test_a_resume_needs_no_record(stage: Stage) -> None:
    """What is ours goes on from memory, to its end, though the ledger refuses every row of it."""
    stage.world.paused_by["orders"] = "daemon"
    record = hold("orders", Phase.PAUSED)
    stage.store = Picky(stage.ledger)

    stage.make_passes(record)

    assert stage.world.sent == [(Action.RESUME, "orders")]
