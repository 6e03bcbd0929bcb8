"""`cbmaintd calendar`: the openings to come, as a table, as JSON or for a calendar program."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from icalendar import Calendar, Event
from rich.text import Text  # noqa: TID251  # as a type

from daemon import __version__
from daemon.cli import output, places, schedule
from daemon.cli.instants import read_instant
from daemon.cli.reports import comparison, cost
from daemon.cli.reports.chart import ASCII, UNICODE, Period, draw_chart
from daemon.cli.reports.skipped import words
from daemon.cli.reports.tables import (
    columns,
    console,
    print_paged,
    styled,
)
from daemon.cli.reports.times import format_local, span
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.errors import UsageError
from daemon.monitoring.status import Skipped, opening_json, skipped_json
from daemon.windows.timeline import Timeline
from daemon.windows.window import Opening, Window
from daemon.wording import counted, nearest_or_all, printable

MOST_DAYS = 3660
"""Ten years: nobody knows what clocks will do further ahead, and it would take too long."""

_TO_WHOLE_SECOND = timedelta(microseconds=999_999)

DIFFERS = 3
"""The exit code of `--exit-code`: no other failure has it."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the openings that overlap the days asked for.

    Raises:
        ConfigError: the file is invalid.
        UsageError: a window, a time or a number makes no sense.

    """
    # When windows open does not depend on whether this user may read the secrets.
    settings = load(places.find_config(args, environ), environ=environ, check_secrets=False)
    now = datetime.now(UTC)
    start = now
    if args.start is not None:
        start = read_instant("--from", args.start, settings.timezone)
    until = _until(start, args.days)
    if args.exit_code and not args.against:
        raise UsageError("--exit-code needs --against OLD.yaml")
    if args.against:
        return _print_differences(args, settings, environ, (start, until))
    planned = schedule.read_schedule(args, environ, settings)
    windows = [planned.window(name) for name in args.window or planned.timeline.windows]
    timeline = Timeline(windows, settings.merge_gap)
    if args.impact:
        return _print_impact(args.output, timeline, settings, environ, (start, until))
    openings = timeline.openings(start, until)
    skipped = {each.opening: each for each in planned.cancelled(windows, start, until)}
    listed = sorted([*openings, *skipped], key=lambda each: (each.start, each.window))
    match args.output:
        case "json":
            output.write_json([_json(opening, skipped.get(opening)) for opening in listed])
        case "ics":
            # Of two with one identity, calendar programs keep the one that was revised more often.
            revisions = Counter((each.window, each.start) for each in planned.overrides)
            output.write_bytes(_ics(listed, timeline, skipped, revisions))
        case _:
            chart = _chart(openings, Period(start, until, settings.timezone, now))
            _show(chart, _table(listed, args.days, skipped))
    return 0


def _json(opening: Opening, skipped: Skipped | None) -> dict[str, object]:
    return skipped_json(skipped) if skipped else opening_json(opening)


def _until(start: datetime, days: int) -> datetime:
    if days > MOST_DAYS:
        raise UsageError(f"--days {days}: that is beyond the calendar; at most {MOST_DAYS}")
    try:
        return start + timedelta(days=days)
    except OverflowError as exc:
        raise UsageError(f"--days {days}: that is beyond the calendar") from exc


def _print_differences(
    args: argparse.Namespace,
    settings: Settings,
    environ: Mapping[str, str],
    period: tuple[datetime, datetime],
) -> int:
    """Compare with another file; people's decisions, which are in neither, are left out.

    With `--exit-code`, return `DIFFERS` if an opening or a window's repositories do.
    """
    if args.output == "ics" or args.impact:
        raise UsageError("--against: goes with --output table or json, and without --impact")
    before = load(Path(args.against), environ=environ, check_secrets=False)
    known = {**before.windows, **settings.windows}
    wanted = args.window or list(known)
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no window {name}{nearest_or_all(name, known)}")
    old, new = (
        Timeline(each.windows[name] for name in wanted if name in each.windows)
        for each in (before, settings)
    )
    differences = comparison.between(old, new, *period)
    retargets = comparison.retargeted(old, new)
    if args.output == "json":
        output.write_json(comparison.document(differences, retargets))
    else:
        comparison.show(differences, retargets, args.days)
    return DIFFERS if args.exit_code and (differences or retargets) else 0


def _print_impact(
    form: str,
    timeline: Timeline,
    settings: Settings,
    environ: Mapping[str, str],
    period: tuple[datetime, datetime],
) -> int:
    """Ask the clusters what the openings cost; 1 if one of them does not answer."""
    if form == "ics":
        raise UsageError("--impact is not available as ics: choose --output table or json")
    impacts, failed = cost.ask(settings, timeline, environ, period)
    if form == "json":
        output.write_json(cost.document(impacts, failed))
    else:
        cost.show(impacts, settings.timezone)
    for error in failed:
        output.warn(f"cbmaintd: {error}")
    return 1 if failed else 0


def _chart(openings: list[Opening], period: Period) -> list[Text]:
    """Draw them for a terminal, all of it on one page; in a pipe the table is enough."""
    terminal = console()
    if not terminal.is_terminal:
        return []
    marks = UNICODE if terminal.encoding.lower().startswith("utf") else ASCII
    # The last line is the pager's.
    return draw_chart(openings, period, terminal.width, marks, terminal.height - 1)


def _show(chart: list[Text], table: Iterator[str]) -> None:
    """Print both; what does not fit on a terminal goes through a pager, the picture first."""
    if not console().is_terminal:
        for line in table:
            output.say(line)
        return
    between = [styled()] if chart else []
    print_paged([*chart, *between, *map(styled, table)])


def _table(openings: list[Opening], days: int, skipped: Mapping[Opening, Skipped]) -> Iterator[str]:
    if len(openings) == len(skipped):
        yield f"no window opens within {counted(days, 'day', 'days')}"
    if openings:
        rows = (_row(opening, skipped.get(opening)) for opening in openings)
        yield from columns(("WINDOW", "OPENS", "CLOSES", "LENGTH"), rows)


def _row(opening: Opening, skipped: Skipped | None) -> tuple[Sequence[str], str]:
    start, end = opening.local_start, opening.local_end
    short = f"{end:%H:%M %Z}" if end.date() == start.date() else f"{end:%a %H:%M %Z}"
    if end - start >= timedelta(days=6):
        short = format_local(end)
    length = span(opening.end - opening.start)
    note = f"{length} ({opening.dst})" if opening.dst else length
    cells = (opening.window, format_local(start), short, note)
    return cells, words(skipped) if skipped else ""


def _ics(
    openings: list[Opening],
    timeline: Timeline,
    skipped: Mapping[Opening, Skipped],
    revisions: Mapping[tuple[str, datetime], int],
) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", f"-//cbmaintd//{__version__}//EN")
    calendar.add("version", "2.0")
    for opening in openings:
        event = Event()
        event.add("uid", printable(opening.id))
        event.add("sequence", revisions.get((opening.window, opening.start), 0))
        event.add("dtstamp", opening.start)
        event.add("dtstart", opening.start)
        # In whole seconds, of which the end is to be a later one (RFC 5545, 3.8.2.2).
        event.add("dtend", opening.end + _TO_WHOLE_SECOND)
        event.add("summary", printable(f"backups paused: {opening.window}"))
        cancelled = skipped.get(opening)
        event.add("description", _description(timeline.windows[opening.window], cancelled))
        if cancelled:
            event.add("status", "CANCELLED")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _description(window: Window, cancelled: Skipped | None) -> str:
    targets = (f"{cluster}: {', '.join(patterns.patterns)}" for cluster, patterns in window.targets)
    said = [words(cancelled)] if cancelled else []
    lines = chain(said, [window.description] if window.description else [], targets)
    # RFC 5545 escapes line breaks, commas and the like; the library knows nothing of the rest.
    return "\n".join(map(printable, lines))
