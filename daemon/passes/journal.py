"""What one cluster's passes say in the log: one line for each change of state, none when idle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.attempt import Action, CallError, PassError
from daemon.core.decide import Adopt, Decision, Drifted, Leave, Missing, Pause, Reason, Resumed
from daemon.core.record import Record
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.core.unreachable import Unreachable
from daemon.durations import milliseconds
from daemon.log import events
from daemon.log.interface import Log
from daemon.windows.timeline import Desired


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, with what was wanted and what was known when it was made."""

    decision: Decision
    desired: Desired | None
    before: Record | None

    @property
    def record(self) -> Record:
        """What is to be remembered from now on."""
        return self.decision.record

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows that it is about."""
        if self.desired:
            return self.desired.windows
        return (self.before or self.record).windows

    @property
    def openings(self) -> tuple[str, ...]:
        """The ids of the openings that want the repository, or last did."""
        if self.desired:
            return self.desired.ids
        return (self.before or self.record).openings


MOST_NAMED = 50
"""How many rows of one list are named that are not understood; the rest is counted."""


class Journal:
    """The log of one cluster; remembers what it logged, so that each line appears once."""

    def __init__(self, cluster: str, log: Log) -> None:
        """Log what happens on *cluster*."""
        self._cluster = cluster
        self._log = log
        self._logged: dict[tuple[str, str], tuple[str, ...]] = {}
        self.unreachable_cluster: Unreachable | None = None
        self._not_understood: frozenset[str] = frozenset()
        self._refused: frozenset[str] = frozenset()

    def paused(self, record: Record, now: datetime) -> None:
        """Log that a repository was seen paused, and how long after its opening's start."""
        late = now - (record.opened or now)
        self._log.info(events.REPOSITORY_PAUSED, **_named(record), after_ms=milliseconds(late))

    def resumed(self, record: Record, now: datetime) -> None:
        """Log that a repository was seen active again, and which runs it missed."""
        # An edit may have ended the opening before the end that was recorded.
        ended = min(record.until or now, now)
        self._log.info(
            events.REPOSITORY_RESUMED,
            **_named(record),
            after_ms=milliseconds(now - ended),
            missed=[
                {"task": run.task, "task_type": run.task_type, "due": run.next_run}
                for run in record.missed(now)
            ],
        )

    def failed(
        self, record: Record, action: Action, error: str, next_attempt: datetime | None
    ) -> None:
        """Log that a call was given up for this pass, and when it is sent again."""
        self._log.error(
            events.REPOSITORY_FAILED,
            **_named(record),
            action=action,
            error=error,
            next_attempt=next_attempt,
        )

    def decided(self, decided: Decided, now: datetime) -> None:
        """Log what a look changed or explains, before any call is sent."""
        match decided.decision:
            case Pause(drifted=True) | Drifted():
                self._log.warning(
                    events.REPOSITORY_DRIFTED, **_about(decided), observed=RepositoryState.ACTIVE
                )
            case Adopt(record=record):
                self.paused(record, now)
            case Resumed():
                self.resumed(decided.before or decided.record, now)
            case _:
                self.left_alone(decided)

    def left_alone(self, decided: Decided) -> None:
        """Log, once for these openings, why a repository is left alone or cannot be found."""
        match decided.decision:
            case Leave(reason=Reason.NOT_UNDERSTOOD):
                pass  # named with all others that are not
            case Leave(reason=reason):
                self._left(decided, reason)
            case Missing() if self._is_news(decided.record.key.id, "missing", decided.openings):
                self._log.error(
                    events.REPOSITORY_FAILED,
                    **_about(decided),
                    action=Action.PAUSE,
                    error=CallError.NOT_FOUND,
                    next_attempt=None,
                )
            case _:
                pass

    def not_understood(
        self, rows: Iterable[ObservedRepository], decisions: Iterable[Decided]
    ) -> None:
        """Log, once until it is understood again, which rows of a list are not, and why."""
        odd = {row.id: row for row in rows if row.problem}
        news, self._not_understood = odd.keys() - self._not_understood, frozenset(odd)
        if not news:
            return
        windows = {decided.record.key.id: decided.windows for decided in decisions}
        for id_ in sorted(news)[:MOST_NAMED]:
            self._unclear(id_ or None, windows.get(id_, ()), odd[id_].problem)
        if (more := len(news) - MOST_NAMED) > 0:
            what = "row is" if more == 1 else "rows are"
            self._unclear(None, (), f"{more:,} more {what} not understood")

    def _unclear(self, id_: str | None, windows: Sequence[str], problem: str) -> None:
        self._log.info(
            events.REPOSITORY_LEFT,
            cluster=self._cluster,
            repository=id_,
            windows=list(windows),
            reason=Reason.NOT_UNDERSTOOD,
            message=problem,
        )

    def rehearsed(self, decided: Decided) -> None:
        """Log, once for these openings, that only a dry run kept a call from being sent."""
        self._left(decided, Reason.DRY_RUN)

    def busy(self, decided: Decided, seen: ObservedRepository | None, now: datetime) -> None:
        """Log, once for these openings, which tasks still run although the window is open."""
        if not (decided.desired and seen and seen.running and decided.record.is_hold):
            return
        begun = tuple(o.id for o in decided.desired.openings if o.start <= now)
        if begun and self._is_news(seen.id, "busy", begun):
            self._log.warning(events.REPOSITORY_BUSY, **_about(decided), tasks=list(seen.running))

    def overdue(self, holds: Iterable[Record], max_pause: timedelta, now: datetime) -> None:
        """Log, once for each hold, which last longer than *max_pause* allows."""
        for record in holds:
            is_late = record.since is not None and now - record.since > max_pause
            if is_late and self._is_news(record.key.id, "overdue", (str(record.since),)):
                self.failed(record, Action.RESUME, PassError.MAX_PAUSE, record.until)

    def ledger_was_lost(self, rows: Iterable[ObservedRepository], known: Collection[str]) -> None:
        """Log what a lost ledger may have held: people must judge, nothing is guessed."""
        for row in rows:
            if row.state is RepositoryState.PAUSED and row.id not in known:
                self._log.warning(
                    events.REPOSITORY_LEFT,
                    cluster=self._cluster,
                    repository=row.id,
                    windows=[],
                    reason=Reason.LEDGER_LOST,
                )

    def unreachable(self, error: CallError, message: str, now: datetime) -> None:
        """Log, once until it recovers, that the cluster does not answer, and why.

        Where a file of ours cannot be used there was no request, and no other line says so.
        """
        if self.unreachable_cluster is None:
            self._log.error(
                events.CLUSTER_UNREACHABLE,
                cluster=self._cluster,
                error=error,
                message=message,
                since=now,
            )
        since = self.unreachable_cluster.since if self.unreachable_cluster else now
        self.unreachable_cluster = Unreachable(self._cluster, error, message, since)

    def answered(self) -> None:
        """Log that the cluster answers again, if it did not."""
        was, self.unreachable_cluster = self.unreachable_cluster, None
        if was:
            keys = {"cluster": self._cluster, "error": None, "since": was.since}
            self._log.info(events.CLUSTER_RECOVERED, **keys)

    def ledger_failed(self, error: str) -> None:
        """Log, once until it recovers, that nothing can be recorded."""
        if self._is_news("", "ledger", ("failed",)):
            keys = {"cluster": self._cluster, "repository": None, "error": error}
            self._log.error(events.LEDGER_FAILED, **keys)

    def ledger_took(self, refused: Mapping[str, str]) -> None:
        """Log that the ledger can be written again, if it did not, and which it *refused*, once."""
        if self._logged.pop(("", "ledger"), None):
            self._log.info(events.LEDGER_RECOVERED, cluster=self._cluster, repository=None)
        for id_ in sorted(refused.keys() - self._refused):
            error = f"{id_} goes on from memory: its row is refused ({refused[id_]})"
            keys = {"cluster": self._cluster, "repository": id_, "error": error}
            self._log.error(events.LEDGER_FAILED, **keys)
        for id_ in sorted(self._refused - refused.keys()):
            self._log.info(events.LEDGER_RECOVERED, cluster=self._cluster, repository=id_)
        self._refused = frozenset(refused)

    def _left(self, decided: Decided, reason: Reason) -> None:
        if self._is_news(decided.record.key.id, reason, decided.openings):
            self._log.info(events.REPOSITORY_LEFT, **_about(decided), reason=reason)

    def _is_news(self, repository: str, what: str, openings: tuple[str, ...]) -> bool:
        if self._logged.get((repository, what)) == openings:
            return False
        self._logged[repository, what] = openings
        return True


def _about(decided: Decided) -> dict[str, object]:
    key = decided.record.key
    return {"cluster": key.cluster, "repository": key.id, "windows": list(decided.windows)}


def _named(record: Record) -> dict[str, object]:
    key = record.key
    return {"cluster": key.cluster, "repository": key.id, "windows": list(record.windows)}
