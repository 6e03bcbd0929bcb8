"""What monitoring sees: counters of what was done, and gauges of how things stand.

Names follow Prometheus's conventions. Everything lives in a registry of its own, so that what other
libraries register is not ours to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon import __version__
from daemon.core.attempt import Attempt
from daemon.log import events
from daemon.wording import printable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """How one cluster stands: holds, seconds that the most overdue one is late, last contact.

    `certificate_ends` is when the first of its nodes' certificates does, where one was verified.
    `wanted` repositories are to be paused now, and `pending` of them are not; `by_window` has both
    of each open window. `is_up` if it answers as it should, None before the first attempt; so many
    backups are `owed`.
    """

    name: str
    holds: int
    overdue_s: float
    last_contact: datetime | None
    certificate_ends: datetime | None = None
    wanted: int = 0
    pending: int = 0
    is_up: bool | None = None
    owed: int = 0
    by_window: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether a window is open, and when it opens next, if it does within 400 days."""

    name: str
    is_open: bool
    next_open: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How the daemon stands at one moment; `config_digest` is the SHA-256 of the file in force."""

    clusters: tuple[ClusterState, ...]
    windows: tuple[WindowState, ...]
    is_config_good: bool
    config_applied: datetime | None
    config_digest: str
    config_differs: bool
    dropped_lines: int


class Metrics:
    """The registry; safe from any thread."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._registry = CollectorRegistry()
        self._attempts = Counter(
            "cbmaintd_http_attempts",
            "HTTP requests started, by outcome.",
            ("cluster", "action", "outcome", "error"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "cbmaintd_http_attempt_duration_seconds",
            "How long HTTP requests took, whatever their outcome.",
            ("action",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._events = Counter(
            "cbmaintd_events",
            "Lines of the log by event, those of HTTP requests left out.",
            ("event",),
            registry=self._registry,
        )
        self._notifications = Counter(
            "cbmaintd_notifications",
            "Notices for people, by outcome: sent, failed or dropped.",
            ("target", "outcome"),
            registry=self._registry,
        )
        self._of_attempts: dict[tuple[str, ...], tuple[Counter, Histogram]] = {}
        self._of_events = {str(event): self._events.labels(event) for event in events.COUNTED}

    def attempted(self, attempt: Attempt) -> None:
        """Count a request."""
        labels = (attempt.cluster, attempt.action, attempt.outcome, attempt.error or "")
        counters = self._of_attempts.get(labels)
        if counters is None:
            # Looked up once: the library checks and joins labels at each look.
            counters = (self._attempts.labels(*labels), self._durations.labels(attempt.action))
            self._of_attempts[labels] = counters
        counter, histogram = counters
        counter.inc()
        histogram.observe(attempt.duration.total_seconds())

    def hear(self, event: str, _level: object, _keys: object) -> None:
        """Count a line of the log."""
        (self._of_events.get(event) or self._events.labels(event)).inc()

    def notified(self, target: str, outcome: str, notices: int) -> None:
        """Count what became of notices to a target."""
        self._notifications.labels(target, outcome).inc(notices)

    def observe(self, state: Callable[[], State]) -> None:
        """Ask for the *state* at each scrape from now on."""
        self._registry.register(_StateCollector(state))

    def render(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(_Printable(self._registry))


class _Printable(Collector):
    """Metrics whose labels are `printable`: the format escapes line breaks and quotes alone."""

    def __init__(self, metrics: Collector) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for metric in self._metrics.collect():
            metric.samples = [
                sample._replace(labels={name: printable(v) for name, v in sample.labels.items()})
                for sample in metric.samples
            ]
            yield metric


class _StateCollector(Collector):
    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def collect(self) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
        state = self._state()
        yield InfoMetricFamily("cbmaintd_build", "This program.", {"version": __version__})
        yield from _of_clusters(state.clusters)
        yield from _of_windows(state.windows)
        yield from _of_openings(state.clusters)
        yield GaugeMetricFamily(
            "cbmaintd_config_last_reload_successful",
            "Whether the file, as it is now, was accepted.",
            float(state.is_config_good),
        )
        yield GaugeMetricFamily(
            "cbmaintd_config_last_reload_success_timestamp_seconds",
            "When the file was last accepted.",
            state.config_applied.timestamp() if state.config_applied else 0.0,
        )
        yield GaugeMetricFamily(
            "cbmaintd_config_hash",
            "The first 48 bits of the SHA-256 of what is in force: the file, and files it names.",
            float(int(state.config_digest[:12], 16)),
        )
        yield GaugeMetricFamily(
            "cbmaintd_config_differs",
            "Whether the daemons on the same ledger follow another file than this one's.",
            float(state.config_differs),
        )
        yield GaugeMetricFamily(
            "cbmaintd_log_dropped_lines",
            "Lines of the log that could not be written so far.",
            float(state.dropped_lines),
        )


def _of_clusters(clusters: Iterable[ClusterState]) -> Iterator[GaugeMetricFamily]:
    holds = _gauge("holds", "Repositories that are held, or may be.")
    overdue = _gauge(
        "overdue_resume_seconds", "How late the most overdue resume is; 0 if none is late."
    )
    contact = _gauge(
        "cluster_last_contact_timestamp_seconds", "When the cluster last returned a list."
    )
    ends = _gauge(
        "cluster_certificate_expiry_timestamp_seconds",
        "When the first certificate of its nodes expires.",
    )
    wanted = _gauge("repositories_wanted", "Repositories that open windows want paused.")
    pending = _gauge(
        "repositories_pending",
        "Repositories that open windows want paused, and that were not seen so; at least 1 where a"
        " cluster has returned no list since its window opened.",
    )
    is_up = _gauge("cluster_up", "Whether the cluster is responding correctly.")
    owed = _gauge("backups_owed", "Backups that are still to be started after resumes.")
    for cluster in clusters:
        wanted.add_metric((cluster.name,), cluster.wanted)
        pending.add_metric((cluster.name,), cluster.pending)
        owed.add_metric((cluster.name,), cluster.owed)
        if cluster.is_up is not None:
            is_up.add_metric((cluster.name,), float(cluster.is_up))
        holds.add_metric((cluster.name,), cluster.holds)
        overdue.add_metric((cluster.name,), cluster.overdue_s)
        if cluster.last_contact:
            contact.add_metric((cluster.name,), cluster.last_contact.timestamp())
        if cluster.certificate_ends:
            ends.add_metric((cluster.name,), cluster.certificate_ends.timestamp())
    yield from (holds, overdue, contact, ends, wanted, pending, is_up, owed)


def _of_windows(windows: Iterable[WindowState]) -> Iterator[GaugeMetricFamily]:
    opened = _gauge("window_open", "Whether the window is open.", "window")
    coming = _gauge("window_next_open_timestamp_seconds", "When the window opens next.", "window")
    for window in windows:
        opened.add_metric((window.name,), float(window.is_open))
        if window.next_open:
            coming.add_metric((window.name,), window.next_open.timestamp())
    yield from (opened, coming)


def _of_openings(clusters: Iterable[ClusterState]) -> Iterator[GaugeMetricFamily]:
    """Yield how far each open window is on all clusters together."""
    found: dict[str, tuple[int, int]] = {}
    for cluster in clusters:
        for window, (more_wanted, more_pending) in cluster.by_window.items():
            before = found.get(window, (0, 0))
            found[window] = before[0] + more_wanted, before[1] + more_pending
    wanted = _gauge(
        "window_repositories_wanted", "Repositories that the window wants paused.", "window"
    )
    pending = _gauge(
        "window_repositories_pending",
        "Those of them that were not seen paused; at least 1 of a cluster that returned no list.",
        "window",
    )
    for window, (all_wanted, all_pending) in found.items():
        wanted.add_metric((window,), all_wanted)
        pending.add_metric((window,), all_pending)
    yield from (wanted, pending)


def _gauge(name: str, text: str, label: str = "cluster") -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cbmaintd_{name}", text, labels=(label,))
