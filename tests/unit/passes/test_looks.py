"""Passes over a cluster whose list is odd in places, or cannot be had at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from daemon.core.attempt import CallError
from daemon.core.decide import UNLISTED_AFTER, UNLISTED_LOOKS
from daemon.core.record import Phase, Record
from daemon.core.repository import NULL_LIST, ObservedRepository
from daemon.log import events
from daemon.passes.controller import VERIFY_WITHIN, Controller
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import MOST_NAMED, Journal
from daemon.passes.recorders import Fate
from daemon.passes.rules import Rules
from daemon.service.client import KeepTrying, MaySend, ServiceError
from daemon.windows.timeline import Timeline
from daemon.windows.window import Window
from tests.unit.passes.protocol_machine import once
from tests.unit.passes.rescue_scene import (
    ACTIVE,
    BEGIN,
    PAUSED,
    Book,
    Cluster,
    VirtualClocks,
    hold,
    scene,
    told,
)

RESYNC = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
ODD = 'its state "archiving" is unknown'


def odd(id_: str, problem: str = ODD) -> ObservedRepository:
    """Return a row that is not understood."""
    return ObservedRepository(id_, None, problem=problem)


def unlisted(error: CallError = CallError.UNEXPECTED, *, answered: bool = True) -> ServiceError:
    """Return what a look comes to when there is no list."""
    return ServiceError("prod", error, "the answer is not JSON", answered=answered)


@dataclass
class OddCluster(Cluster):
    """A cluster whose list has odd rows beside those of its repositories."""

    rows: Sequence[ObservedRepository] = ()
    hidden: frozenset[str] = frozenset()
    clocks: VirtualClocks = field(default_factory=VirtualClocks)
    sent_at: list[timedelta] = field(default_factory=list)
    takes: timedelta = timedelta(0)

    async def repositories(
        self, windows: tuple[str, ...], keep_trying: KeepTrying
    ) -> tuple[ObservedRepository, ...]:
        """List them, which takes a while; an odd row stands in the place of a sound one."""
        self.clocks.uptime += self.takes
        found = await super().repositories(windows, keep_trying)
        if NULL_LIST in self.rows:
            return (NULL_LIST,)
        hidden = self.hidden | {row.id for row in self.rows}
        return (*(each for each in found if each.id not in hidden), *self.rows)

    async def pause(
        self, repository: str, _windows: tuple[str, ...], _trying: KeepTrying, _may_send: MaySend
    ) -> bool:
        """Pause one."""
        self.sent.append(f"pause {repository}")
        self.states[repository] = PAUSED
        return False

    async def resume(
        self, repository: str, windows: tuple[str, ...], trying: KeepTrying, may_send: MaySend
    ) -> bool:
        """Resume one, and note when."""
        self.sent_at.append(self.clocks.uptime)
        return await super().resume(repository, windows, trying, may_send)


class Lines:
    """A log that is looked at."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append((event, keys))

    warning = error = critical = info

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event."""
        return [keys for name, keys in self.lines if name == event]


class Stage:
    """A cluster, a ledger in memory, a log, and the real parts of a pass."""

    def __init__(self, *records: Record, windows: Sequence[Window] = (), **states: Any) -> None:
        """Put the parts together; the cluster is asked at "here"."""
        self.clocks = VirtualClocks()
        self.cluster = OddCluster(states, clocks=self.clocks)
        self.log = Lines()
        self.holdings = Holdings(Book({record.key: record for record in records}), records)
        self.controller = Controller(
            "prod",
            self.holdings,
            Route(self.cluster, 4, "here"),
            Journal("prod", self.log),
            Clocks(self.clocks.now, self.clocks.wait, self.clocks.may_send),
        )
        self.rules = Rules(Timeline(windows), RESYNC, timedelta(days=2))

    def make_passes(self, lasting: timedelta) -> None:
        """Make passes whenever one is due, and at each resync."""
        end = self.clocks.uptime + lasting

        async def act() -> None:
            while self.clocks.uptime < end:
                due = await self.controller.run_pass(self.rules, is_urgent=False)
                self.clocks.uptime += min(due or RESYNC, RESYNC)

        asyncio.run(act())

    @property
    def left(self) -> list[tuple[str | None, str]]:
        """Which repositories were left alone, and why."""
        lines = self.log.of(events.REPOSITORY_LEFT)
        return [(line["repository"], line["reason"]) for line in lines]


def test_an_odd_row_concerns_its_repository_alone() -> None:
    """Others are paused and resumed in time; each odd row is named once, and left as it was."""
    night = once("night", 60, 70)
    stage = Stage(windows=[night], orders=ACTIVE, archive=ACTIVE)
    stage.cluster.rows = (
        odd("archive"),
        odd("tenant-a", "more than one row has this id"),
        odd("a/b", "that is not a repository id"),
        odd("", "row 5 of the list is not a repository"),
    )

    stage.make_passes(timedelta(minutes=15))

    assert stage.cluster.sent == ["pause orders", "resume orders"]
    assert sorted(stage.left, key=str) == [
        ("a/b", "not_understood"),
        ("archive", "not_understood"),
        ("tenant-a", "not_understood"),
        (None, "not_understood"),
    ]
    named = {line["repository"]: line for line in stage.log.of(events.REPOSITORY_LEFT)}
    assert named["archive"]["windows"] == ["night"]
    assert named["archive"]["message"] == ODD
    assert stage.holdings.records() == []


def test_a_row_is_named_again_once_it_was_understood() -> None:
    """What is understood again, and then not, is news."""
    stage = Stage(windows=[once("night", 0, 600)], orders=ACTIVE, archive=ACTIVE)

    for rows in ([odd("archive")], [], [odd("archive")]):
        stage.cluster.rows = rows
        stage.make_passes(2 * MINUTE)

    assert stage.left == [("archive", "not_understood")] * 2


def test_a_list_of_odd_rows_fills_no_log() -> None:
    """Of very many odd rows some are named, and the rest is counted."""
    stage = Stage(windows=[once("night", 0, 600)])
    stage.cluster.rows = [odd(f"r{number:04}") for number in range(MOST_NAMED + 2000)]

    stage.make_passes(5 * MINUTE)

    lines = stage.log.of(events.REPOSITORY_LEFT)
    assert len(lines) == MOST_NAMED + 1
    assert lines[-1]["message"] == "2,000 more rows are not understood"


@pytest.mark.parametrize("id_", ["orders", ""], ids=["its own row", "a row without id"])
def test_a_hold_that_is_over_is_resumed_by_an_odd_row(id_: str) -> None:
    """It is sent at once, again with growing distance, and is done when a look shows it."""
    stage = Stage(hold(until=BEGIN, reached="here"), orders=PAUSED, other=ACTIVE)
    stage.cluster.rows, stage.cluster.hidden = [odd(id_)], frozenset({"orders"})
    begun = stage.clocks.uptime

    stage.make_passes(timedelta(minutes=30))

    at = [instant - begun for instant in stage.cluster.sent_at]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert at[0] == timedelta(0)
    assert gaps == sorted(gaps)
    assert gaps[0] > RESYNC
    assert timedelta(minutes=5) <= gaps[-1] <= timedelta(minutes=5) + RESYNC + VERIFY_WITHIN
    assert set(stage.cluster.sent) == {"resume orders"}
    assert {line["error"] for line in stage.log.of(events.REPOSITORY_FAILED)} == {"unverified"}
    assert [record.phase for record in stage.holdings.records()] == [Phase.RESUMING]

    stage.cluster.rows, stage.cluster.hidden = [], frozenset()
    stage.make_passes(MINUTE)

    assert [line["repository"] for line in stage.log.of(events.REPOSITORY_RESUMED)] == ["orders"]
    assert stage.controller.holds == []


def test_what_a_look_shows_paused_is_resumed_at_once() -> None:
    """The distance that grew while nobody saw whether it was needed holds up nothing."""
    stage = Stage(hold(until=BEGIN, reached="here"), orders=PAUSED)
    stage.cluster.rows, stage.cluster.ignored = [odd("orders")], {"orders"}
    stage.make_passes(timedelta(minutes=30))
    seen_at, stage.cluster.rows = stage.clocks.uptime, []
    stage.cluster.ignored = set()

    stage.make_passes(MINUTE)

    assert stage.cluster.sent_at[-1] == seen_at
    assert stage.controller.holds == []


@pytest.mark.parametrize(
    "failure",
    [
        unlisted(),
        unlisted(CallError.TOO_LARGE),
        unlisted(CallError.SERVER_ERROR),
        unlisted(CallError.FORBIDDEN),
        unlisted(CallError.TIMEOUT),
        None,
    ],
    ids=["not JSON", "too large", "5xx", "403", "drips", "null"],
)
def test_what_is_over_is_resumed_without_a_list(failure: ServiceError | None) -> None:
    """After three looks and two minutes without a list from a service that answers, and not before.

    It counts as done only once a look shows it, and nothing is taken for gone.
    """
    stage = Stage(hold(until=BEGIN + timedelta(hours=1), reached="here"), orders=PAUSED)
    stage.cluster.refused = {"list": failure} if failure else {}
    stage.cluster.rows = [] if failure else [NULL_LIST]
    begun = stage.clocks.uptime

    stage.make_passes(timedelta(minutes=30))

    assert set(stage.cluster.sent) == {"resume orders"}
    assert UNLISTED_AFTER <= stage.cluster.sent_at[0] - begun <= 2 * UNLISTED_AFTER
    assert len(stage.log.of(events.CLUSTER_UNREACHABLE)) == 1
    assert stage.log.of(events.REPOSITORY_RESUMED) == []
    assert stage.left == []
    assert len(stage.controller.holds) == 1

    stage.cluster.refused, stage.cluster.rows = {}, []
    stage.make_passes(timedelta(minutes=6))

    assert [line["repository"] for line in stage.log.of(events.REPOSITORY_RESUMED)] == ["orders"]
    assert stage.controller.holds == []


@pytest.mark.parametrize(
    "failure",
    [
        unlisted(CallError.TIMEOUT, answered=False),
        unlisted(CallError.REFUSED, answered=False),
        unlisted(CallError.UNAUTHORIZED),
    ],
    ids=["silence", "refused", "a wrong password"],
)
def test_who_does_not_answer_gets_nothing_unseen(failure: ServiceError) -> None:
    """Where nobody answers, or our password is refused, a resume would fare no better."""
    stage = Stage(hold(until=BEGIN, reached="here"), orders=PAUSED)
    stage.cluster.refused = {"list": failure}

    stage.make_passes(timedelta(minutes=30))

    assert stage.cluster.sent == []


def test_without_a_list_nothing_is_paused_or_resumed_early() -> None:
    """While its opening lasts, what is ours stays ours; nothing else is touched."""
    stage = Stage(hold(until=BEGIN + timedelta(hours=2)), windows=[once("night", 0, 120)])
    stage.cluster.refused = {"list": unlisted()}

    stage.make_passes(timedelta(minutes=50))

    assert stage.cluster.sent == []
    assert len(stage.controller.holds) == 1


def test_what_a_person_ends_while_nobody_answers_is_late_from_then_on() -> None:
    """`status`, the metric and the alert tell late by the end that is in force, not the old one."""
    planned = BEGIN + timedelta(hours=9)
    stage = Stage(hold(until=planned), windows=[once("night", 0, 540)])
    stage.cluster.refused = {"list": unlisted(CallError.REFUSED, answered=False)}
    stage.make_passes(MINUTE)
    untouched = [(each.until, each.last_error) for each in stage.holdings.records()]
    closed = stage.clocks.now().wall

    stage.cluster.takes = timedelta(seconds=20)
    stage.rules = replace(stage.rules, timeline=Timeline(()))
    stage.make_passes(5 * MINUTE)
    ended = [(each.until, each.last_error) for each in stage.holdings.records()]
    later = once("night", 0, 600)
    stage.rules = replace(stage.rules, timeline=Timeline([later]))
    stage.make_passes(5 * MINUTE)
    reopened = [(each.until, each.last_error) for each in stage.holdings.records()]

    assert untouched == [(planned, None)]
    assert ended == [(closed, "refused")]
    assert reopened == [(BEGIN + timedelta(hours=10), None)]


def test_null_is_an_empty_list_where_nothing_is_held() -> None:
    """A service without repositories may say so by null, and is no cluster in trouble."""
    stage = Stage(windows=[once("night", 0, 600)])
    stage.cluster.rows = [NULL_LIST]

    stage.make_passes(2 * MINUTE)

    assert stage.log.lines == []


def test_a_rescue_goes_on_past_an_odd_row() -> None:
    """What is understood is resumed; what is not is sent, and told to be not seen."""
    stage = scene(hold("orders"), hold("archive"), orders=PAUSED, archive=PAUSED)
    stage.cluster = OddCluster(stage.cluster.states, rows=[odd("archive")])

    results = stage.play()

    assert sorted(stage.cluster.sent) == ["resume archive", "resume orders"]
    assert told(results) == {"orders": Fate.RESUMED, "archive": Fate.FAILED}
    (failed,) = (result for result in results if result.fate is Fate.FAILED)
    assert failed.detail == (f"the service accepted it, but nothing shows it as active: {ODD}")


@pytest.mark.parametrize("rows", [[], [NULL_LIST]], ids=["no list", "null"])
def test_a_rescue_resumes_without_a_list(rows: list[ObservedRepository]) -> None:
    """It looks for two minutes, resumes unseen, and says that nothing shows it."""
    stage = scene(hold(until=BEGIN), orders=PAUSED)
    stage.cluster = OddCluster(stage.cluster.states, rows=rows)
    if not rows:
        stage.cluster.refused = {"list": unlisted()}

    results = stage.play()

    assert stage.cluster.sent == ["resume orders"]
    assert stage.cluster.states["orders"] is ACTIVE
    assert told(results) == {"orders": Fate.FAILED}
    assert "nothing shows it as active" in results[0].detail
    assert UNLISTED_LOOKS * timedelta(seconds=1) < sum(stage.clocks.waited, timedelta(0))
