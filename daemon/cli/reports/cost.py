"""What the openings of `calendar` cost: the runs that are lost, and the gaps between backups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.cli import output
from daemon.cli.reports import inventory
from daemon.cli.reports.impact import Gap, Impact, LostRun, impact
from daemon.cli.reports.tables import Grid, console, grid
from daemon.cli.reports.times import format_local, span
from daemon.config.settings import Settings
from daemon.service.client import ServiceError
from daemon.windows.timeline import Timeline
from daemon.wording import enumerated

MOST_SHOWN = 100


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
    """Return it as one JSON document, times in UTC."""
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
            for each in found
            for run in each.lost
        ],
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
    lost = sorted(run for each in found for run in each.lost)
    gaps = [gap for each in found for gap in each.gaps]
    unknown = [str(key) for each in found for key in each.unknown]
    if lost:
        console().print(_lost(lost[:MOST_SHOWN], zone))
        if lost[MOST_SHOWN:]:
            output.say(f"and {len(lost) - MOST_SHOWN} more")
    elif found:
        output.say("No run falls into these openings.")
    if gaps:
        output.say()
        console().print(_gaps(gaps, zone))
    if unknown:
        output.say(f"Paused now, so that nothing is known: {enumerated(unknown)}")


def _lost(runs: Iterable[LostRun], zone: ZoneInfo) -> Grid:
    table = grid("LOST RUN", "REPOSITORY", "TASK", "WINDOWS")
    for run in runs:
        task = f"{run.task} ({run.task_type})"
        cells = (
            format_local(run.at.astimezone(zone)),
            str(run.repository),
            task,
            enumerated(run.windows),
        )
        table.add(*cells)
    return table


def _gaps(gaps: Iterable[Gap], zone: ZoneInfo) -> Grid:
    table = grid("NO BACKUP OF", "FROM", "FOR", "USUALLY")
    for gap in gaps:
        start = format_local(gap.start.astimezone(zone))
        length = span(gap.length)
        said = f"{length} at least" if gap.is_open else length
        table.add(str(gap.repository), start, said, span(gap.usual))
    return table
