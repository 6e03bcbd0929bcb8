"""Repositories that vanish from the list while they are held: what is remembered, and until when.

No clock, no file, no network, no log. A service that is starting up, or that has lost some of its
metadata for a while, lists less than there is. What comes back as it was is still ours: nobody else
would ever resume it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from daemon.core.record import Phase, Record
from daemon.core.repository import ObservedRepository, RepositoryState

GONE_AFTER = timedelta(seconds=5)
"""A repository must be missing from two lists this far apart before it is no longer held."""

REMEMBERED = timedelta(days=1)
"""How long something is known of a repository that is missing: it may have been deleted."""


def is_another(record: Record, observed: ObservedRepository) -> bool:
    """Check whether the id now belongs to another repository than the recorded one."""
    return record.uuid != observed.uuid and "" not in {record.uuid, observed.uuid}


def was_held(record: Record) -> bool:
    """Check whether it was held when its repository vanished."""
    return record.is_gone and record.since is not None


def gone(record: Record) -> Record:
    """Return what is remembered of a hold whose repository has vanished."""
    return replace(
        record,
        phase=None,
        suspect_pause=None,
        suspect_resume=None,
        running=(),
        last_error=None,
        next_attempt=None,
    )


def found_again(record: Record, observed: ObservedRepository, here: str) -> Record:
    """Return the record of a repository that was held and gone: a hold if it is as it was.

    At another address than that of the hold, only its number says that it is the same.
    """
    is_at_home = record.reached in {"", here}
    is_same = not is_another(record, observed) if is_at_home else record.uuid == observed.uuid != ""
    if not is_same or observed.state not in {RepositoryState.PAUSED, None}:
        return Record(record.key, reached=here)
    return replace(record, phase=Phase.PAUSED, missing_since=None)
