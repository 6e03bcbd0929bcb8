"""`cbmaintd open`: a window from now on: one that nobody planned, or a planned one at once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from daemon.cli import output, places, schedule
from daemon.cli.commands.wait import until_paused
from daemon.cli.instants import read_future
from daemon.cli.reports.times import format_until
from daemon.cli.repository_names import parse_repository_name
from daemon.cli.schedule import Schedule
from daemon.config.addresses import check_brackets, repository_pattern
from daemon.config.notation import NAME
from daemon.config.reading.process import load
from daemon.config.settings import Settings
from daemon.errors import UsageError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.windows.overrides import Override, OverrideKind
from daemon.windows.window import Patterns
from daemon.wording import enumerated, nearest_or_all

Targets = tuple[tuple[str, Patterns], ...]


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Open a window, and wait until its repositories are paused if asked to.

    Raises:
        ConfigError: the file is invalid.
        UsageError: the name is taken or means nothing, a cluster does not exist, or a time is past.
        HostError: the ledger cannot be used, or not all were paused in time.

    """
    settings = load(places.find_config(args, environ), environ=environ, check_secrets=False)
    with open_ledger(places.find_ledger(args, environ, settings), Access.EDIT) as ledger:
        planned = schedule.wanted(settings, ledger, environ)
        now = datetime.now(UTC)
        named = _named(args, settings)
        decision = Override(
            kind=OverrideKind.OPEN,
            window=_name(args.name, planned, now),
            # Its identity has whole seconds.
            start=now.replace(microsecond=0),
            end=_end(args, planned, now),
            made=now,
            by=schedule.person(environ),
            reason=args.reason or "",
            targets=named,
        )
        ledger.add_override(decision)
        # What a planned window is for stands in the file.
        opened = (
            decision if named else replace(decision, targets=settings.windows[args.name].targets)
        )
        output.say(_sentence(opened, planned, now))
        schedule.warn_if_too_long(decision.start, decision.end, settings)
        schedule.warn_if_alone(ledger)
        if args.wait:
            until_paused(ledger, schedule.refreshed(ledger, planned), decision.window)
    return 0


def _name(name: str, planned: Schedule, now: datetime) -> str:
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"{name}: not a name for a window: letters, digits, _ . and -, at most 63 of them,"
            " a letter or digit first"
        )
    window = planned.timeline.windows.get(name)
    if window and window.openings(now, now + timedelta.resolution):
        raise UsageError(f"{name} is open already; to move its end, use extend")
    return name


def _named(args: argparse.Namespace, settings: Settings) -> Targets:
    """Return the repositories that are named; none for a planned window, which has its own."""
    name, is_planned = args.name, args.name in settings.windows
    if args.repository and is_planned:
        raise UsageError(
            f"{name}: the file has a window of that name; choose another, or leave --repository out"
            " to open that one now"
        )
    if not (args.repository or is_planned):
        raise UsageError(
            f"{name}: the file has no window of that name; for an unplanned one, name its"
            f" repositories: --repository CLUSTER/PATTERN{nearest_or_all(name, settings.windows)}"
        )
    return _targets(args.repository or (), settings)


def _end(args: argparse.Namespace, planned: Schedule, now: datetime) -> datetime:
    if args.duration is not None:
        length: timedelta = args.duration
        return now.replace(microsecond=0) + length
    return read_future("--until", args.until, planned.zone, now)


def _targets(wanted: Iterable[str], settings: Settings) -> Targets:
    patterns: dict[str, list[str]] = {}
    for text in wanted:
        form = "CLUSTER/PATTERN, such as prod/orders or prod/*"
        cluster, pattern = parse_repository_name(text, f"--repository {text}", form)
        try:
            repository_pattern(pattern)
            check_brackets(cluster)
        except ValueError as exc:
            raise UsageError(f"--repository {text}: {exc}") from exc
        names = [name for name in settings.clusters if fnmatchcase(name, cluster)]
        if not names:
            known = nearest_or_all(cluster, settings.clusters)
            raise UsageError(f"--repository {text}: there is no cluster {cluster}{known}")
        for name in names:
            patterns.setdefault(name, []).append(pattern)
    return tuple((name, Patterns(tuple(found))) for name, found in patterns.items())


def _sentence(decision: Override, planned: Schedule, now: datetime) -> str:
    assert decision.end is not None  # noqa: S101  # an unplanned window has an end
    targets = enumerated(
        f"{cluster}/{pattern}"
        for cluster, patterns in decision.targets
        for pattern in patterns.patterns
    )
    until = format_until(decision.end.astimezone(planned.zone), now)
    return f"{decision.window} is open until {until}; paused until then: {targets}"
