"""What `history --openings` prints: what became of each opening, as a change ticket has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.core.summary import OpeningSummary, ProgressNote, outcome, summarize, summary_json

COLUMNS = (
    *("window", "start", "end", "wanted", "paused", "failed", "resumed", "missed"),
    *("paused_after_ms", "resumed_after_ms"),
)
"""The columns for spreadsheets; of the missed runs their number."""


def summaries(notes: Iterable[ProgressNote]) -> list[OpeningSummary]:
    """Return what became of the openings that *notes* are about, the oldest first."""
    of_opening: dict[tuple[datetime, str], list[ProgressNote]] = {}
    for note in notes:
        of_opening.setdefault((note.start, note.window), []).append(note)
    return [summarize(of_opening[key]) for key in sorted(of_opening)]


def document(found: OpeningSummary, zone: ZoneInfo) -> dict[str, Any]:
    """Return one as a JSON object, its times in *zone*."""
    start, end = found.start.astimezone(zone), found.end.astimezone(zone)
    return summary_json(found) | {"start": start.isoformat(), "end": end.isoformat()}


def cells(found: OpeningSummary, zone: ZoneInfo) -> dict[str, Any]:
    """Return one as a row for spreadsheets."""
    shown = document(found, zone)
    return {key: shown[key] for key in COLUMNS} | {"missed": found.missed_total}


def sentence(found: OpeningSummary, zone: ZoneInfo, now: datetime) -> str:
    """Return one as a line: `night Mon 2026-11-23 22:00 CET to 02:00: 6 of 6 paused in 0.2 s`."""
    start, end = found.start.astimezone(zone), found.end.astimezone(zone)
    until = f"{end:%H:%M %Z}" if end.date() == start.date() else f"{end:%a %F %H:%M %Z}"
    verb = "to" if found.end <= now else "open until"
    when = f"{start:%a %F %H:%M} {verb} {until}"
    return f"{found.window} {when}: {outcome(summary_json(found), is_over=found.end <= now)}"


def show(found: Sequence[OpeningSummary], zone: ZoneInfo, now: datetime, empty: str) -> None:
    """Print a line for each, or *empty* if there is none."""
    for each in found:
        output.say(sentence(each, zone, now))
    if not found:
        output.say(empty)
