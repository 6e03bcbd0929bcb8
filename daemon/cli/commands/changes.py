"""`close`, `extend`, `skip`, `unskip`: what people decide about an opening, planned or not."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.cli import output, places, schedule
from daemon.cli.commands.wait import held_for, until_resumed
from daemon.cli.instants import read_future, read_instant
from daemon.cli.reports.times import format_argument, format_local, format_until, span
from daemon.cli.schedule import Schedule
from daemon.errors import HostError, UsageError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.timeline import LOOK_AHEAD, ahead
from daemon.windows.window import Opening, Window
from daemon.wording import enumerated

_DAY = timedelta(days=1)
_MOST_SHOWN = 3

_Decision = tuple[Opening, datetime | None]
"""An opening, and its new end."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Decide about one opening, and record that in the ledger for the daemon.

    Raises:
        UsageError: there is no such window or opening, or a time is past.
        HostError: the window is not open, or the ledger cannot be used.

    """
    found = schedule.read_settings(args, environ)
    with open_ledger(places.find_ledger(args, environ, found), Access.EDIT) as ledger:
        planned = schedule.wanted(found, ledger, environ)
        now, kind = datetime.now(UTC), OverrideKind(args.verb)
        decided = _decide(args, planned, now)
        by, reason = schedule.person(environ), args.reason or ""
        waits = getattr(args, "wait", False)
        # The daemon may be faster than the first look.
        held = held_for(ledger, args.name) if waits else []
        for opening, end in decided:
            ledger.add_override(Override(kind, opening.window, opening.start, end, now, by, reason))
        for opening, end in decided:
            output.say(_sentence(kind, opening, end, now))
            schedule.warn_if_too_long(opening.start, end, planned.settings)
        schedule.warn_if_alone(ledger)
        if waits:
            until_resumed(ledger, schedule.refreshed(ledger, planned), args.name, held=held)
    return 0


def _decide(args: argparse.Namespace, planned: Schedule, now: datetime) -> list[_Decision]:
    window = planned.window(args.name)
    match OverrideKind(args.verb):
        case OverrideKind.SKIP:
            return [(_to_skip(window, args.opening, planned, now), None)]
        case OverrideKind.UNSKIP:
            return [(_to_unskip(window, args.opening, planned, now), None)]
        case OverrideKind.EXTEND:
            found = _open_now(window, planned, now, "open it now, use open")
            last = max(found, key=lambda opening: opening.end)
            return [(last, _new_end(args, last, planned, now))]
        case _:
            found = _open_now(window, planned, now, "cancel that, use skip")
            return [(opening, now) for opening in found]


def _open_now(window: Window, planned: Schedule, now: datetime, instead: str) -> list[Opening]:
    found = [o for o in window.openings(now, now + timedelta.resolution) if o.start <= now]
    if not found:
        coming = next(ahead(window, now), None)
        then = f"; it opens {format_local(coming.local_start)}: to {instead}" if coming else ""
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
        return _next_to_skip(window, planned, now)
    found = _opening_at(window, text, planned, now)
    if found.end <= now:
        raise HostError(
            f"{window.name} {format_local(found.local_start)} is over: there is nothing to cancel"
        )
    if found.start <= now:
        raise HostError(
            f"{window.name} opened {format_local(found.local_start)}: to end it, use close"
        )
    return found


def _next_to_skip(window: Window, planned: Schedule, now: datetime) -> Opening:
    """Return the next opening, unless it is one that was cancelled already.

    A keystroke that is repeated must not cancel the one after it.
    """
    every = ahead(replace(window, skipped=frozenset()), now)
    first = next((o for o in every if o.start > now), None)
    if first is None:
        is_open = window.openings(now, now + timedelta.resolution)
        instead = ": to end what is open now, use close" if is_open else ""
        raise HostError(f"{window.name} does not open again within {LOOK_AHEAD.days} days{instead}")
    if first.start not in window.skipped:
        return first
    told = _told(first, planned)
    coming = _some(window, now)
    if not coming:
        raise HostError(f"{told}, and it does not open again within {LOOK_AHEAD.days} days")
    raise UsageError(
        f"{told}: to cancel another opening as well, name it, as"
        f" --opening {format_argument(coming[0].local_start)}"
    )


def _to_unskip(window: Window, text: str | None, planned: Schedule, now: datetime) -> Opening:
    found = window.cancelled_after(now)
    if text is not None:
        found = _named(found, text, _instant(window, text, planned))
    if len(found) == 1:
        return found[0]
    if found:
        starts = ", ".join(format_argument(o.local_start) for o in _few(found))
        raise UsageError(
            f"{window.name} has {len(found)} openings that are skipped: name one with --opening:"
            f" {starts}"
        )
    which = "no opening to come" if text is None else f"no opening {text}"
    raise HostError(f"{which} of {window.name} is skipped: there is nothing to take back")


def _instant(window: Window, text: str, planned: Schedule) -> datetime:
    return read_instant("--opening", text, window.zone if "T" in text else planned.zone)


def _named(openings: Iterable[Opening], text: str, at: datetime) -> list[Opening]:
    """Return those that open on the day *text*, or at the instant that it means."""
    if len(text) == len("2026-01-31"):
        return [o for o in openings if o.day.isoformat() == text]
    return [o for o in openings if o.start == at]


def _opening_at(window: Window, text: str, planned: Schedule, now: datetime) -> Opening:
    at = _instant(window, text, planned)
    # A day of the window's zone may begin before the same day of the file's.
    every = replace(window, skipped=frozenset()).openings(at - _DAY, at + 2 * _DAY)
    matching = _named(every, text, at)
    if matching and all(o.start in window.skipped for o in matching):
        raise HostError(_told(matching[0], planned))
    matching = [o for o in matching if o.start not in window.skipped]
    if len(matching) == 1:
        return matching[0]
    starts = [format_local(o.local_start) for o in matching or _some(window, max(at, now))]
    if matching:
        raise UsageError(f"--opening {text}: {window.name} opens {', '.join(starts)}; name a time")
    near = f"; it opens {', '.join(starts)}" if starts else ""
    raise UsageError(f"--opening {text}: {window.name} does not open then{near}")


def _told(opening: Opening, planned: Schedule) -> str:
    """Return that an opening is skipped, and by whom."""
    decision = planned.skip_of(opening)
    by = f", by {decision.by}" if decision else ""
    return f"{opening.window} {format_local(opening.local_start)} is skipped already{by}"


def _some(window: Window, at: datetime) -> list[Opening]:
    return _few(opening for opening in ahead(window, at) if opening.start > at)


def _few(openings: Iterable[Opening]) -> list[Opening]:
    return [opening for opening, _ in zip(openings, range(_MOST_SHOWN), strict=False)]


def _sentence(kind: OverrideKind, opening: Opening, end: datetime | None, now: datetime) -> str:
    """Return what was decided, and what comes of it."""
    name, start = opening.window, format_local(opening.local_start)
    match kind:
        case OverrideKind.SKIP:
            back = format_argument(opening.local_start)
            return (
                f"{name} will not open {start}, for {span(opening.end - opening.start)};"
                f" to take that back: cbmaintd unskip {name} --opening {back}"
            )
        case OverrideKind.UNSKIP:
            when = "is open now" if opening.start <= now else f"opens {start} after all"
            return f"{name} {when}, until {format_until(opening.local_end, now)}"
        case OverrideKind.EXTEND if end:
            moved, way = end - opening.end, "later" if end >= opening.end else "earlier"
            return (
                f"{name} now ends {format_until(end.astimezone(opening.zone), now)},"
                f" {span(abs(moved))} {way} than before; what it holds stays paused until then"
            )
        case _:
            lasted, planned_for = span(now - opening.start), span(opening.end - opening.start)
            return (
                f"{name} (open since {start}) ends now, after {lasted} of {planned_for};"
                " what no other window holds is resumed"
            )
