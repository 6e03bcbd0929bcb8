"""Looks at one cluster: what of a list is believed, and what follows where no list can be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.core.attempt import CallError
from daemon.core.decide import UNLISTED_LOOKS, Resume, decide_unlisted
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryState, is_null
from daemon.host.event_loop import in_turns
from daemon.passes.holdings import Holdings
from daemon.passes.journal import Decided
from daemon.service.client import ServiceError
from daemon.windows.timeline import Timeline

Observed = dict[str, ObservedRepository]

CONFIRMED_AFTER = timedelta(seconds=1)
"""How long after a look that shows as active what we hold another one has to show it, too."""

_MAY_BE_MENDED_SOON = frozenset({CallError.UNEXPECTED, CallError.TOO_LARGE})


class Looks:
    """What the looks at one cluster showed that a single one does not decide.

    - Whether the service answers without a list.
    - Whether what we paused is active. A node that is behind the others shows it as it was before
      our pause; to believe that at once would be to leave it paused for good.
    """

    def __init__(self, cluster: str, holdings: Holdings) -> None:
        """Begin with none."""
        self._cluster = cluster
        self._holdings = holdings
        self._failed: list[datetime] = []
        self._active: dict[str, timedelta] = {}

    def believe(self, seen: Sequence[ObservedRepository], now: Moment) -> Observed:
        """Return what a list shows by its ids; raises ServiceError for `null` that may be wrong."""
        if is_null(seen):
            if self._holdings.ids() - self._holdings.gone():
                raise ServiceError(
                    self._cluster,
                    CallError.UNEXPECTED,
                    "the list is null, but there are repositories that we know of",
                    answered=True,
                )
            seen = ()
        self._failed.clear()
        observed = {repository.id: repository for repository in seen}
        active = [
            id_
            for id_, record in self._holdings.by_id.items()
            if (row := observed.get(id_))
            and row.state is RepositoryState.ACTIVE
            and _is_at_stake(record, now)
        ]
        self._active = {id_: self._active.get(id_, now.uptime) for id_ in active}
        return observed

    def doubted(self, now: Moment) -> frozenset[str]:
        """Return the ids of what may be paused by us, and only the last look shows as active."""
        return frozenset(
            id_ for id_, since in self._active.items() if now.uptime - since < CONFIRMED_AFTER
        )

    def fail(self, exc: ServiceError, now: Moment) -> bool:
        """Note a look that failed; return whether it should be repeated soon."""
        if exc.answered and exc.error is not CallError.UNAUTHORIZED:
            # The first, and as many of the last as decide.
            del self._failed[1:-UNLISTED_LOOKS]
            self._failed.append(now.wall)
        is_awaited = bool(self._failed and self._holdings.holds())
        return exc.retryable or (is_awaited and exc.error in _MAY_BE_MENDED_SOON)

    async def note_ends(self, timeline: Timeline, now: datetime) -> None:
        """Note when what is held ends, although no look shows it.

        An edit or a person may have moved the end of an opening. Without this, what is late would
        not count as late until the end that was planned when the cluster last answered.
        """
        holds = [hold for hold in self._holdings.holds() if hold.phase is Phase.PAUSED]
        ids = [hold.key.id for hold in holds]
        desired = await in_turns(timeline.desired_in_steps(self._cluster, ids, now))
        for record in holds:
            wanted = desired.get(record.key.id)
            if wanted is None:
                noted = replace(record, until=min(record.until or now, now))
            else:
                noted = replace(record, until=wanted.until, last_error=None, next_attempt=None)
            if noted != record:
                self._holdings.note(noted)

    async def decide(self, timeline: Timeline, now: Moment, here: str) -> list[Decided]:
        """Return what is to be resumed at *here* although no look shows it."""
        if not self._failed:
            return []
        holds = self._holdings.holds()
        ids = [record.key.id for record in holds]
        desired = await in_turns(timeline.desired_in_steps(self._cluster, ids, now.wall))
        decided = []
        for record in holds:
            wanted = desired.get(record.key.id)
            decision = decide_unlisted(record, wanted, now, self._failed, here)
            if isinstance(decision, Resume):
                decided.append(Decided(decision, wanted, record))
        return decided


def _is_at_stake(record: Record, now: Moment) -> bool:
    """Check whether a list that shows it as active ends a hold, or the suspicion of one."""
    if record.phase in {Phase.PAUSED, Phase.RESUMING}:
        return True
    return record.suspect_pause is not None and record.suspect_pause.is_over(now)


def with_tasks(record: Record, observed: Observed) -> Record:
    """Note which tasks still run in a repository that we hold: a pause does not end them."""
    seen = observed.get(record.key.id)
    if seen is None or not record.is_hold or seen.running == record.running:
        return record
    return replace(record, running=seen.running)
