"""What passes go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daemon.windows.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pass goes by: one immutable object, swapped whole at a reload.

    `has_lost_ledger`: what the first look finds paused may be ours, and is reported. A clock that
    is wrong takes away `may_pause`.
    """

    timeline: Timeline
    resync: timedelta
    max_pause: timedelta
    dry_run: bool = False
    has_lost_ledger: bool = False
    may_pause: bool = True
