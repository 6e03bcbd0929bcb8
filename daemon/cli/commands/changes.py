"""`close`, `extend`, `skip`: what people decide about an opening, planned or not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.cli import output, places, schedule
from daemon.cli.commands.wait import Goal, wait_for
from daemon.cli.instants import read_future, read_instant
from daemon.cli.reports.times import format_local
from daemon.cli.schedule import Schedule
from daemon.errors import HostError, UsageError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.timeline import LOOK_AHEAD, ahead
from daemon.windows.window import Opening, Window
from daemon.wording import enumerated

_DAY = timedelta(days=1)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Decide about one opening, and record that in the ledger for the daemon.

    Raises:
        UsageError: there is no such window or opening, or a time is past.
        HostError: the window is not open, or the ledger cannot be used.

    """
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.EDIT) as ledger:
        planned = schedule.wanted(found, ledger, environ)
        now = datetime.now(UTC)
        decisions = _decide(args, planned, now, schedule.person(environ))
        for decision in decisions:
            ledger.add_override(decision)
        for decision in decisions:
            output.say(_sentence(decision, planned))
        schedule.warn_if_alone(ledger)
        if getattr(args, "wait", False):
            wait_for(ledger, schedule.refreshed(ledger, planned), args.name, Goal.RESUMED)
    return 0


def _decide(args: argparse.Namespace, planned: Schedule, now: datetime, by: str) -> list[Override]:
    window = planned.window(args.name)
    chosen: list[tuple[Opening, datetime | None]]
    match OverrideKind(args.verb):
        case OverrideKind.SKIP:
            chosen = [(_to_skip(window, args.opening, planned, now), None)]
        case OverrideKind.EXTEND:
            last = max(_open_now(window, planned, now), key=lambda opening: opening.end)
            chosen = [(last, _new_end(args, last, planned, now))]
        case _:
            chosen = [(opening, now) for opening in _open_now(window, planned, now)]
    kind, reason = OverrideKind(args.verb), args.reason or ""
    return [Override(kind, o.window, o.start, end, now, by, reason) for o, end in chosen]


def _open_now(window: Window, planned: Schedule, now: datetime) -> list[Opening]:
    found = [o for o in window.openings(now, now + timedelta.resolution) if o.start <= now]
    if not found:
        coming = next(ahead(window, now), None)
        then = (
            f"; it opens {format_local(coming.local_start)}: to cancel that, use skip"
            if coming
            else ""
        )
        names = enumerated(sorted({o.window for o in planned.timeline.covering(now)})) or "none"
        raise HostError(f"{window.name} is not open now{then} (open now: {names})")
    return found


def _new_end(
    args: argparse.Namespace, opening: Opening, planned: Schedule, now: datetime
) -> datetime:
    if args.duration is not None:
        length: timedelta = args.duration
        return opening.end + length
    return read_future("--until", args.until, planned.zone, now)


def _to_skip(window: Window, text: str | None, planned: Schedule, now: datetime) -> Opening:
    if text is None:
        coming = next((o for o in ahead(window, now) if o.start > now), None)
        if coming is None:
            raise HostError(f"{window.name} does not open again within {LOOK_AHEAD.days} days")
        return coming
    found = _opening_at(window, text, planned, now)
    if found.start <= now:
        raise HostError(
            f"{window.name} opened {format_local(found.local_start)}: to end it, use close"
        )
    return found


def _opening_at(window: Window, text: str, planned: Schedule, now: datetime) -> Opening:
    at = read_instant("--opening", text, window.zone if "T" in text else planned.zone)
    is_date = len(text) == len("2026-01-31")
    found = replace(window, skipped=frozenset()).openings(at, at + 2 * _DAY)
    if is_date:
        matching = [o for o in found if o.day.isoformat() == text]
    else:
        matching = [o for o in found if o.start == at]
    if matching and all(o.start in window.skipped for o in matching):
        start, by = format_local(matching[0].local_start), _who_skipped(matching[0], planned)
        raise HostError(f"{window.name} {start} is skipped already, by {by}")
    matching = [o for o in matching if o.start not in window.skipped]
    if len(matching) == 1:
        return matching[0]
    starts = [format_local(o.local_start) for o in matching or _some(window, max(at, now))]
    if matching:
        raise UsageError(f"--opening {text}: {window.name} opens {', '.join(starts)}; name a time")
    near = f"; it opens {', '.join(starts)}" if starts else ""
    raise UsageError(f"--opening {text}: {window.name} does not open then{near}")


def _who_skipped(opening: Opening, planned: Schedule) -> str:
    return next(
        decision.by
        for decision in planned.overrides
        if decision.kind is OverrideKind.SKIP
        and (decision.window, decision.start) == (opening.window, opening.start)
    )


def _some(window: Window, at: datetime) -> list[Opening]:
    found = (opening for opening in ahead(window, at) if opening.start >= at)
    return [opening for opening, _ in zip(found, range(3), strict=False)]


def _sentence(decision: Override, planned: Schedule) -> str:
    zone = planned.window(decision.window).zone
    start = format_local(decision.start.astimezone(zone))
    match decision.kind:
        case OverrideKind.SKIP:
            return f"{decision.window} will not open {start}"
        case OverrideKind.EXTEND if decision.end:
            return f"{decision.window} now ends {format_local(decision.end.astimezone(zone))}"
        case _:
            return f"{decision.window} (open since {start}) ends now"
