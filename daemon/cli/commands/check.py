"""`cbmaintd check`: whether the file is valid, and with `--online`, whether clusters accept us."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli import output, places
from daemon.cli.reports.advice import advise
from daemon.cli.reports.findings import Advice, Findings
from daemon.cli.reports.impact import Inventory, LostRuns, impact
from daemon.cli.reports.times import format_local, format_local_with_offset, span
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.core.repository import ObservedRepository, RepositoryState
from daemon.errors import ConfigError, Fault, UsageError
from daemon.ledger.url import is_near, unverified
from daemon.runtime import certificates
from daemon.windows.globs import is_glob
from daemon.windows.timeline import Timeline, ahead
from daemon.windows.window import Opening, Patterns, Window
from daemon.wording import counted, enumerated

if TYPE_CHECKING:
    from daemon.service.client import ServiceError

MOST_SHOWN = 20
FEW = 3
"""Up to so many repositories are named."""

FAR_ENOUGH = timedelta(days=32)
"""How much of a longer opening is looked at."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Report:
    """What one cluster said: a line for people, what must be fixed, what is worth knowing."""

    line: str
    problems: tuple[str, ...] = ()
    warnings: tuple[Advice, ...] = ()


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Validate the file, and ask every cluster with `--online`.

    Return 1 if a cluster has a problem, and with `--strict` if there is a warning.

    Raises:
        ConfigError: the file is invalid; carries every fault.
        UsageError: the options contradict each other.
        EncodingError: its ledger is in a database that cannot hold one.

    """
    file = _file(args, environ)
    found = Findings(str(file), args.output == "json")
    try:
        settings = load(file, environ=environ, check_secrets=not args.without_secrets)
    except ConfigError as exc:
        if not found.are_for_programs:
            raise
        output.write_json(found.document(ok=False, faults=exc.faults))
        if exc.more:
            output.warn(exc.lines()[-1])
        return exc.exit_code
    found.clusters = settings.clusters
    _look(settings, args, environ, found)
    return _judge(found, is_strict=args.strict)


def _file(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    if args.without_secrets and args.online:
        raise UsageError("--online needs passwords, and does not go with --without-secrets")
    if args.file is None:
        return places.find_config(args, environ)
    if args.config is not None:
        raise UsageError(f"{args.file} and --config {args.config}: name one file to check")
    return Path(args.file)


def _look(
    settings: Settings, args: argparse.Namespace, environ: Mapping[str, str], found: Findings
) -> None:
    """Collect all that is to be said of a valid file."""
    now = datetime.now(UTC)
    for warning in settings.warnings:
        found.warn(warning)
    ledger = places.find_ledger(args, environ, settings)
    if unsafe := unverified(ledger, environ):
        found.warn(_nowhere(unsafe))
    # Nothing leaves this machine unless that is asked for.
    if not args.without_secrets and (args.online or is_near(ledger, environ)):
        # What speaks to databases takes long to import.
        from daemon.ledger.opening import refuse_unfit  # noqa: PLC0415

        refuse_unfit(ledger)
    found.say(f"{settings.path}: valid; clusters: {len(settings.clusters)}")
    for window in settings.windows.values():
        # One that never opens gets a warning, which says more.
        if said := _next(window, now):
            found.say(f"  {window.name}: {said}")
    for advice in advise(
        settings.windows.values(),
        settings.clusters,
        now,
        settings.max_pause,
        settings.merge_gap,
    ):
        found.warn(_placed(advice, settings))
    if args.online:
        _check_online(settings, environ, now, found)


def _judge(found: Findings, *, is_strict: bool) -> int:
    """Return the exit code; programs get the document, people the reason of `--strict`."""
    is_too_strict = is_strict and bool(found.warnings)
    code = 1 if found.problems or is_too_strict else 0
    if found.are_for_programs:
        output.write_json(found.document(ok=code == 0))
    elif is_too_strict:
        output.warn(f"cbmaintd: --strict: warnings: {len(found.warnings)}, and none is allowed")
    return code


def _placed(advice: Advice, settings: Settings) -> Fault:
    """Return advice at its place, where that is known."""
    return Fault(*settings.places.get(advice.path, (0, 0)), advice.path, advice.message)


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


def _check_online(
    settings: Settings, environ: Mapping[str, str], now: datetime, found: Findings
) -> None:
    from daemon.cli.reports.inventory import take_inventories  # noqa: PLC0415  # HTTP takes long

    timeline = Timeline(window for window in settings.windows.values() if window.enabled)
    for name, answer in take_inventories(settings.clusters, environ).items():
        report = _report(name, answer, timeline, now)
        found.say(report.line)
        for warning in report.warnings:
            found.warn(_placed(warning, settings))
        for problem in report.problems:
            found.problem(problem)


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


def _odd(inventory: Inventory) -> Iterator[Advice]:
    path = f"clusters.{inventory.cluster}"
    for row in inventory.not_understood[:MOST_SHOWN]:
        named = f" {row.id}" if row.id else ""
        yield Advice(path, f"lists{named} in a way that is not understood: {row.problem}")
    if more := len(inventory.not_understood[MOST_SHOWN:]):
        yield Advice(path, f"lists {counted(more, 'more row', 'more rows')} in such a way")


def _certificate(inventory: Inventory, now: datetime) -> Iterator[Advice]:
    ends = inventory.certificate_ends
    if ends and ends - now <= certificates.AHEAD:
        when = f"{ends:%Y-%m-%d %H:%M} UTC, in {span(ends - now)}"
        message = f"a certificate of its nodes ends {when}: renew it before that"
        yield Advice(f"clusters.{inventory.cluster}", message)


def _missing(
    cluster: str, found: Sequence[ObservedRepository], timeline: Timeline
) -> Iterator[str]:
    for id_ in sorted(timeline.plain_ids(cluster) - {repository.id for repository in found}):
        yield f"{cluster} has no repository {id_}, but a window names it"


def _worth_knowing(inventory: Inventory, timeline: Timeline, now: datetime) -> Iterator[Advice]:
    cluster = inventory.cluster
    for window in timeline.windows.values():
        for glob in _globs(window.patterns_for(cluster)):
            if not any(Patterns((glob,)).matches(each.id) for each in inventory.repositories):
                yield Advice.about(window.name, f"{glob} matches no repository of {cluster}")
        for opening in islice(ahead(window, now), 1):
            yield from _losses(inventory, window, opening, now)


def _losses(
    inventory: Inventory, window: Window, opening: Opening, now: datetime
) -> Iterator[Advice]:
    """Yield what the next opening costs, up to FAR_ENOUGH from now."""
    start, end = max(opening.pause_from, now), min(opening.end, now + FAR_ENOUGH)
    cost = impact(inventory, Timeline([window]), start, end)
    for runs in cost.lost[:MOST_SHOWN]:
        yield Advice.about(window.name, _lost(runs, opening))
    if more := sum(runs.count for runs in cost.lost[MOST_SHOWN:]):
        what = counted(more, "more run", "more runs")
        yield Advice.about(window.name, f"so will {what} of {inventory.cluster}")
    if cost.gaps:
        gap = max(cost.gaps, key=lambda each: each.length)
        others = f" and {len(cost.gaps) - 1} more" if cost.gaps[1:] else ""
        least = "at least " if gap.is_open else ""
        yield Advice.about(
            window.name,
            f"no backup of {gap.repository}{others} for {least}{span(gap.length)}"
            f" from {format_local(gap.start.astimezone(opening.zone))} (usually {span(gap.usual)})",
        )


def _lost(runs: LostRuns, opening: Opening) -> str:
    """Return one sentence for all runs of a task that fall into an opening."""
    first, last = (format_local(at.astimezone(opening.zone)) for at in runs.ends)
    few = enumerated(map(str, runs.repositories[:FEW]))
    whose = f"of {few}" if runs.count <= FEW else f"of {len(runs.repositories)} repositories"
    if runs.count > FEW >= len(runs.repositories):
        whose = f"of {few}"
    when = f"at {first}" if first == last else f"from {first} to {last}"
    what = f"{runs.task_type} {runs.task} {whose} {when}"
    if runs.count == 1:
        return f"{what} falls into the next opening and will be lost"
    return f"{runs.count} runs of {what} fall into the next opening and will be lost"


def _globs(patterns: tuple[Patterns, ...]) -> list[str]:
    return [pattern for each in patterns for pattern in each.included if is_glob(pattern)]


def _nowhere(text: str) -> Fault:
    """Return a warning that is about no place in the file."""
    return Fault(0, 0, "", text)
