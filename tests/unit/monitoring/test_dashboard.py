"""The shipped Grafana dashboard: it asks for what there is, and Grafana can draw it."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from daemon.log import events
from tests.unit.monitoring.dashboard import DASHBOARD, TARGET_LABELS, Query, queries, served

PANELS = DASHBOARD["panels"]

KNOWN_TO_39 = {"stat", "state-timeline", "table", "timeseries"}
"""Panels of Grafana 10.4 and 11.0, which write this version of the schema, as far as we use them.

The file was held against the JSON schemas of both in Grafana's foundation SDK.
"""


def labels() -> dict[str, set[str]]:
    """Return the labels of every metric that is served."""
    found: dict[str, set[str]] = {}
    for sample in served():
        found.setdefault(sample.name, set(TARGET_LABELS)).update(sample.labels)
    return found


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.place)
def test_each_expression_asks_for_what_is_served(query: Query) -> None:
    """Metrics, labels and events that it names exist, and it can be narrowed to some daemons."""
    there = labels()

    assert not query.bare
    assert query.selectors
    for metric, matchers in query.selectors.items():
        assert {label for label, _ in matchers} <= there[metric]
        assert {label for label, _ in matchers} >= TARGET_LABELS
        named = {e for label, value in matchers if label == "event" for e in value.split("|")}
        assert named <= set(map(str, events.COUNTED))


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.place)
def test_each_series_is_called_by_labels_that_it_has(query: Query) -> None:
    """A legend names labels that aggregation leaves, and aggregation those that there are."""
    of_metrics = set().union(*(labels()[metric] for metric in query.selectors))

    assert (query.grouped or set()) <= of_metrics
    assert query.shown <= (of_metrics if query.grouped is None else query.grouped)


def test_grafana_can_draw_it() -> None:
    """Panels are of kinds that its version knows, have ids of their own, and do not overlap."""
    places = [panel["gridPos"] for panel in PANELS]

    assert DASHBOARD["schemaVersion"] == 39
    assert {panel["type"] for panel in PANELS} <= KNOWN_TO_39
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(overlap(one, other) for one, other in combinations(places, 2))


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Check whether two panels lie on each other."""
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_each_panel_names_its_queries_and_columns() -> None:
    """A query has a letter of its own; what a table renames or colours is one of its columns."""
    for panel in PANELS:
        letters = [target["refId"] for target in panel["targets"]]
        renamed = renames(panel)

        assert len(set(letters)) == len(letters)
        values = {"Value"} if len(letters) == 1 else {f"Value #{each}" for each in letters}
        assert set(renamed) in ({*()}, values)
        coloured = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
        assert coloured <= set(renamed.values())


def renames(panel: dict[str, Any]) -> dict[str, str]:
    """Return what a panel calls the columns of its table."""
    found: dict[str, str] = {}
    for change in panel.get("transformations", ()):
        found |= change["options"].get("renameByName", {})
    return found


def test_it_shows_what_an_operator_asks() -> None:
    """Windows as a timeline, n of m, certificates; openings, failures and decisions on all of it.

    Prometheus's annotations take a 1 for "here", and those that follow each other for one span.
    """
    timelines = [panel for panel in PANELS if panel["type"] == "state-timeline"]
    asked = {metric for query in queries() for metric in query.selectors}
    marks = {each["name"]: each["expr"] for each in DASHBOARD["annotations"]["list"][1:]}

    assert any("cbmaintd_window_open{" in json.dumps(panel) for panel in timelines)
    for panel in timelines:
        (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert set(mapping["options"]) == {"0", "1"}
    assert asked >= {
        "cbmaintd_window_repositories_wanted",
        "cbmaintd_window_repositories_pending",
        "cbmaintd_cluster_certificate_expiry_timestamp_seconds",
    }
    assert set(marks) == {"Openings", "Failures", "Decisions and edits"}
    assert "cbmaintd_window_open{" in marks["Openings"]
    assert all("> bool 0" in expr for name, expr in marks.items() if name != "Openings")
