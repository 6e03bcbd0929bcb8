"""`cbmaintd check`: whether the file is valid, and with `--online`, whether clusters accept us."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from daemon.cli import output, places
from daemon.cli.reports.advice import advise
from daemon.cli.reports.impact import Inventory, impact
from daemon.cli.reports.times import format_local, format_local_with_offset, span
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.ledger.url import unverified
from daemon.runtime import certificates
from daemon.windows.timeline import Timeline, ahead
from daemon.windows.window import Opening, Patterns, Window

if TYPE_CHECKING:
    from daemon.service.client import ServiceError

MOST_RUNS_SHOWN = 20
FAR_ENOUGH = timedelta(days=32)
"""How much of a longer opening is looked at."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Report:
    """What one cluster said: a line for people, what must be fixed, what is worth knowing."""

    line: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Validate the file, and ask every cluster with `--online`; 1 if one has a problem.

    Raises:
        ConfigError: the file is invalid; carries every fault.

    """
    settings = load(places.find_config(args, environ), environ=environ)
    now = datetime.now(UTC)
    for warning in settings.warnings:
        _warn(warning)
    if found := unverified(places.find_ledger(args, environ, settings), environ):
        _warn(found)
    output.say(f"{settings.path}: valid; clusters: {len(settings.clusters)}")
    for window in settings.windows.values():
        # One that never opens gets a warning, which says more.
        if said := _next(window, now):
            output.say(f"  {window.name}: {said}")
    advice = advise(settings.windows.values(), settings.clusters, now, settings.max_pause)
    for warning in advice:
        _warn(warning)
    return _check_online(settings, environ, now) if args.online else 0


def _next(window: Window, now: datetime) -> str:
    if not window.enabled:
        return "disabled"
    first = next(ahead(window, now), None)
    if first is None:
        return ""
    verb = "open since" if first.start <= now else "opens"
    shown = format_local_with_offset if _is_near_change(first) else format_local
    day = f"{first.local_start:%a %Y-%m-%d} "
    return f"{verb} {shown(first.local_start)}, until {shown(first.local_end).removeprefix(day)}"


def _is_near_change(opening: Opening) -> bool:
    """Check whether clocks change within a day of an edge: then hours alone may mislead."""
    return any(
        (at - _DAY).astimezone(opening.zone).utcoffset()
        != (at + _DAY).astimezone(opening.zone).utcoffset()
        for at in (opening.start, opening.end)
    )


def _check_online(settings: Settings, environ: Mapping[str, str], now: datetime) -> int:
    from daemon.cli.reports.inventory import take_inventories  # noqa: PLC0415  # HTTP takes long

    timeline = Timeline(window for window in settings.windows.values() if window.enabled)
    has_problems = False
    for name, answer in take_inventories(settings.clusters, environ).items():
        report = _report(name, answer, timeline, now)
        output.say(report.line)
        for warning in report.warnings:
            _warn(warning)
        for problem in report.problems:
            output.warn(f"problem: {problem}")
        has_problems = has_problems or bool(report.problems)
    return 1 if has_problems else 0


def _report(
    cluster: str, answer: Inventory | ServiceError, timeline: Timeline, now: datetime
) -> _Report:
    if not isinstance(answer, Inventory):
        return _Report(f"  {cluster}: cannot be used", (str(answer),))
    found = answer.repositories
    paused = sum(repository.state is RepositoryState.PAUSED for repository in found)
    return _Report(
        f"  {cluster}: answers; repositories: {len(found)}, paused now: {paused}",
        tuple(_missing(cluster, found, timeline)),
        (*_odd(answer), *_certificate(answer, now), *_worth_knowing(answer, timeline, now)),
    )


def _odd(inventory: Inventory) -> Iterator[str]:
    for row in inventory.not_understood[:MOST_RUNS_SHOWN]:
        named = f" {row.id}" if row.id else ""
        yield f"{inventory.cluster} lists{named} in a way that is not understood: {row.problem}"


def _certificate(inventory: Inventory, now: datetime) -> Iterator[str]:
    ends = inventory.certificate_ends
    if ends and ends - now <= certificates.AHEAD:
        when = f"{ends:%Y-%m-%d %H:%M} UTC, in {span(ends - now)}"
        yield f"{inventory.cluster}: a certificate of its nodes ends {when}: renew it before that"


def _missing(
    cluster: str, found: Sequence[ObservedRepository], timeline: Timeline
) -> Iterator[str]:
    for id_ in sorted(timeline.plain_ids(cluster) - {repository.id for repository in found}):
        yield f"{cluster} has no repository {id_}, but a window names it"


def _worth_knowing(inventory: Inventory, timeline: Timeline, now: datetime) -> Iterator[str]:
    cluster = inventory.cluster
    for window in timeline.windows.values():
        for glob in _globs(window.patterns_for(cluster)):
            if not any(Patterns((glob,)).matches(each.id) for each in inventory.repositories):
                yield f"{window.name}: {glob} matches no repository of {cluster}"
        for opening in islice(ahead(window, now), 1):
            yield from _losses(inventory, window, opening, now)


def _losses(inventory: Inventory, window: Window, opening: Opening, now: datetime) -> Iterator[str]:
    """Return what the next opening costs, up to FAR_ENOUGH from now."""
    start, end = max(opening.pause_from, now), min(opening.end, now + FAR_ENOUGH)
    cost = impact(inventory, Timeline([window]), start, end)
    for run_ in cost.lost[:MOST_RUNS_SHOWN]:
        at = format_local(run_.at.astimezone(opening.zone))
        yield (
            f"{window.name}: {run_.task_type} {run_.task} of {run_.repository} at {at} falls into"
            " the next opening and will be lost"
        )
    if more := len(cost.lost[MOST_RUNS_SHOWN:]):
        yield f"{window.name}: so do {more} more runs of {inventory.cluster}"
    if cost.gaps:
        gap = max(cost.gaps, key=lambda each: each.length)
        others = f" and {len(cost.gaps) - 1} more" if cost.gaps[1:] else ""
        least = "at least " if gap.is_open else ""
        yield (
            f"{window.name}: no backup of {gap.repository}{others} for {least}{span(gap.length)}"
            f" from {format_local(gap.start.astimezone(opening.zone))} (usually {span(gap.usual)})"
        )


def _globs(patterns: tuple[Patterns, ...]) -> list[str]:
    including = (p for each in patterns for p in each.patterns if not p.startswith("!"))
    return [pattern for pattern in including if not Patterns((pattern,)).plain]


def _warn(text: str) -> None:
    output.warn(f"warning: {text}")
