"""Decide what to do with a repository, from what is wanted, what is observed and what is ours.

No clock, no file, no network, no log: values in, values out. No other module decides.

1. What somebody else paused is left alone before, during and after an opening.
2. A repository is ours from the durable mark that a pause may be sent until it is seen active.
3. A call of unknown outcome is suspected until a list taken after its deadline shows no effect;
   a later success settles only itself.
4. A person who resumes during an opening wins for the openings that hold it then (`report`), or is
   overruled (`enforce`). What is held for another opening meanwhile is resumed with that one's end.
5. Between two openings less than `merge_gap` apart, what is held stays held, nothing new is paused.
6. A hold follows what was recorded, never what the globs match today.
7. A repository with the id of an earlier one is not that earlier one.
8. What was paused at another address of the cluster's name is looked for there, not called gone.
9. While the clock is known to be wrong, nothing new is paused.
10. A repository whose row is not understood is neither newly paused nor forgotten. Ours and over,
    it is resumed unseen, also where an answering service gives no list for long enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, assert_never

from daemon.core.attempt import Action
from daemon.core.moment import Moment
from daemon.core.record import Phase, Record, Suspicion
from daemon.core.repository import ObservedRepository, RepositoryKey, RepositoryState
from daemon.core.vanished import GONE_AFTER, REMEMBERED, found_again, gone, is_another, was_held
from daemon.windows.timeline import Desired

UNLISTED_AFTER = timedelta(minutes=2)
UNLISTED_LOOKS = 3
"""How long after its end, and after how many looks without a list, a hold is resumed unseen."""


class Reason(StrEnum):
    """Why a repository is left alone; the values of the log's `reason`."""

    PAUSED_ELSEWHERE = "paused_elsewhere"
    RESUMED_ELSEWHERE = "resumed_elsewhere"
    YIELDED = "yielded"
    GONE = "gone"
    NEVER_PAUSED = "never_paused"
    DRY_RUN = "dry_run"
    CLOCK_DIFFERS = "clock_differs"
    LEDGER_LOST = "ledger_lost"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, slots=True)
class Pause:
    """Send a pause; `drifted` if a person resumed it and the window enforces."""

    action: ClassVar[Action] = Action.PAUSE
    is_unseen: ClassVar[bool] = False
    record: Record
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Send a resume; `is_unseen` if no look shows whether it is needed."""

    action: ClassVar[Action] = Action.RESUME
    record: Record
    is_unseen: bool = False


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Start the backup that is due; in the record it no longer is, so that none starts twice."""

    record: Record


@dataclass(frozen=True, slots=True)
class Adopt:
    """Record as done a pause of ours that was not confirmed when it was sent."""

    record: Record


@dataclass(frozen=True, slots=True)
class Resumed:
    """Record as done a resume of ours that was not confirmed when it was sent."""

    record: Record


@dataclass(frozen=True, slots=True)
class Drifted:
    """Give up the hold: a person resumed the repository during an opening."""

    record: Record


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing, and report why; `record` is what remains to be remembered."""

    record: Record
    reason: Reason


@dataclass(frozen=True, slots=True)
class Keep:
    """Do nothing: all is as it should be; `record` may have new openings."""

    record: Record


@dataclass(frozen=True, slots=True)
class Missing:
    """Report that a window names a repository that the cluster does not have."""

    record: Record


@dataclass(frozen=True, slots=True)
class Stray:
    """Look for a hold at the address at which it was made: the present one does not have it."""

    record: Record


Decision = Pause | Resume | CatchUp | Adopt | Resumed | Drifted | Leave | Keep | Missing | Stray


def decide(  # noqa: PLR0913  # all that a decision depends on
    key: RepositoryKey,
    desired: Desired | None,
    observed: ObservedRepository | None,
    record: Record | None,
    now: Moment,
    *,
    here: str = "",
    may_pause: bool = True,
) -> Decision:
    """Decide what to do with one repository.

    *desired* is None outside every opening, *observed* is None if the list does not have it,
    *record* is None if the ledger does not. *here* is the address that was asked. A row without id
    may be that of any repository that the list lacks.
    """
    known = record or Record(key, reached=here)
    is_elsewhere = known.reached not in {"", here}
    was_lost = was_held(known)
    if observed and not observed.id and (known.is_spent or was_lost or is_elsewhere):
        observed = None
    if observed and was_lost:
        known = found_again(known, observed, here)
    if observed is None or is_another(known, observed):
        decision = _decide_missing(known, desired, now, is_replaced=observed is not None)
        return Stray(known) if isinstance(decision, Leave) and is_elsewhere else decision
    if observed.state is None:
        return _decide_unclear(known, desired, now, is_elsewhere=is_elsewhere)
    is_paused = observed.state is RepositoryState.PAUSED
    if known.missing_since is not None:
        known = replace(known, missing_since=None)
    known = _settle(known, now, is_paused=is_paused)
    decision = (
        _decide_outside(known, now, is_paused=is_paused)
        if desired is None
        else _decide_inside(known, desired, observed, now, is_paused=is_paused)
    )
    if isinstance(decision, Pause) and not may_pause:
        return Leave(known, Reason.CLOCK_DIFFERS)
    if was_lost and isinstance(decision, Keep) and decision.record.is_hold:
        decision = Adopt(decision.record)
    if decision.record.is_hold and decision.record.reached != here:
        return replace(decision, record=replace(decision.record, reached=here))
    return decision


def _settle(record: Record, now: Moment, *, is_paused: bool) -> Record:
    """Drop suspicions that this list disproves; a suspected pause with an effect is ours."""
    pause, resume = record.suspect_pause, record.suspect_resume
    if pause and pause.is_over(now) and not is_paused:
        pause = None
    if resume and resume.is_over(now) and (is_paused or record.phase is None):
        resume = None
    if (pause, resume) != (record.suspect_pause, record.suspect_resume):
        record = replace(record, suspect_pause=pause, suspect_resume=resume)
    if record.phase is None and pause and is_paused:
        return replace(record, phase=Phase.PAUSING)
    return record


def _is_ours(record: Record) -> bool:
    """Check whether a repository seen paused was paused by us."""
    if record.phase is Phase.PAUSING:
        return record.suspect_pause is not None
    return record.phase is not None


def _decide_missing(
    record: Record, desired: Desired | None, now: Moment, *, is_replaced: bool
) -> Decision:
    if record.is_spent:
        return Missing(record) if desired else Keep(record)
    since = record.missing_since or now.wall
    # A clock that was set back must not keep the record for ever, hence the absolute distance.
    missing_for = abs(now.wall - since)
    kept = replace(record, missing_since=since)
    if missing_for < GONE_AFTER or not record.is_settled(now):
        return Keep(kept)
    if record.is_hold:
        is_lost = _is_ours(record) and not is_replaced
        return Leave(gone(record) if is_lost else Record(record.key), Reason.GONE)
    if is_replaced or missing_for >= REMEMBERED:
        return Keep(Record(record.key))
    return Missing(kept) if desired else Keep(kept)


def _decide_unclear(
    record: Record, desired: Desired | None, now: Moment, *, is_elsewhere: bool
) -> Decision:
    """Decide on a repository that may be there, in a state that nobody understands."""
    if record.is_spent:
        return Leave(record, Reason.NOT_UNDERSTOOD) if desired else Keep(record)
    record = replace(record, missing_since=None)
    if _is_over(record, desired) and not is_elsewhere:
        return Resume(replace(record, phase=Phase.RESUMING), is_unseen=True)
    if desired and _is_ours(record):
        record = replace(_holding(record, desired, now), phase=record.phase)
    return Leave(record, Reason.NOT_UNDERSTOOD)


def decide_unlisted(
    record: Record, desired: Desired | None, now: Moment, failed: Sequence[datetime], here: str = ""
) -> Resume | Keep:
    """Decide on a hold while the service answers, but gives no list.

    *failed* are instants of the looks that failed so: the first, and the last UNLISTED_LOOKS.
    """
    if not (failed and _is_over(record, desired)) or record.reached not in {"", here}:
        return Keep(record)
    # What an edit ended before its time is taken to be over since the first of these looks.
    end = record.until if record.until and record.until <= now.wall else failed[0]
    if sum(at >= end for at in failed) < UNLISTED_LOOKS or now.wall - end < UNLISTED_AFTER:
        return Keep(record)
    return Resume(replace(record, phase=Phase.RESUMING), is_unseen=True)


def _is_over(record: Record, desired: Desired | None) -> bool:
    """Check whether it was paused by us for openings that have ended all."""
    return _is_ours(record) and (desired is None or _is_yielded(record, desired))


def _decide_outside(record: Record, now: Moment, *, is_paused: bool) -> Decision:
    record = replace(record, yielded=())
    if is_paused:
        if _is_ours(record):
            # An edit or a person may have ended it before the end that was recorded.
            until = min(record.until or now.wall, now.wall)
            return Resume(replace(record, phase=Phase.RESUMING, until=until))
        return Keep(record.released())
    match record.phase:
        case None:
            return _decide_idle(record, now)
        case Phase.PAUSING:
            return Leave(record.released(), Reason.NEVER_PAUSED)
        case Phase.PAUSED:
            return Leave(record.released(), Reason.RESUMED_ELSEWHERE)
        case Phase.RESUMING:
            return Resumed(record.released())
        case _:
            assert_never(record.phase)


def _decide_idle(record: Record, now: Moment) -> Decision:
    """Decide on a repository that is active, as it should be, but still has a record."""
    if record.backup_due and record.backup_due <= now.wall:
        return CatchUp(replace(record.released(), backup_due=None))
    return Keep(record.released())


def _decide_inside(
    record: Record, desired: Desired, observed: ObservedRepository, now: Moment, *, is_paused: bool
) -> Decision:
    if is_paused and not _is_ours(record):
        return Leave(_unclaimed(record, desired), Reason.PAUSED_ELSEWHERE)
    if _is_yielded(record, desired):
        return _decide_yielded(record, desired, is_paused=is_paused)
    if not is_paused:
        return _decide_active(record, desired, observed, now)
    held = _holding(record, desired, now)
    if record.phase is Phase.PAUSING:
        return Adopt(replace(held, last_error=None, next_attempt=None))
    return Keep(held)


def _decide_yielded(record: Record, desired: Desired, *, is_paused: bool) -> Decision:
    """Decide where a person has overruled every opening that is still there."""
    if is_paused:
        # It was held for another opening, which has ended.
        return Resume(replace(record, phase=Phase.RESUMING))
    if record.phase is Phase.RESUMING:
        return Resumed(_unclaimed(record, desired))
    return Leave(_unclaimed(record, desired), Reason.YIELDED)


def _decide_active(
    record: Record, desired: Desired, observed: ObservedRepository, now: Moment
) -> Decision:
    """Decide on a repository that is active although an opening wants it paused."""
    if desired.bridged:
        return Keep(_unclaimed(record, desired))
    pause = Pause(_holding(record, desired, now, to_pause=observed))
    # While a resume of ours may still take effect, no person need have resumed it.
    if record.phase is not Phase.PAUSED or record.suspect_resume:
        return pause
    if desired.enforce:
        return replace(pause, drifted=True)
    return Drifted(replace(_unclaimed(record, desired), yielded=desired.ids))


def _is_yielded(record: Record, desired: Desired) -> bool:
    """Check whether a person overruled every opening that wants the repository paused now."""
    return not desired.bridged and set(desired.ids) <= set(record.yielded)


def _holding(
    record: Record, desired: Desired, now: Moment, *, to_pause: ObservedRepository | None = None
) -> Record:
    """Return the record of a hold on a repository that is paused, or is *to_pause*.

    Its scheduled runs are recorded before: the service does not list them while it is paused.
    """
    return replace(
        record,
        phase=Phase.PAUSING if to_pause else Phase.PAUSED,
        uuid=(to_pause and to_pause.uuid) or record.uuid,
        scheduled=record.runs(to_pause, now.wall),
        windows=desired.windows,
        openings=desired.ids,
        since=record.since or now.wall,
        until=desired.until,
        catch_up=desired.catch_up,
        yielded=_still_yielded(record, desired),
    )


def _unclaimed(record: Record, desired: Desired) -> Record:
    """Drop the hold; keep what a person decided for the openings that still want it."""
    return replace(record.released(), yielded=_still_yielded(record, desired))


def _still_yielded(record: Record, desired: Desired) -> tuple[str, ...]:
    return tuple(opening for opening in record.yielded if opening in desired.ids)


# What a call changes in a record: `mark` before it is sent, one of the others after it.


def mark(decision: Pause | Resume, now: Moment, span: timedelta) -> Record:
    """Return the record to be stored before the call is sent; it is suspected for *span*."""
    return suspect(decision.record, decision.action, Suspicion.starting(now, span))


def suspect(record: Record, action: Action, suspicion: Suspicion) -> Record:
    """Return the record of a repository that a call of unknown outcome may yet change."""
    match action:
        case Action.PAUSE:
            return replace(record, suspect_pause=suspicion.later(record.suspect_pause))
        case Action.RESUME:
            return replace(record, suspect_resume=suspicion.later(record.suspect_resume))
        case _:
            return record


def confirm(decision: Pause | Resume, unresolved: Suspicion | None) -> Record:
    """Return the record of a call whose effect was seen.

    This settles no other call: *unresolved* is an earlier attempt of the same call with an unknown
    outcome, and a suspicion from before this pass stays as it was.
    """
    record = _resolve(decision, unresolved)
    match decision:
        case Pause():
            return replace(record, phase=Phase.PAUSED, last_error=None, next_attempt=None)
        case Resume():
            return record.released()
        case _:
            assert_never(decision)


def fail(decision: Pause | Resume, unresolved: Suspicion | None, error: str) -> Record:
    """Return the record of a call that was refused, lost (*unresolved*) or without effect."""
    return replace(_resolve(decision, unresolved), last_error=error)


def _resolve(decision: Pause | Resume, unresolved: Suspicion | None) -> Record:
    if unresolved is None:
        return decision.record
    return suspect(decision.record, decision.action, unresolved)
