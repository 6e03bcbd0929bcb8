"""What the passes go by, computed from the file and from people's decisions; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from daemon.config.settings import Settings
from daemon.passes.controller import Rules
from daemon.runtime.parts import DaemonParts
from daemon.windows import overrides
from daemon.windows.overrides import Override
from daemon.windows.timeline import Timeline


def rules_at(
    now: datetime,
    settings: Settings,
    decisions: Iterable[Override],
    parts: DaemonParts,
    *,
    may_pause: bool,
) -> Rules:
    """Return the rules of *settings* and of those *decisions* that still matter at *now*."""
    relevant = overrides.relevant(decisions, now)
    windows = overrides.in_force(settings.windows.values(), relevant, settings.timezone)
    timeline = Timeline(windows, settings.merge_gap)
    # Computed here, once: no pass should have to wait for it at a boundary.
    timeline.next_change(now)
    return Rules(
        timeline,
        settings.resync,
        settings.max_pause,
        dry_run=parts.dry_run,
        has_lost_ledger=parts.has_lost_ledger,
        may_pause=may_pause,
    )
