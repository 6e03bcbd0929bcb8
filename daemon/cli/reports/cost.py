"""What the openings of `calendar` cost: the runs that are lost, and the gaps between backups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.cli.reports import inventory
from daemon.cli.reports.impact import Gap, Impact, LostRuns, impact
from daemon.cli.reports.tables import Row, show_rows
from daemon.cli.reports.times import format_local, span
from daemon.config.settings import Settings
from daemon.service.client import ServiceError
from daemon.windows.timeline import Timeline
from daemon.wording import counted, enumerated

MOST_SHOWN = 100
"""Rows of a table."""

MOST_LISTED = 10_000
"""Runs in a document for programs, which also has their number."""

FEW = 3
"""Up to so many repositories are named."""

_LOST = ("RUNS", "LOST", "REPOSITORY", "TASK", "WINDOWS")
_GAPS = ("NO BACKUP OF", "FROM", "FOR", "USUALLY")


def ask(
    settings: Settings,
    timeline: Timeline,
    environ: Mapping[str, str],
    period: tuple[datetime, datetime],
) -> tuple[list[Impact], list[ServiceError]]:
    """Ask the clusters of the windows about a *period* from start to end.

    Return what it costs each of them, and the errors of those that did not answer.
    """
    wanted = {name for window in timeline.windows.values() for name, _ in window.targets}
    clusters = {name: settings.clusters[name] for name in wanted & settings.clusters.keys()}
    found = inventory.take_inventories(dict(sorted(clusters.items())), environ)
    failed = [answer for answer in found.values() if isinstance(answer, ServiceError)]
    inventories = (answer for answer in found.values() if not isinstance(answer, ServiceError))
    return [impact(each, timeline, *period) for each in inventories], failed


def document(found: Sequence[Impact], failed: Iterable[ServiceError]) -> dict[str, object]:
    """Return it as one JSON document, times in UTC; of very many runs the first ones."""
    return {
        "lost": [
            {
                "at": run.at.isoformat(),
                "cluster": run.repository.cluster,
                "repository": run.repository.id,
                "task": run.task,
                "task_type": run.task_type,
                "windows": run.windows,
            }
            for run in islice(merge(*(runs for each in found for runs in each.lost)), MOST_LISTED)
        ],
        "lost_total": sum(runs.count for each in found for runs in each.lost),
        "gaps": [
            {
                "cluster": gap.repository.cluster,
                "repository": gap.repository.id,
                "start": gap.start.isoformat(),
                "end": gap.end.isoformat(),
                "usual_s": gap.usual.total_seconds(),
                "is_open": gap.is_open,
            }
            for each in found
            for gap in each.gaps
        ],
        "unknown": [str(key) for each in found for key in each.unknown],
        "failed": [str(error) for error in failed],
    }


def show(found: Sequence[Impact], zone: ZoneInfo) -> None:
    """Print it as tables; print nothing if no cluster answered."""
    lost = sorted((runs for each in found for runs in each.lost), key=lambda runs: runs.times)
    gaps = [gap for each in found for gap in each.gaps]
    unknown = [str(key) for each in found for key in each.unknown]
    if lost:
        show_rows(_LOST, [_lost(runs, zone) for runs in lost[:MOST_SHOWN]])
        if rest := sum(runs.count for runs in lost[MOST_SHOWN:]):
            output.say(f"and {counted(rest, 'more run', 'more runs')}")
    elif found:
        # Of what is paused the service names no run to come.
        output.say(f"No {'known ' if unknown else ''}run falls into these openings.")
    if gaps:
        output.say()
        show_rows(_GAPS, [_gap(gap, zone) for gap in gaps[:MOST_SHOWN]])
        if gaps[MOST_SHOWN:]:
            output.say(f"and {len(gaps) - MOST_SHOWN} more")
    if unknown:
        output.say(f"Paused now, so nothing is known about them: {enumerated(unknown)}")


def _lost(runs: LostRuns, zone: ZoneInfo) -> Row:
    first, last = (format_local(at.astimezone(zone)) for at in runs.ends)
    few = enumerated(map(str, runs.repositories))
    whose = few if len(runs.repositories) <= FEW else f"{len(runs.repositories)} repositories"
    when = first if first == last else f"{first} to {last}"
    task = f"{runs.task} ({runs.task_type})"
    return Row((str(runs.count), when, whose, task, enumerated(runs.windows)))


def _gap(gap: Gap, zone: ZoneInfo) -> Row:
    start = format_local(gap.start.astimezone(zone))
    length = span(gap.length)
    said = f"{length} at least" if gap.is_open else length
    return Row((str(gap.repository), start, said, span(gap.usual)))
