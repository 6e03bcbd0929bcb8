"""The protocol survives the machine, and the machine notices when the protocol is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from daemon.core import decide
from daemon.core import record as record_module
from daemon.core.attempt import Attempt
from daemon.core.decide import Pause, Resume, confirm
from daemon.core.moment import Moment
from daemon.core.record import Record, Suspicion
from daemon.core.summary import News
from daemon.passes.controller import Controller
from daemon.passes.dispatch import Answer, Call, Clocks, Dispatch, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided
from daemon.passes.looks import Observed
from daemon.passes.rules import Rules
from daemon.windows.window import Window
from tests.unit.passes.protocol_machine import OWING, PLACES, WINDOWS, Machine
from tests.unit.passes.protocol_world import BEGIN, FaultyStore, ViolatedError

# Within as many the plain machine, too, notices each of the first eight ways in BROKEN.
SHORT = settings(
    max_examples=1000,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
# A broken protocol only has to be noticed, not to be explained by the shortest example.
HUNT = settings(SHORT, max_examples=4000, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.mark.timeout(1800)
def test_the_protocol_survives_everything() -> None:
    """Whatever is killed, lost, late or edited: ours is resumed, others' is not touched."""
    run_state_machine_as_test(Machine, settings=SHORT)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_the_protocol_survives_everything_for_long() -> None:
    """The same with many more examples."""
    run_state_machine_as_test(Machine, settings=settings(SHORT, max_examples=20_000))


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_the_protocol_survives_pressure() -> None:
    """The machine that finds broken protocols the soonest finds nothing in this one."""
    run_state_machine_as_test(Pressed, settings=settings(SHORT, max_examples=5_000))


# The machine is held to account as well: each of these breaks the protocol in one place, as a
# careless change would, and has to be noticed. It is the one kind of test that patches our code.


class RecordsLate(FaultyStore):
    """Writes what it is given only when the next is to be written: after the POST."""

    _waiting: tuple[Iterable[Record], Iterable[Attempt], News | None] = ((), (), None)

    async def save(
        self,
        records: Iterable[Record],
        attempts: Iterable[Attempt] = (),
        news: News | None = None,
    ) -> None:
        """Write the last ones, keep these."""
        ready, self._waiting = self._waiting, (list(records), list(attempts), news)
        await super().save(*ready)


class ResumesByGlobs(Controller):
    """Decides only on repositories that a window of today's file matches."""

    async def _decide(self, observed: Observed, rules: Rules) -> list[Decided]:
        """Pass over the others, held or not."""
        windows = rules.timeline.windows.values()
        patterns = [patterns for window in windows for _, patterns in window.targets]
        return [
            decided
            for decided in await super()._decide(observed, rules)
            if any(each.matches(decided.record.key.id) for each in patterns)
        ]


def marks_nothing(decision: Pause | Resume, _now: Moment, _span: timedelta) -> Record:
    """Record the intent without the mark that a call may have left."""
    return decision.record


def fails_for_certain(decision: Pause | Resume, _lost: Suspicion | None, error: str) -> Record:
    """Take a lost answer for a refusal."""
    return replace(decision.record, last_error=error, suspect_pause=None, suspect_resume=None)


def forgets_first_attempts(decision: Pause | Resume, _unresolved: Suspicion | None) -> Record:
    """Let a success settle the earlier attempts of the same call."""
    return confirm(decision, None)


def settles_everything(decision: Pause | Resume, _unresolved: Suspicion | None) -> Record:
    """Let a success settle also the earlier calls."""
    return replace(confirm(decision, None), suspect_pause=None, suspect_resume=None)


def ends_with_time(record: Record, now: Moment, *, is_paused: bool) -> Record:
    """Drop a suspicion when its time is over, whatever the look shows."""
    pause, resume = record.suspect_pause, record.suspect_resume
    kept = replace(
        record,
        suspect_pause=None if pause and pause.is_over(now) else pause,
        suspect_resume=None if resume and resume.is_over(now) else resume,
    )
    if kept.phase is None and kept.suspect_pause and is_paused:
        return replace(kept, phase=record_module.Phase.PAUSING)
    return kept


def adopts_nothing(record: Record, now: Moment, *, is_paused: bool) -> Record:
    """Leave a late pause of ours to whom it may concern."""
    settled = SETTLE(record, now, is_paused=is_paused)
    return replace(settled, phase=record.phase)


def claims_what_was_intended(record: Record) -> bool:
    """Take an intent for a pause, even if it never left."""
    return record.phase is not None


def forgets(record: Record) -> Record:
    """Forget a hold whose repository is not in the list."""
    return Record(record.key)


def keeps_everything(_pacing: object, _pending: object) -> None:
    """Remember failures of what needs no more to be done."""


def sends_whenever(_call: Call, _at: Moment, _delay: timedelta = timedelta(0)) -> bool:
    """Let a call leave however long ago its mark was written."""
    return True


class SendsOn(Dispatch):
    """Sends what waits although somebody wants to stop."""

    def __init__(self, route: Route, clocks: Clocks, calls: Sequence[Call]) -> None:
        """Ask nobody."""
        super().__init__(route, replace(clocks, may_send=lambda: True), calls)


class PausesFirst(Controller):
    """Sends what must begin before what must end."""

    async def _begin(
        self, decisions: list[Decided], observed: Observed, rules: Rules
    ) -> list[Call]:
        """Sort the other way round."""
        calls = await super()._begin(decisions, observed, rules)
        return sorted(calls, key=lambda call: isinstance(call.decision, Resume))


class SaysFirst(Controller):
    """Says what a look shows before the ledger has it."""

    def _confirmed(self, answer: Answer, observed: Observed, now: Moment) -> Record:
        """Say it here."""
        self._say_done(answer.call, now)
        return super()._confirmed(answer, observed, now)


class StartsAnyway(Controller):
    """Starts a backup whether or not the ledger knows that it is no longer owed."""

    async def _start_backup(self, owed: Decided | None) -> None:
        """Start it."""
        if owed and owed.before:
            await self._backups.start(owed.before, self._route)


async def offers_news_alone(holdings: Holdings) -> None:
    """Forget the records that the ledger did not take."""
    records, attempts = holdings._unsaved, holdings.unrecorded()
    holdings._unsaved = {}
    if records or attempts:
        await holdings._store.save(records.values(), attempts)
        holdings._recorded(attempts, None)


SETTLE = decide._settle
BROKEN: dict[str, tuple[str, Any]] = {
    "the maybe-sent mark is dropped": ("daemon.passes.controller.mark", marks_nothing),
    "the suspicion is dropped": ("daemon.passes.controller.fail", fails_for_certain),
    "time alone ends the suspicion": ("daemon.core.decide._settle", ends_with_time),
    "a late pause is not adopted": ("daemon.core.decide._settle", adopts_nothing),
    "what was cured is waited for": ("daemon.passes.pacing.Pacing.keep", keeps_everything),
    "resumed by today's globs": (f"{__name__}.Hunted.controller_class", ResumesByGlobs),
    "a success settles earlier attempts": (
        "daemon.passes.controller.confirm",
        forgets_first_attempts,
    ),
    "recorded after the POST": (f"{__name__}.Hunted.store_class", RecordsLate),
    "a call outlives its mark": ("daemon.passes.dispatch.Call.may_leave", sends_whenever),
    "a stop is not heard": ("daemon.passes.controller.Dispatch", SendsOn),
    "said before it is recorded": (f"{__name__}.Hunted.controller_class", SaysFirst),
    "what vanished is forgotten": ("daemon.core.decide.gone", forgets),
    "one look is believed": ("daemon.passes.looks.CONFIRMED_AFTER", timedelta(0)),
}

# What these break shows only when several things come together.
BROKEN_UNDER_PRESSURE: dict[str, tuple[str, Any]] = {
    "pauses go before resumes": (f"{__name__}.Pressed.controller_class", PausesFirst),
    "what was refused is forgotten": ("daemon.passes.holdings.Holdings.flush", offers_news_alone),
    "a backup starts that is still owed": (f"{__name__}.Pressed.controller_class", StartsAnyway),
    "refusals without their five minutes": ("daemon.passes.pacing.LONGEST", timedelta(days=1)),
}

# It takes many examples to notice these: minutes, on a machine that is busy.
SUBTLY_BROKEN: dict[str, tuple[str, Any]] = {
    "a later success clears the suspicion": (
        "daemon.passes.controller.confirm",
        settles_everything,
    ),
    "an intent that was never sent is kept": (
        "daemon.core.decide._is_ours",
        claims_what_was_intended,
    ),
}


OFTEN = [("post", "late"), ("post", "lost"), ("post", "late-then-done"), ("answer", "lost")]


class Hunted(Machine):
    """The machine in which something is broken; what breaks protocols happens more often in it."""

    @rule(fault=st.sampled_from(OFTEN))
    def lose(self, fault: tuple[str, str]) -> None:
        """Lose a request or its answer in the next pass."""
        self.arm(fault)

    @rule(windows=st.sampled_from([(), WINDOWS]))
    def end_or_open(self, windows: tuple[Window, ...]) -> None:
        """Take all windows away, or have them all again."""
        self.edit(windows)

    @rule()
    def outlast_suspicion(self) -> None:
        """Let as much time pass as any suspicion lasts."""
        self.advance(300)


INSIDE = BEGIN + timedelta(minutes=20)


class Pressed(Hunted):
    """The same with more of what has to come together: to find it by chance takes minutes."""

    @rule()
    def fill(self) -> None:
        """Have the disk full for the next write."""
        self.arm(("before-save", "full"))

    @rule(windows=st.sampled_from(PLACES))
    def change_places(self, windows: tuple[Window, ...]) -> None:
        """Have other repositories in the window that is open."""
        self.world.wall = INSIDE
        self.edit(windows)

    @rule()
    def owe(self) -> None:
        """End a window that owes a backup after it."""
        self.world.wall = INSIDE
        self.edit(OWING)
        self.edit(())

    @rule()
    def forbid_for_long(self) -> None:
        """Refuse everything for half an hour."""
        self.forbid()
        for _ in range(6):
            self.advance(300)
        self.forbid()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_protocol_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to break the protocol makes the machine fail with the invariant that it breaks."""
    hunt(BROKEN[name], monkeypatch)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BROKEN_UNDER_PRESSURE)
def test_what_breaks_under_pressure_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what shows when a disk is full, or all is refused, or windows change places."""
    hunt(BROKEN_UNDER_PRESSURE[name], monkeypatch, machine=Pressed)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", SUBTLY_BROKEN)
def test_a_subtly_broken_protocol_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what takes longer to notice."""
    hunt(SUBTLY_BROKEN[name], monkeypatch, examples=40_000)


def hunt(
    broken: tuple[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    examples: int = HUNT.max_examples,
    machine: type[Machine] = Hunted,
) -> None:
    """Break the protocol, and let the machine run until it notices."""
    target, replacement = broken
    monkeypatch.setattr(target, replacement)

    with pytest.raises(ViolatedError, match=r"^I[1-9]: "):
        run_state_machine_as_test(machine, settings=settings(HUNT, max_examples=examples))
