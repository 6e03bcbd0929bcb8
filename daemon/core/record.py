"""What the ledger remembers about one repository."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from daemon.core.moment import Moment
from daemon.core.repository import ObservedRepository, RepositoryKey, ScheduledRun
from daemon.windows.window import CatchUp, start_of

LATE = timedelta(seconds=120)
"""How long after a lost answer the service may still act on the request.

The cluster manager's proxy gives up after 60 s (`couchbase/ns_server`, menelaus_util); twice that
is a margin, not a measurement.
"""

_MOST_MISSED = 100
"""How many missed runs are kept of pauses that somebody else ends again and again."""


class Phase(StrEnum):
    """The state of a hold: we want it paused, it is paused and ours, or we want it active again."""

    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Until when the service may act on a call of ours with an unknown outcome.

    `until` counts CLOCK_BOOTTIME of the boot `boot_id`, because the wall clock may be stepped.
    `span` is how long that was when it was written.
    """

    boot_id: str
    until: timedelta
    span: timedelta

    @classmethod
    def starting(cls, now: Moment, span: timedelta) -> Suspicion:
        """Return the suspicion of a call that is sent now, for *span*."""
        return cls(now.boot_id, now.uptime + span, span)

    def is_over(self, now: Moment) -> bool:
        """Check whether the service can no longer act.

        After a reboot the call is older than the uptime, so an uptime beyond `span` settles it.
        """
        if self.boot_id == now.boot_id:
            return now.uptime > self.until
        return now.uptime > self.span

    def later(self, other: Suspicion | None) -> Suspicion:
        """Return the one that lasts longer; one from an earlier boot never does."""
        if other is None or other.boot_id != self.boot_id:
            return self
        return max(self, other, key=lambda suspicion: suspicion.until)


@dataclass(frozen=True, slots=True)
class Record:
    """One repository that is ours, may be, or was taken from us by a person; instants are UTC.

    A record with a `phase` is a hold. One without is kept for a suspicion, for the openings in
    which a person overruled us (`yielded`), for a backup that is due (`backup_due`), or, with all
    of a hold but its phase, because the repository has vanished and may come back.
    `uuid` tells the repository from a later one with its id, and `reached` is the address at which
    it was paused, in case the cluster's name is given to another; empty if unknown.
    `until` is the end of the openings that it is held for, as last computed, so that it survives an
    edit or a new zone database. `running` are tasks that the pause did not end.
    """

    key: RepositoryKey
    phase: Phase | None = None
    uuid: str = ""
    reached: str = ""
    windows: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    yielded: tuple[str, ...] = ()
    suspect_pause: Suspicion | None = None
    suspect_resume: Suspicion | None = None
    missing_since: datetime | None = None
    scheduled: tuple[ScheduledRun, ...] = ()
    running: tuple[str, ...] = ()
    catch_up: CatchUp = CatchUp.NONE
    backup_due: datetime | None = None
    last_error: str | None = None
    next_attempt: datetime | None = None

    @property
    def is_hold(self) -> bool:
        """Check whether the repository may be paused by us."""
        return self.phase is not None

    @property
    def is_gone(self) -> bool:
        """Check whether its repository has vanished from the list, and is not held any more."""
        return self.phase is None and self.missing_since is not None

    @property
    def is_spent(self) -> bool:
        """Check whether nothing is left to remember."""
        is_suspected = self.suspect_pause or self.suspect_resume
        is_kept = self.phase or self.since or self.yielded or self.backup_due
        return not (is_kept or is_suspected)

    def is_settled(self, now: Moment) -> bool:
        """Check whether no call of unknown outcome can take effect any more."""
        suspicions = (self.suspect_pause, self.suspect_resume)
        return all(suspicion is None or suspicion.is_over(now) for suspicion in suspicions)

    @property
    def opened(self) -> datetime | None:
        """The start of the latest opening that holds it, from the ids of its openings."""
        return max(map(start_of, self.openings), default=None)

    def missed(self, now: datetime) -> tuple[ScheduledRun, ...]:
        """Return the runs that fell due during the pause; the service never catches up on them."""
        since = self.since or datetime.min.replace(tzinfo=UTC)
        return tuple(run for run in self.scheduled if since <= run.next_run <= now)

    def runs(self, to_pause: ObservedRepository | None, now: datetime) -> tuple[ScheduledRun, ...]:
        """Return the runs that a pause may cost: what is scheduled now in what is *to_pause*.

        Where somebody else ended an earlier pause that goes on, those that it cost come first.
        """
        if to_pause is None:
            return self.scheduled
        if self.phase in {None, Phase.PAUSING}:
            return to_pause.scheduled
        return (*self.missed(now)[-_MOST_MISSED:], *to_pause.scheduled)

    def wants_catch_up(self, now: datetime) -> bool:
        """Check whether a backup is to be started after the resume."""
        match self.catch_up:
            case CatchUp.NONE:
                return False
            case CatchUp.MISSED:
                return any(run.task_type == "BACKUP" for run in self.missed(now))
            case CatchUp.ALWAYS:
                return True
            case _:
                assert_never(self.catch_up)

    def released(self) -> Record:
        """Return the record without the hold; suspicions and what a person decided stay."""
        return replace(
            self,
            phase=None,
            windows=self.windows if self.backup_due else (),
            openings=(),
            since=None,
            until=None,
            missing_since=None,
            scheduled=(),
            running=(),
            catch_up=CatchUp.NONE,
            last_error=None,
            next_attempt=None,
        )
