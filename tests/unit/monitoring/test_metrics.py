"""What monitoring is shown: names and values in Prometheus's format."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from daemon.core.attempt import Action, Attempt, CallError, Outcome
from daemon.log import events
from daemon.log.tee import TeeLog
from daemon.monitoring.metrics import ClusterState, Metrics, State, WindowState
from daemon.wording import printable
from tests import manual
from tests.unit.nasty_text import EVERY, filled

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STATE = State(
    clusters=(
        ClusterState(
            *("prod", 3, 12.5, NOW, NOW),
            wanted=4,
            pending=1,
            is_up=True,
            owed=2,
            by_window={"nightly": (4, 1)},
        ),
        ClusterState("test", 0, 0.0, None, by_window={"nightly": (2, 2)}),
    ),
    windows=(WindowState("nightly", True, NOW), WindowState("yearly", False)),
    is_config_good=False,
    config_applied=NOW,
    config_digest="0123456789ab" + 52 * "f",
    config_differs=False,
    dropped_lines=7,
)


class Silence:
    """A log nobody reads."""

    def info(self, event: str, **keys: object) -> None:
        """Say nothing."""

    warning = error = critical = info


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return all samples by their names and the values of their labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def attempt(error: CallError | None) -> Attempt:
    """Build a pause that was sent and took half a second."""
    return Attempt(
        cluster="prod",
        repository="orders",
        action=Action.PAUSE,
        windows=(),
        method="POST",
        url="",
        attempt=1,
        status=None,
        outcome=Outcome.FAILED if error else Outcome.OK,
        error=error,
        message="",
        started=NOW,
        duration=timedelta(seconds=0.4),
    )


def test_requests_are_counted_by_what_became_of_them() -> None:
    """Each request is counted by cluster, action, outcome and error, and its time is kept."""
    metrics = Metrics()

    metrics.attempted(attempt(None))
    metrics.attempted(attempt(CallError.TIMEOUT))
    found = samples(metrics)

    assert found["cbmaintd_http_attempts_total", "pause", "prod", "", "ok"] == 1
    assert found["cbmaintd_http_attempts_total", "pause", "prod", "timeout", "failed"] == 1
    assert found["cbmaintd_http_attempt_duration_seconds_count", "pause"] == 2
    assert found["cbmaintd_http_attempt_duration_seconds_bucket", "pause", "0.25"] == 0
    assert found["cbmaintd_http_attempt_duration_seconds_bucket", "pause", "0.5"] == 2


def test_events_are_counted_from_the_start() -> None:
    """Each event has a counter before it happens, so that its first time is an increase."""
    metrics = Metrics()
    log = TeeLog(Silence(), metrics)

    before = samples(metrics)
    log.warning(events.REPOSITORY_DRIFTED, cluster="prod")
    after = samples(metrics)

    assert before["cbmaintd_events_total", "repository.drifted"] == 0
    assert after["cbmaintd_events_total", "repository.drifted"] == 1
    assert after["cbmaintd_events_total", "config.rejected"] == 0


def test_the_state_is_asked_for_at_each_scrape() -> None:
    """Gauges tell how things stand when somebody asks, in base units."""
    metrics = Metrics()
    metrics.observe(lambda: STATE)

    found = samples(metrics)

    assert found["cbmaintd_holds", "prod"] == 3
    assert found["cbmaintd_overdue_resume_seconds", "prod"] == 12.5
    assert found["cbmaintd_cluster_last_contact_timestamp_seconds", "prod"] == NOW.timestamp()
    assert ("cbmaintd_cluster_last_contact_timestamp_seconds", "test") not in found
    assert found["cbmaintd_cluster_certificate_expiry_timestamp_seconds", "prod"] == NOW.timestamp()
    assert ("cbmaintd_cluster_certificate_expiry_timestamp_seconds", "test") not in found
    assert found["cbmaintd_window_open", "nightly"] == 1
    assert found["cbmaintd_window_open", "yearly"] == 0
    assert found["cbmaintd_window_next_open_timestamp_seconds", "nightly"] == NOW.timestamp()
    assert ("cbmaintd_window_next_open_timestamp_seconds", "yearly") not in found
    assert found["cbmaintd_window_repositories_wanted", "nightly"] == 6
    assert found["cbmaintd_window_repositories_pending", "nightly"] == 3
    assert ("cbmaintd_window_repositories_wanted", "yearly") not in found
    assert found["cbmaintd_repositories_wanted", "prod"] == 4
    assert found["cbmaintd_repositories_pending", "prod"] == 1
    assert found["cbmaintd_cluster_up", "prod"] == 1
    assert ("cbmaintd_cluster_up", "test") not in found
    assert found["cbmaintd_backups_owed", "prod"] == 2
    assert found["cbmaintd_config_last_reload_successful",] == 0
    assert found["cbmaintd_config_last_reload_success_timestamp_seconds",] == NOW.timestamp()
    assert found["cbmaintd_config_hash",] == 0x0123456789AB
    assert found["cbmaintd_log_dropped_lines",] == 7


def test_the_manual_has_every_metric() -> None:
    """The table of metrics has each metric, and none that does not exist."""
    metrics = Metrics()
    metrics.observe(lambda: STATE)

    shown = re.findall(r"^# TYPE (\w+)", metrics.render().decode(), re.MULTILINE)
    listed = [name for row in manual.table("metrics", "`/metrics`") for name in manual.code(row[0])]

    assert sorted(listed) == sorted(name for name in shown if not name.endswith("_created"))


def test_the_manual_has_the_labels_of_each_metric() -> None:
    """The table of metrics has the labels that each of them has."""
    metrics = Metrics()
    metrics.observe(lambda: STATE)
    metrics.attempted(filled(Attempt, EVERY))
    metrics.notified(EVERY, EVERY, 1)
    metrics.hear(EVERY, None, None)
    listed = {
        name: {*manual.code(row[1])}
        for row in manual.table("metrics", "`/metrics`", "labels")
        for name in manual.code(row[0])
    }

    shown = re.findall(r"^(cbmaintd_\w+)\{(.*)\} ", metrics.render().decode(), re.MULTILINE)

    found = {
        re.sub("_(bucket|sum|count)$", "", name): {*re.findall(r'(\w+)="', labels)} - {"le"}
        for name, labels in shown
        if not name.endswith("_created")
    }
    assert len(found) > 10
    assert {name: labels for name, labels in listed.items() if name in found} == found


def test_every_label_is_printable() -> None:
    """A name in the ledger is anybody's; a surrogate in it would end the scrape."""
    metrics = Metrics()
    state = replace(filled(State, EVERY), config_digest=STATE.config_digest)
    metrics.observe(lambda: state)
    metrics.attempted(filled(Attempt, EVERY))
    metrics.notified(EVERY, EVERY, 1)
    metrics.hear(EVERY, None, None)

    text = metrics.render().decode()

    assert all(line.isprintable() for line in text.split("\n"))
    assert ("cbmaintd_holds", printable(EVERY)) in samples(metrics)
    assert ("cbmaintd_window_open", printable(EVERY)) in samples(metrics)
