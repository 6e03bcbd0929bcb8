"""The shipped dashboard as tests read it, and what we serve in a case that has every series."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from daemon.core.attempt import CallError
from daemon.monitoring.metrics import Metrics
from tests.unit.monitoring.test_metrics import STATE, attempt

DASHBOARD: Mapping[str, Any] = json.loads(
    (Path(__file__).parents[3] / "systemd" / "monitoring" / "dashboard.json").read_text()
)

TARGET_LABELS = frozenset({"job", "instance"})
"""What Prometheus itself adds to each series."""

_AGGREGATED = re.compile(r"\bby \(([^)]*)\)")
_SELECTOR = re.compile(r"\b(cbmaintd_\w+)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of the dashboard: of which panel or annotation, and how a series is called."""

    place: str
    expr: str
    legend: str

    @property
    def selectors(self) -> dict[str, list[tuple[str, str]]]:
        """Return each metric that it reads, with the labels that are matched and their values."""
        return {
            name: [(label, value) for label, _, value in _MATCHER.findall(matchers)]
            for name, matchers in _SELECTOR.findall(self.expr)
        }

    @property
    def bare(self) -> set[str]:
        """Return the metrics that it names without a selector."""
        return set(re.findall(r"\bcbmaintd_\w+", self.expr)) - self.selectors.keys()

    @property
    def grouped(self) -> set[str] | None:
        """Return the labels that are left of it; None if they all are."""
        found = _AGGREGATED.search(self.expr)
        return set(re.split(r",\s*", found[1])) if found else None

    @property
    def shown(self) -> set[str]:
        """Return the labels by which its series are called."""
        return set(re.findall(r"\{\{(\w+)\}\}", self.legend))


def queries() -> list[Query]:
    """Return every expression of the dashboard."""
    return [*_of_panels(DASHBOARD["panels"]), *_of_annotations()]


def _of_panels(panels: Sequence[Mapping[str, Any]]) -> Iterator[Query]:
    for panel in panels:
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"], target.get("legendFormat", ""))


def _of_annotations() -> Iterator[Query]:
    for found in DASHBOARD["annotations"]["list"]:
        if not found.get("builtIn"):
            yield Query(found["name"], found["expr"], found["titleFormat"])


def served() -> list[Sample]:
    """Return what a daemon serves that has done, and failed at, everything."""
    metrics = Metrics()
    metrics.observe(lambda: STATE)
    metrics.attempted(attempt(None))
    metrics.attempted(attempt(CallError.TIMEOUT))
    metrics.notified("pager", "failed", 1)
    families = text_string_to_metric_families(metrics.render().decode())
    return [sample for family in families for sample in family.samples]
