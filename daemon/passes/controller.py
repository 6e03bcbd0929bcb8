"""One pass over one cluster: the order of looks, records and calls is here and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.attempt import Action, PassError
from daemon.core.decide import (
    CatchUp,
    Pause,
    Resume,
    Resumed,
    Stray,
    confirm,
    fail,
    mark,
)
from daemon.core.moment import Moment
from daemon.core.record import LATE, Phase, Record, Suspicion
from daemon.core.repository import is_id
from daemon.core.vanished import GONE_AFTER
from daemon.errors import LedgerError
from daemon.host.event_loop import giving_way
from daemon.passes.backups import Backups
from daemon.passes.deciding import Look, decide_on_all
from daemon.passes.dispatch import SEND_WITHIN, Answer, Call, Clocks, Dispatch, Route
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided, Journal
from daemon.passes.looks import CONFIRMED_AFTER, Looks, Observed, with_tasks
from daemon.passes.pacing import CLUSTER, Pacing, errand_of
from daemon.passes.rules import Rules
from daemon.passes.tally import Tally
from daemon.service.client import ServiceError

VERIFY_WITHIN = timedelta(seconds=10)
"""How long after a 200 its effect may take to show before the call counts as failed."""

LOOK_EVERY = timedelta(seconds=1)
LOOK_BETWEEN_CALLS_EVERY = timedelta(seconds=3)
FIRST_LOOK = timedelta(milliseconds=100)


class Controller:
    """What is known of one cluster, and the passes that bring it to the wanted state.

    Passes are made one after the other, never two at once.
    """

    def __init__(
        self,
        cluster: str,
        holdings: Holdings,
        route: Route,
        journal: Journal,
        clocks: Clocks,
    ) -> None:
        """Go on from *holdings*."""
        self.cluster = cluster
        self._holdings = holdings
        self._route = route
        self._answering: Route | None = None
        self._journal = journal
        self._clocks = clocks
        self._pacing = Pacing()
        self._looks = Looks(cluster, holdings)
        self._backups = Backups(holdings, journal, clocks)
        self.tally = Tally(cluster, holdings)
        self.known_ids = holdings.listing.ids if holdings.listing else frozenset()
        self.has_looked = False
        self.last_contact: datetime | None = None
        self.strays: list[Record] = []
        self.doubted: frozenset[str] = frozenset()
        self._has_reported = False

    @property
    def is_needed(self) -> bool:
        """Check whether something is still to be remembered or done here."""
        return bool(self._holdings)

    @property
    def owed(self) -> int:
        """How many backups are owed."""
        return self._holdings.owed

    @property
    def holds(self) -> list[Record]:
        """The records of repositories that may be paused by us."""
        return self._holdings.holds()

    def reach(self, route: Route) -> None:
        """Reach the cluster by another route from the next pass on."""
        self._route = route
        self.forget_failures()

    def forget_failures(self) -> None:
        """Send failed calls again at the next pass: something changed that may cure them."""
        self._pacing.forget()

    def is_idle(self, rules: Rules, now: datetime) -> bool:
        """Check whether nothing is wanted, ours or suspected, and a look this way was answered.

        Without that look a wrong password would show only when a window opens.
        """
        is_known = self._answering is self._route and not self._journal.unreachable_cluster
        return is_known and not (self._holdings or rules.timeline.is_wanted(self.cluster, now))

    async def run_pass(self, rules: Rules, *, is_urgent: bool = True) -> timedelta | None:
        """Make one pass; return the time after which another is due, None when nothing waits.

        1. Leave an idle cluster in peace, or one that refused us just now, unless it is urgent.
        2. List the repositories; a failure ends the pass. If it goes on while the service answers,
           what is ours and over is resumed unseen.
        3. Decide for each repository that is wanted or known.
        4. Record every intent and maybe-sent mark in one durable transaction.
        5. Send resumes before pauses, `concurrency` at a time.
        6. Look until every accepted call shows, at most 10 s; what never shows has failed.
        7. Record the outcomes, and only then say them.
        8. Start one of the backups that are owed after resumes, if its turn has come.
        """
        now = self._clocks.now()
        if self.is_idle(rules, now.wall):
            return None
        # Before anything that may hang: an opening may pass without an answer, and its end is now.
        if self.tally.is_news(rules.timeline, now.wall):
            await self._follow(rules)
        if not is_urgent and self._pacing.is_distant(CLUSTER, now.uptime):
            return self._pacing.distance(CLUSTER, now.uptime)
        try:
            observed = await self._look(self._holdings.windows())
        except ServiceError as exc:
            return await self._give_up(exc, rules, now.wall)
        if rules.has_lost_ledger and not self._has_reported:
            self._has_reported = True
            self._journal.ledger_was_lost(observed.values(), self._holdings.ids())
        decisions = await self._decide(observed, rules)
        self._journal.not_understood(observed.values(), decisions)
        if rules.dry_run:
            await self._rehearse(decisions, rules)
            return None
        owed = self._choose_backup(decisions)
        await self._finish(await self._begin(decisions, observed, rules), rules)
        await self._start_backup(owed)
        await self._follow(rules)
        await self._flush()
        self._warn_overdue(rules)
        return self._next_due()

    # 2. What is there

    async def _look(self, windows: tuple[str, ...]) -> Observed:
        seen = await self._route.service.repositories(windows, self._clocks.wait)
        observed = self._looks.believe(seen, self._clocks.now())
        self.has_looked, self._answering = True, self._route
        self._pacing.succeeded(CLUSTER)
        self.known_ids = frozenset(filter(is_id, observed))
        self.last_contact = self._clocks.now().wall
        self._journal.answered()
        return observed

    async def _follow(self, rules: Rules) -> None:
        now, unreachable = self._clocks.now().wall, self._journal.unreachable_cluster
        await self.tally.follow(rules.timeline, unreachable, now, is_kept=not rules.dry_run)

    async def _give_up(self, exc: ServiceError, rules: Rules, begun: datetime) -> timedelta:
        now = self._clocks.now()
        self.has_looked = True
        is_transient = self._looks.fail(exc, now)
        distance = self._pacing.failed(CLUSTER, now.uptime, rules.resync, is_transient=is_transient)
        self._journal.unreachable(exc.error, exc.message, now.wall)
        # What ended has ended before the attempts, which may take a minute.
        await self._looks.note_ends(rules.timeline, begun)
        for record in self._holdings.holds():
            if record.phase is not Phase.PAUSED or (record.until and record.until <= now.wall):
                due = now.wall + distance
                self._holdings.note(replace(record, last_error=exc.error, next_attempt=due))
        unseen = await self._looks.decide(rules.timeline, now, self._route.address)
        if unseen and not rules.dry_run:
            await self._finish(await self._begin(unseen, {}, rules), rules)
        await self._follow(rules)
        await self._flush()
        self._warn_overdue(rules)
        return self._pacing.distance(CLUSTER, self._clocks.now().uptime) or LOOK_EVERY

    # 3. What to do

    async def _decide(self, observed: Observed, rules: Rules) -> list[Decided]:
        """Decide on all that is wanted or known, but for what another look has to confirm."""
        look = Look(self.cluster, observed, self.known_ids, self._clocks.now(), self._route.address)
        decisions = await decide_on_all(look, self._holdings, rules)
        self.doubted = self._looks.doubted(look.now)
        self.strays = [d.record for d in decisions if isinstance(d.decision, Stray)]
        self.tally.looked(self.known_ids, decisions, rules.timeline, look.now.wall)
        return [
            decided
            for decided in decisions
            if not isinstance(decided.decision, Stray) and decided.record.key.id not in self.doubted
        ]

    async def _rehearse(self, decisions: list[Decided], rules: Rules) -> None:
        for decided in decisions:
            if isinstance(decided.decision, Pause | Resume):
                self._journal.rehearsed(decided)
            else:
                self._journal.left_alone(decided)
        await self._follow(rules)

    # 4. What must be durable before anything leaves

    async def _begin(
        self, decisions: list[Decided], observed: Observed, rules: Rules
    ) -> list[Call]:
        """Record what was decided with the marks of all calls; return those that may be sent."""
        now = self._clocks.now()
        calls = []
        sending = (d.decision for d in decisions if isinstance(d.decision, Pause | Resume))
        self._pacing.keep({CLUSTER, *(errand_of(decision) for decision in sending)})
        async for decided in giving_way(decisions):
            decision = decided.decision
            if isinstance(decision, Resumed) and decided.before:
                self._holdings.note(self._backups.owe(decided.before, decision.record, now))
                self.tally.resumed(decided.before, now.wall)
            elif not isinstance(decision, Pause | Resume):
                self._holdings.note(with_tasks(decision.record, observed))
            elif not self._pacing.is_distant(errand_of(decision), now.uptime):
                calls.append(Call(decision, now))
                self._holdings.note(mark(decision, now, SEND_WITHIN + LATE))
        is_durable = await self._flush()
        async for decided in giving_way(decisions):
            self._journal.decided(decided, now.wall)
            self._journal.busy(decided, observed.get(decided.record.key.id), now.wall)
        calls = self._recorded(calls, rules, is_durable=is_durable)
        # Safety first: what must end is sent before what must begin.
        return sorted(calls, key=lambda call: call.action is Action.PAUSE)

    def _recorded(self, calls: list[Call], rules: Rules, *, is_durable: bool) -> list[Call]:
        """Drop pauses that could not be recorded; a resume of what is ours needs no record."""
        pauses = [call for call in calls if call.action is Action.PAUSE]
        lacking = [c for c in pauses if not (is_durable and self._holdings.is_saved(c.id))]
        for call in lacking:
            self._fail(call, call.decision.record, PassError.LEDGER, rules, is_transient=True)
        dropped = {call.id for call in lacking}
        return [c for c in calls if c.action is not Action.PAUSE or c.id not in dropped]

    async def _flush(self) -> bool:
        try:
            await self._holdings.flush()
        except LedgerError as exc:
            self._journal.ledger_failed(str(exc))
            return False
        self._journal.ledger_took(self._holdings.refused)
        return True

    # 5. and 6. Calls, and looks until they show

    async def _finish(self, calls: list[Call], rules: Rules) -> None:
        """Take each call to its end: seen, failed, or left marked for the next pass."""
        awaiting: dict[str, Answer] = {}
        looked = self._clocks.now().uptime
        dispatch = Dispatch(self._route, self._clocks, calls)
        try:
            while dispatch.in_flight:
                for answer in await dispatch.take(LOOK_EVERY):
                    self._take(answer, awaiting, rules)
                if awaiting and self._clocks.now().uptime - looked > LOOK_BETWEEN_CALLS_EVERY:
                    await self._verify(awaiting, rules)
                    looked = self._clocks.now().uptime
        finally:
            await dispatch.close()
        if dispatch.bug:
            # All that is known of the other calls is noted, and written by the next pass.
            raise dispatch.bug
        step = FIRST_LOOK
        while awaiting:
            await self._verify(awaiting, rules)
            if awaiting and not await self._clocks.wait(step):
                return
            step = min(step * 2, LOOK_EVERY)

    def _take(self, answer: Answer, awaiting: dict[str, Answer], rules: Rules) -> None:
        if not answer.is_known:
            return
        call = answer.call
        if not answer.was_sent:
            self._holdings.note(call.decision.record)
        elif answer.error is None:
            awaiting[call.id] = answer
        else:
            record = fail(call.decision, answer.unresolved, answer.error)
            self._fail(call, record, answer.error, rules, is_transient=answer.is_transient)

    async def _verify(self, awaiting: dict[str, Answer], rules: Rules) -> None:
        """Look once for the effects of accepted calls; record, then say, what shows."""
        windows = {w for answer in awaiting.values() for w in answer.call.decision.record.windows}
        try:
            observed = await self._look(tuple(sorted(windows)))
        except ServiceError:
            observed = {}
        now = self._clocks.now()
        shown = [answer for answer in awaiting.values() if answer.call.is_shown(observed)]
        async for answer in giving_way(shown):
            del awaiting[answer.call.id]
            self._pacing.succeeded(errand_of(answer.call.decision))
            self._holdings.note(self._confirmed(answer, observed, now))
        await self._flush()
        async for answer in giving_way(shown):
            self._say_done(answer.call, now)
        late = [a for a in awaiting.values() if now.uptime - a.at.uptime > VERIFY_WITHIN]
        for answer in late:
            del awaiting[answer.call.id]
            record = fail(answer.call.decision, Suspicion.starting(now, LATE), PassError.UNVERIFIED)
            self._fail(answer.call, record, PassError.UNVERIFIED, rules, is_transient=True)

    def _confirmed(self, answer: Answer, observed: Observed, now: Moment) -> Record:
        decision = answer.call.decision
        record = confirm(decision, answer.unresolved)
        if isinstance(decision, Resume):
            self.tally.resumed(decision.record, now.wall)
            return self._backups.owe(decision.record, record, now)
        return with_tasks(record, observed)

    def _fail(
        self, call: Call, record: Record, error: str, rules: Rules, *, is_transient: bool
    ) -> None:
        now = self._clocks.now()
        distance = self._pacing.failed(
            errand_of(call.decision), now.uptime, rules.resync, is_transient=is_transient
        )
        due = now.wall + distance
        self._holdings.note(replace(record, last_error=error, next_attempt=due))
        self._journal.failed(record, call.action, error, due)

    # 8. What is owed

    def _choose_backup(self, decisions: list[Decided]) -> Decided | None:
        """Return the repository whose turn it is; the others keep their turn."""
        due = {d.record.key.id: d for d in decisions if isinstance(d.decision, CatchUp)}
        owing = [decided.before for decided in due.values() if decided.before]
        chosen = self._backups.choose(owing, self._clocks.now())
        first = due[chosen.key.id] if chosen else None
        decisions[:] = [d for d in decisions if d is first or not isinstance(d.decision, CatchUp)]
        return first

    async def _start_backup(self, owed: Decided | None) -> None:
        """Start it, unless the ledger does not know that it is no longer owed."""
        if owed and owed.before:
            if self._holdings.is_saved(owed.record.key.id):
                await self._backups.start(owed.before, self._route)
            else:
                self._holdings.note(owed.before)

    # 7. What is said, and when to come again

    def _say_done(self, call: Call, now: Moment) -> None:
        record = call.decision.record
        if call.action is Action.PAUSE:
            self._journal.paused(record, now.wall)
        else:
            self._journal.resumed(record, now.wall)

    def _warn_overdue(self, rules: Rules) -> None:
        now = self._clocks.now().wall
        self._journal.overdue(self._holdings.holds(), rules.max_pause, now)

    def _next_due(self) -> timedelta | None:
        now = self._clocks.now()
        waits = (self._pacing.next_due(now.uptime), self._backups.next_due(now))
        due = min((wait for wait in waits if wait is not None), default=None)
        if self.doubted:
            return min(due or CONFIRMED_AFTER, CONFIRMED_AFTER)
        if any(record.missing_since for record in self._holdings.holds()):
            return min(due or GONE_AFTER, GONE_AFTER)
        return due
