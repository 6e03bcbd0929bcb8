"""Openings that people cancelled, in words: by whom, when and why."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from daemon.cli.reports.times import format_local
from daemon.monitoring.status import Skipped


def words(skipped: Skipped, zone: ZoneInfo | None = None) -> str:
    """Return the decision in words: `skipped by ana@host, Mon …: kernel`."""
    made = format_local(skipped.decision.made.astimezone(zone or skipped.opening.zone))
    reason = f": {skipped.decision.reason}" if skipped.decision.reason else ""
    return f"skipped by {skipped.decision.by}, {made}{reason}"
