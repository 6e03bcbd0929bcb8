"""The alert rules and the dashboard, and what we serve, as Prometheus's own tool judges them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.samples import Sample

from daemon.monitoring.metrics import Metrics, State
from tests import manual
from tests.unit.monitoring.dashboard import queries
from tests.unit.monitoring.dashboard import served as shown

ROOT = Path(__file__).parents[2]
RULES = ROOT / "systemd" / "monitoring" / "alerts.yaml"
DASHBOARD = ROOT / "systemd" / "monitoring" / "dashboard.json"
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="there is no promtool (Debian: prometheus)"
)


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """Return what promtool says against something."""
    done = subprocess.run(
        [PROMTOOL or "promtool", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=300,
        cwd=Path(__file__).parent,
    )
    said = (done.stdout + done.stderr).decode()
    return said if done.returncode else ""


def served() -> str:
    """Return the metrics of a daemon that has just begun."""
    metrics = Metrics()
    state = State(
        (),
        (),
        is_config_good=True,
        config_applied=None,
        config_digest="0" * 64,
        config_differs=False,
        dropped_lines=0,
    )
    metrics.observe(lambda: state)
    return metrics.render().decode()


@needs_promtool
def test_the_rules_are_rules() -> None:
    """Prometheus accepts the file of rules."""
    assert not promtool("check", "rules", str(RULES))


@needs_promtool
def test_each_alert_fires_when_it_has_to() -> None:
    """Each alert fires in its case, and none for a daemon that is well."""
    assert not promtool("test", "rules", "alerts.test.yaml")


@needs_promtool
def test_the_metrics_are_as_they_should_be() -> None:
    """What is served has no fault by Prometheus's conventions."""
    assert not promtool("check", "metrics", stdin=served().encode())


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_only_what_is_served_is_asked_for(file: Path) -> None:
    """Every metric that a rule or a panel asks for is one that we serve."""
    known = set(re.findall(r"^# TYPE (\w+)", served(), re.MULTILINE))

    asked = set(re.findall(r"\bcbmaintd_\w+", file.read_text()))

    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert bases
    assert bases <= known


def test_every_alert_leads_to_the_manual() -> None:
    """Each alert has a link to a place in the manual that is there."""
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())

    links = re.findall(r'runbook_url: "daemon/manual/metrics.md#(\w+)"', RULES.read_text())

    assert links == [alert.lower() for alert in alerts]
    assert set(links) <= manual.anchors(manual.page("metrics"))


def test_every_alert_has_a_case() -> None:
    """No alert is left without a case in which it fires."""
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))

    cases = Path(__file__).with_name("alerts.test.yaml").read_text()

    assert alerts
    assert set(re.findall(r'alertname="(\w+)"', cases)) == alerts


@needs_promtool
def test_each_panel_shows_what_is_served(tmp_path: Path) -> None:
    """Every expression of the dashboard is one, and finds series among those that we serve.

    Counters have to have been counted, so that each grows by one a minute.
    """
    series = [
        {"series": f"{sample.name}{{{_labels(sample)}}}", "values": _values(sample)}
        for sample in shown()
    ]
    asked = [query.expr.replace("$instance", "a|b") for query in queries()]
    cases = [
        {
            "expr": f"count({expr}) > bool 0",
            "eval_time": "59m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for expr in asked
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": cases}
    file = tmp_path / "dashboard.test.json"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [], "tests": [test]}))

    assert not promtool("test", "rules", str(file))


def _labels(sample: Sample) -> str:
    found = {"job": "cbmaintd", "instance": "a"} | sample.labels
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in found.items())


def _values(sample: Sample) -> str:
    is_counted = sample.name.endswith(("_total", "_bucket", "_sum", "_count"))
    return f"{sample.value}+{1 if is_counted else 0}x60"
