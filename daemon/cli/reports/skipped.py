"""Openings that people cancelled, as reports show them: by whom, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from daemon.cli.reports.times import format_local
from daemon.windows.overrides import Override
from daemon.windows.window import Opening


@dataclass(frozen=True, slots=True)
class Skipped:
    """An opening that does not take place, and the decision that cancelled it."""

    opening: Opening
    decision: Override

    @property
    def sort_key(self) -> tuple[object, str]:
        """By start, then window, as openings are sorted."""
        return self.opening.start, self.opening.window

    def decision_json(self) -> dict[str, str]:
        """Return who decided it, when (with the offset of the window's zone) and why."""
        return {
            "by": self.decision.by,
            "at": self.decision.made.astimezone(self.opening.zone).isoformat(),
            "reason": self.decision.reason,
        }

    def words(self, zone: ZoneInfo | None = None) -> str:
        """Return the decision in words: `skipped by ana@host, Mon …: kernel`."""
        made = format_local(self.decision.made.astimezone(zone or self.opening.zone))
        reason = f": {self.decision.reason}" if self.decision.reason else ""
        return f"skipped by {self.decision.by}, {made}{reason}"
