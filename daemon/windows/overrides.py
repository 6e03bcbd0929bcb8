"""Apply what people decided: windows opened by hand, openings closed, extended or cancelled.

Pure: it takes the windows of the file and the decisions, and returns the windows in force.

1. A decision names one opening by its window and its start, and touches no other.
2. Of several decisions about one opening the latest counts.
3. An opening that the rule no longer gives (an edit) takes its decisions with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.windows.rules import Once
from daemon.windows.window import Patterns, Window

RELEVANT = timedelta(days=400)
"""How long after the start of its opening a decision may matter: openings may be that long."""


class OverrideKind(StrEnum):
    """What a person decided; the name of the command."""

    OPEN = "open"
    CLOSE = "close"
    EXTEND = "extend"
    SKIP = "skip"
    UNSKIP = "unskip"


@dataclass(frozen=True, slots=True)
class Override:
    """One decision: who made it, when, why, and about which opening; instants are UTC.

    `end` is the opening's new end; None for a skip and its undoing. `targets` are those of an
    unplanned window; without them, a planned window was opened with its own.
    """

    kind: OverrideKind
    window: str
    start: datetime
    end: datetime | None
    made: datetime
    by: str
    reason: str = ""
    targets: tuple[tuple[str, Patterns], ...] = ()

    def shown(self) -> dict[str, object]:
        """Return its fields for the log."""
        return {
            "change": self.kind,
            "window": self.window,
            "start": self.start,
            "end": self.end,
            "by": self.by,
            "reason": self.reason,
        }

    def matters(self, now: datetime) -> bool:
        """Check whether it can still have an effect by itself."""
        if self.kind is OverrideKind.OPEN and self.end:
            return now < self.end + timedelta(days=2)
        return now < self.start + RELEVANT


def relevant(overrides: Iterable[Override], now: datetime) -> list[Override]:
    """Return those of *overrides* that can still have an effect at *now*.

    An opening by hand matters for as long as a later decision has it open.
    """
    found = list(overrides)
    ends = {(each.window, each.start): each.end for each in found}
    return [
        each
        for each in found
        if each.matters(now)
        or replace(each, end=ends[each.window, each.start] or each.end).matters(now)
    ]


def skips(overrides: Iterable[Override]) -> dict[tuple[str, datetime], Override]:
    """Return the decisions by which openings are cancelled, by window and start."""
    found: dict[tuple[str, datetime], Override] = {}
    for each in overrides:
        if each.kind is OverrideKind.SKIP:
            found[each.window, each.start] = each
        elif each.kind is OverrideKind.UNSKIP:
            found.pop((each.window, each.start), None)
    return found


def in_force(
    windows: Iterable[Window], overrides: Sequence[Override], zone: ZoneInfo
) -> tuple[Window, ...]:
    """Return the windows with the changes that people made; those opened by hand are in *zone*."""
    found = {window.name: window for window in windows}
    planned = dict(found)
    for override in overrides:
        if override.kind is OverrideKind.OPEN and override.targets:
            unplanned = _unplanned(override, planned, zone)
            found[unplanned.name] = unplanned
        elif override.window in found:
            found[override.window] = _changed(found[override.window], override)
    return tuple(found.values())


def _unplanned(override: Override, planned: Mapping[str, Window], zone: ZoneInfo) -> Window:
    assert override.end is not None  # noqa: S101  # an unplanned window has an end
    # The file may have a window of that name by now; the unplanned one goes on next to it.
    name = override.window if override.window not in planned else f"{override.window} (unplanned)"
    return Window(
        name=name,
        rule=Once(override.start, override.end),
        zone=zone,
        targets=override.targets,
        description=override.reason,
    )


def _changed(window: Window, override: Override) -> Window:
    match override.kind:
        case OverrideKind.SKIP:
            return replace(window, skipped=window.skipped | {override.start})
        case OverrideKind.UNSKIP:
            return replace(window, skipped=window.skipped - {override.start})
        case OverrideKind.OPEN if override.end:
            # Opened, closed and opened again within a second it is one opening: the last counts.
            moved = tuple(each for each in window.moved if each[0] != override.start)
            opened = dict(window.opened) | {override.start: override.end}
            return replace(window, opened=tuple(sorted(opened.items())), moved=moved)
        case _ if override.end:
            ends = dict(window.moved) | {override.start: override.end}
            return replace(window, moved=tuple(sorted(ends.items())))
        case _:
            return window
