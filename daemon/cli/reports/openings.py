"""How far openings are, and what became of them, as `status` and `history --openings` print it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.core.progress import NO_DAEMON, Pending, Progress
from daemon.core.summary import OpeningSummary, ProgressNote, outcome, summarize, summary_json
from daemon.windows.overrides import Override
from daemon.wording import enumerated

COLUMNS = (
    *("window", "start", "end", "wanted", "paused", "failed", "resumed", "missed"),
    *("paused_after_ms", "resumed_after_ms"),
)
"""The columns for spreadsheets; of the missed runs their number."""


NOTED_WITHIN = timedelta(seconds=10)
"""How long after a decision a daemon has noted the end, if one runs."""


def summaries(notes: Iterable[ProgressNote]) -> list[OpeningSummary]:
    """Return what became of the openings that *notes* are about, the oldest first.

    What was paused for early, and cancelled before it began, was no opening.
    """
    of_opening: dict[tuple[datetime, str], list[ProgressNote]] = {}
    for note in notes:
        of_opening.setdefault((note.start, note.window), []).append(note)
    found = (summarize(of_opening[key]) for key in sorted(of_opening))
    return [each for each in found if each.start < each.end]


def as_decided(
    found: Iterable[OpeningSummary], decisions: Iterable[Override], now: datetime
) -> Iterator[OpeningSummary]:
    """Yield openings with the ends that people decided, where no daemon ran to note them."""
    ends = {(each.window, each.start): each.end for each in decisions if each.end}
    for each in found:
        decided = ends.get((each.window, each.start), each.end)
        is_unnoted = decided + NOTED_WITHIN < each.end or (each.end < decided and now < each.end)
        yield replace(each, end=decided) if is_unnoted else each


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
    verb = "open until" if found.start <= now < found.end else "to"
    when = f"{start:%a %F %H:%M} {verb} {until}"
    return f"{found.window} {when}: {outcome(summary_json(found), is_over=found.end <= now)}"


def show(found: Sequence[OpeningSummary], zone: ZoneInfo, now: datetime, empty: str) -> None:
    """Print a line for each, or *empty* if there is none."""
    for each in found:
        output.say(sentence(each, zone, now))
    if not found:
        output.say(empty)


NAMED = 3
"""How many repositories that wait for the same thing are named."""


def in_short(found: Progress) -> str:
    """Return it for a table: `1 of 4 paused; dr does not answer`."""
    is_unknown = found.unlisted and not found.wanted
    count = "not known how many" if is_unknown else f"{found.paused} of {found.wanted} paused"
    return "; ".join([count, *_shortly(found)])


def _shortly(found: Progress) -> Iterator[str]:
    if len(found.silent) == 1:
        yield f"{found.silent[0]} does not answer"
    elif found.silent:
        yield f"{enumerated(found.silent)} do not answer"
    if any(each.why == NO_DAEMON for each in found.pending):
        yield NO_DAEMON
    if found.elsewhere:
        yield f"{found.elsewhere} by somebody else"
    if found.empty:
        yield f"nothing matches on {enumerated(found.empty)}"


def reasons(found: Progress) -> str:
    """Return what is pending and why, where `in_short` does not say it."""
    alike: dict[str, list[Pending]] = {}
    for each in found.pending:
        if each.why != NO_DAEMON and each.cluster not in found.silent:
            alike.setdefault(each.why, []).append(each)
    return "; ".join(f"{enumerated(map(str, each), NAMED)}: {why}" for why, each in alike.items())
