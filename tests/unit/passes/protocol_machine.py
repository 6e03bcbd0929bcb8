"""A property machine in virtual time, which plays the protocol against everything at once.

The real decisions, the real order of a pass and the real ledger; only the clocks, the wires and
the service are models. The machine kills the daemon at every durable write and every call, fills
the disk, loses requests and answers, lets lost requests land late, steps the clock, reboots, stops
and starts the daemon, lets time pass between a mark and its call, forbids all calls for a while,
edits the windows, leaves repositories out of lists or shows them as they were, and has people pause
and resume;
then it heals the world and checks:

I1 what we paused is active again; I2 what somebody else paused was never resumed;
I3 no call without a durable mark that lasts as long as the service may act on it; I4 no resume
waits for a pause; I5 each request is in the ledger's history once, or the daemon was killed between
the two and the ledger has the mark that it may have left; I6 no pass asks for another one at once,
nor only after more than five minutes while a call is still to be made; I7 nothing is said before
the ledger has it; I8 no backup is started that a start would start again; I9 nothing is sent after
a stop.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.core.attempt import Action
from daemon.core.record import Phase
from daemon.core.vanished import was_held
from daemon.ledger.ledger import Access
from daemon.ledger.opening import MEMORY, open_ledger
from daemon.passes.controller import Controller
from daemon.passes.dispatch import Clocks, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Journal
from daemon.passes.pacing import CLUSTER, LONGEST
from daemon.passes.rules import Rules
from daemon.windows.rules import Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import CatchUp, OnDrift, Patterns, Window
from tests.unit.passes.protocol_world import (
    BEGIN,
    EPOCH,
    REPOSITORIES,
    FaultyStore,
    Killed,
    Listener,
    ModelService,
    ViolatedError,
    World,
)


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
    "after-save": ("stop",),
    "before-post": ("stop", "minute", "minutes"),
    "post": ("lost", "late", "late-then-done", "refused", "no-effect"),
    "answer": ("lost",),
    "list": ("lost", "stale"),
}
FAULTS = [(point, "kill") for point in POINTS if point not in {"post", "answer", "list"}] + [
    (point, kind) for point, kinds in KINDS.items() for kind in kinds
]


PLACES = (
    (once("first", 10, 50, pattern="tenant-*"),),
    (once("first", 10, 50, pattern="orders"),),
)
OWING = (replace(once("owing", 5, 45), catch_up=CatchUp.ALWAYS),)
EDITS = (
    WINDOWS,
    WINDOWS[1:],
    (),
    (once("first", 10, 100),),
    *PLACES,
    (once("strict", 5, 80, on_drift=OnDrift.ENFORCE),),
    OWING,
)


LOOP = asyncio.new_event_loop()
"""On which passes are made; nothing in them really waits."""


class Machine(RuleBasedStateMachine):
    """One cluster, two repositories, three windows, and everything that can go wrong."""

    controller_class: ClassVar[type[Controller]] = Controller
    store_class: ClassVar[type[FaultyStore]] = FaultyStore

    def __init__(self) -> None:
        """Begin before the first window, with nothing paused."""
        super().__init__()
        self.world = World()
        self.ledger = open_ledger(MEMORY, Access.DAEMON)
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
            Route(service, 1),
            Journal("prod", Listener(world, self.ledger)),
            Clocks(world.now, world.wait, world.may_send),
        )

    def die(self) -> None:
        """Die, and start again; what was sent and not recorded has to be marked (I5).

        While the disk is full, a resume of what is ours may leave without its mark.
        """
        records = {record.key.id: record for record in self.ledger.records()}
        for action, repository in self.world.sent[len(self.store.history) :]:
            if action is Action.BACKUP:
                # That it is no longer owed was on disk before it was sent: see I8.
                continue
            record = records.get(repository)
            is_pause = action is Action.PAUSE
            mark = record and (record.suspect_pause if is_pause else record.suspect_resume)
            if not (mark or (self.world.has_refused and not is_pause)):
                self.world.violations.append(f"I5: {action} of {repository} left no trace")
        self.world.sent = list(self.store.history)  # type: ignore[arg-type]  # none is a list
        self.start()

    def end(self) -> None:
        """End as a stop does: all that was sent is recorded, unless the disk was full."""
        if not self.world.has_refused and self.store.history != self.world.sent:
            self.world.violations.append("I5: a stop left something unrecorded")
        self.world.is_stopping = False
        self.die()

    @rule()
    def make_pass(self) -> None:
        """Make one pass; a kill, or a stop, is followed by a start."""
        begun, self.world.has_withheld = len(self.world.sent), False
        uptime = self.world.now().uptime
        rules = Rules(Timeline(self.windows), timedelta(seconds=30), timedelta(hours=36))
        try:
            due_in = LOOP.run_until_complete(self.controller.run_pass(rules))
        except Killed:
            self.world.is_stopping = False
            self.die()
            return
        took = self.world.now().uptime - uptime
        self._check_pass([action for action, _ in self.world.sent[begun:]], due_in, took)
        if self.world.is_stopping:
            self.end()

    def _check_pass(self, sent: list[Action], due_in: timedelta | None, took: timedelta) -> None:
        violations = self.world.violations
        if Action.PAUSE in sent and Action.RESUME in sent[sent.index(Action.PAUSE) :]:
            violations.append("I4: a resume had to wait for a pause")
        # What was withheld may be due by now, and so may what failed in a pass of minutes.
        may_be_due = self.world.has_withheld or took >= timedelta(minutes=1)
        if due_in is not None and due_in <= timedelta(0) and not may_be_due:
            violations.append("I6: a pass asks for another one at once")
        pacing, now = self.controller._pacing, self.world.now().uptime
        # Until there is a list, nothing else can be done.
        is_unlisted = pacing.is_distant(CLUSTER, now)
        again = pacing.distance(CLUSTER, now) if is_unlisted else pacing.next_due(now)
        if again is not None and (due_in is None or due_in > again or again > LONGEST):
            violations.append(f"I6: what failed is due in {again}, and the pass asks for {due_in}")

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
        if repository in self.world.hidden:
            return
        suspected = {
            record.key.id
            for record in self.ledger.records()
            if record.suspect_pause
            or record.phase in {Phase.PAUSED, Phase.RESUMING}
            or was_held(record)
        }
        person = "either" if repository in suspected else "human"
        self.world.paused_by.setdefault(repository, person)

    @rule(repository=st.sampled_from(REPOSITORIES))
    def person_resumes(self, repository: str) -> None:
        """Let a person resume."""
        if repository not in self.world.hidden:
            self.world.paused_by.pop(repository, None)

    @rule(repository=st.sampled_from(REPOSITORIES))
    def vanish(self, repository: str) -> None:
        """Leave a repository out of the lists from now on, or have it there again as it is."""
        self.world.hidden ^= {repository}
        self.make_pass()

    @rule()
    def forbid(self) -> None:
        """Take the right to pause and to resume away, or give it back."""
        self.world.is_forbidden = not self.world.is_forbidden
        self.make_pass()

    @rule(windows=st.sampled_from(EDITS))
    def edit(self, windows: tuple[Window, ...]) -> None:
        """Edit the file: windows vanish, come back, or last longer."""
        self.windows = windows
        self.make_pass()

    @invariant()
    def nothing_was_violated(self) -> None:
        """All but I1 hold at every moment."""
        if self.world.violations:
            raise ViolatedError("; ".join(self.world.violations))

    def teardown(self) -> None:
        """Heal the world, go past every window and every suspicion, and check I1."""
        with self.ledger:
            self._expect_peace()

    def _expect_peace(self) -> None:
        self.world.fault, self.world.is_forbidden, self.world.hidden = None, False, frozenset()
        self.world.wall = BEGIN + timedelta(days=1)
        for _ in range(6):
            self.world.advance(timedelta(minutes=10))
            self.make_pass()

        self.nothing_was_violated()
        # A backup is owed until nobody has the repository paused any more.
        left = [
            record
            for record in self.ledger.records()
            if not (record.backup_due and record.key.id in self.world.paused_by)
        ]
        ours = [id_ for id_, by in self.world.paused_by.items() if by == "daemon"]
        if ours or left:
            raise ViolatedError(f"I1: left paused: {ours}; left in the ledger: {left}")
        if self.store.history != self.world.sent:
            raise ViolatedError(f"I5: sent {self.world.sent}, recorded {self.store.history}")
