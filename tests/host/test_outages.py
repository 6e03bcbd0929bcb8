"""A window that passes without a pause: the alerts that fire, by the metrics of each situation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.core.listing import Listing
from daemon.core.progress import ClusterView, wanted_now
from daemon.core.record import Phase, Record
from daemon.core.repository import RepositoryKey
from daemon.core.unreachable import Unreachable
from daemon.monitoring.metrics import ClusterState, Metrics, State
from daemon.windows.rules import Once
from daemon.windows.timeline import Timeline
from daemon.windows.window import Patterns, Window
from tests.host.test_monitoring import RULES, needs_promtool, promtool

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""When promtool's clock begins."""

MINUTE = timedelta(minutes=1)
MINUTES = 60
OPENS, CLOSES = EPOCH + 10 * MINUTE, EPOCH + 50 * MINUTE
DOWN = Unreachable("dr", "refused", "", EPOCH)
IDS = frozenset({"a", "b", "c"})

WINDOW = Window(
    "outage",
    Once(OPENS, CLOSES),
    zone=ZoneInfo("UTC"),
    targets=(("dr", Patterns(("*",))),),
    pause_before=5 * MINUTE,
)
TIMELINE = Timeline([WINDOW])
OPENING = f"outage@{OPENS:%Y-%m-%dT%H:%M:%SZ}"


def holds(*ids: str) -> dict[str, Record]:
    """Return holds for the opening."""
    return {id_: Record(RepositoryKey("dr", id_), Phase.PAUSED, openings=(OPENING,)) for id_ in ids}


Look = Callable[[datetime], ClusterView]


def never_reached(_now: datetime) -> ClusterView:
    """Return what is known where it has not answered since the daemon runs, nor before."""
    return ClusterView("dr", unreachable=DOWN)


def down_before(_now: datetime) -> ClusterView:
    """Return what is known where it went down before the opening, and was listed then."""
    return ClusterView("dr", Listing(IDS), unreachable=DOWN)


def down_during(now: datetime) -> ClusterView:
    """Return what is known where it goes down when only one of three is paused."""
    if now < OPENS - 5 * MINUTE:
        return ClusterView("dr", Listing(IDS))
    return ClusterView("dr", Listing(IDS, frozenset({OPENING})), holds("a"), DOWN)


def paused_then_down(now: datetime) -> ClusterView:
    """Return what is known where it goes down when all is paused: it is what is maintained."""
    if now < OPENS - 5 * MINUTE:
        return ClusterView("dr", Listing(IDS))
    return ClusterView("dr", Listing(IDS, frozenset({OPENING})), holds(*IDS), DOWN)


@dataclass(frozen=True, slots=True)
class Case:
    """A situation, and how many alerts that something is pending fire in the middle of it."""

    look: Look
    firing: int


def state(look: Look, now: datetime) -> State:
    """Return what is shown at *now*."""
    view = look(now)
    found = wanted_now(TIMELINE, view, now)
    cluster = ClusterState(
        *("dr", len(view.records), 0.0, None),
        wanted=found.wanted,
        pending=found.pending,
        is_up=False,
        by_window=found.windows,
    )
    return State(
        (cluster,),
        (),
        is_config_good=True,
        config_applied=EPOCH,
        config_digest="0" * 64,
        config_differs=False,
        dropped_lines=0,
    )


def scraped(look: Look) -> dict[str, list[float]]:
    """Return the series that a scrape a minute gives."""
    series: dict[str, list[float]] = {}
    for minute in range(MINUTES):
        metrics = Metrics()
        metrics.observe(partial(state, look, EPOCH + minute * MINUTE))
        for family in text_string_to_metric_families(metrics.render().decode()):
            for sample in family.samples:
                if "cluster" in sample.labels and "http" not in sample.name:
                    labels = f'job="cbmaintd", cluster="{sample.labels["cluster"]}"'
                    series.setdefault(f"{sample.name}{{{labels}}}", []).append(sample.value)
    return series


@needs_promtool
@pytest.mark.parametrize(
    "case",
    [
        Case(never_reached, 1),
        Case(down_before, 1),
        Case(down_during, 1),
        Case(paused_then_down, 0),
    ],
    ids=lambda case: case.look.__name__,
)
def test_a_window_without_a_pause_is_noticed(case: Case, tmp_path: Path) -> None:
    """Five minutes after the opening, and not before, somebody is told; not when all is paused."""
    series = [
        f"      - {{series: '{name}', values: \"{' '.join(map(str, values))}\"}}"
        for name, values in scraped(case.look).items()
    ]
    query = 'count(ALERTS{alertname="CbmaintdOpeningPending", alertstate="firing"})'
    samples = f'[{{labels: "{{}}", value: {case.firing}}}]' if case.firing else "[]"
    test = tmp_path / "case.yaml"
    test.write_text(
        "\n".join(
            [
                f"rule_files: ['{RULES}']",
                "evaluation_interval: 1m",
                "tests:",
                "  - interval: 1m",
                "    input_series:",
                *series,
                "    promql_expr_test:",
                f"      - {{expr: '{query}', eval_time: 14m, exp_samples: []}}",
                f"      - {{expr: '{query}', eval_time: 16m, exp_samples: {samples}}}",
                f"      - {{expr: '{query}', eval_time: 55m, exp_samples: []}}",
            ]
        )
    )

    assert not promtool("test", "rules", str(test))
    assert any("repositories_pending" in name for name in scraped(case.look))
