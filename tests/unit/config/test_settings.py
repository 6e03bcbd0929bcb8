"""From the text of a file to settings, or to every fault in it with its place and advice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.config.days.attachments import Attachments
from daemon.config.settings import load, parse
from daemon.errors import ConfigError
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts, Tls
from daemon.windows.dates import DateRange, DateSet
from daemon.windows.rules import Cron, DayNumber, Monthly, NthWeekday, Once, Rrule, Weekly
from daemon.windows.window import CatchUp, OnDrift, Patterns, Window
from tests.unit.config.config_files import (
    CLUSTERS,
    REPOSITORIES,
    RULE,
    cluster_of,
    faults,
    read,
    window_of,
)


def test_what_is_not_said_has_the_documented_default() -> None:
    """A file of clusters and windows alone gets every default of the documentation."""
    text = f"{CLUSTERS}windows:\n  w:\n    {RULE}\n    {REPOSITORIES}\n"

    settings = read(text)

    assert settings.timezone == ZoneInfo("UTC")
    assert (settings.ledger, settings.listen) == (None, None)
    assert settings.resync == timedelta(seconds=30)
    assert settings.merge_gap == timedelta(0)
    assert settings.max_pause == timedelta(hours=36)
    assert settings.keep_history == timedelta(days=400)
    assert settings.warnings == ()
    assert settings.windows["w"] == Window(
        name="w",
        rule=Weekly(frozenset({0}), time(2), timedelta(hours=6)),
        zone=ZoneInfo("UTC"),
        targets=(("test", Patterns(("*",))),),
    )
    assert settings.clusters["test"] == ClusterSettings(
        name="test", urls=("http://localhost:8097",), username="u", password_env="PW"
    )


def test_the_top_level_is_read() -> None:
    """Every key of the top level reaches the settings, with path, text and digest."""
    text = (
        "timezone: Europe/Berlin\nledger: sqlite:////var/lib/x.db\nlisten: '[::1]:9797'\n"
        "resync: 10m\nmerge_gap: 0s\nmax_pause: 1d12h\nkeep_history: 90d\n"
        f"{CLUSTERS}windows: {{}}\n"
    )

    settings = read(text)

    assert settings.timezone == ZoneInfo("Europe/Berlin")
    assert settings.ledger == "sqlite:////var/lib/x.db"
    assert settings.listen == ("::1", 9797)
    assert settings.resync == timedelta(minutes=10)
    assert settings.max_pause == timedelta(hours=36)
    assert settings.keep_history == timedelta(days=90)
    assert (settings.path, settings.text) == ("f.yaml", text.encode())
    assert len(settings.digest) == 64


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (
            "weekly: {days: [fri-mon, Wednesday], start: 23:30, duration: 2h}",
            Weekly(frozenset({4, 5, 6, 0, 2}), time(23, 30), None, timedelta(hours=2)),
        ),
        (
            "weekly: {days: daily, start: 0:00:30, end: 24:00}",
            Weekly(frozenset(range(7)), time(0, 0, 30), timedelta(hours=24)),
        ),
        (
            "weekly: {days: [weekdays, weekend], start: 02:00, end: 01:00}",
            Weekly(frozenset(range(7)), time(2), timedelta(hours=1)),
        ),
        (
            "monthly: {on: [1, -1, second tuesday, LAST fri], start: 02:00, end: 06:00}",
            Monthly(
                (DayNumber(1), DayNumber(-1), NthWeekday(2, 1), NthWeekday(-1, 4)),
                0,
                time(2),
                timedelta(hours=6),
            ),
        ),
        (
            "monthly: {on: 15, offset_days: -2, start: 02:00, duration: 1d}",
            Monthly((DayNumber(15),), -2, time(2), None, timedelta(days=1)),
        ),
        (
            'cron: {expression: "0 22 * * sat", duration: 4h}',
            Cron("0 22 * * sat", timedelta(hours=4)),
        ),
        (
            "rrule: {rule: FREQ=MONTHLY;BYDAY=-1SU, from: 2026-01-25T02:00, duration: 6h}",
            Rrule("FREQ=MONTHLY;BYDAY=-1SU", datetime(2026, 1, 25, 2), timedelta(hours=6)),  # noqa: DTZ001  # local
        ),
        (
            "once: {start: 2026-12-24T18:00, end: 2026-12-27 06:00:30}",
            Once(datetime(2026, 12, 24, 18), datetime(2026, 12, 27, 6, 0, 30)),  # noqa: DTZ001  # local
        ),
        (
            "once: {start: 2026-12-24T18:00:00+01:00, duration: 90m}",
            Once(datetime.fromisoformat("2026-12-24T18:00+01:00"), None, timedelta(minutes=90)),
        ),
    ],
)
def test_rules_mean_what_they_say(lines: str, rule: object) -> None:
    """Each kind of rule is read into the rule that it names."""
    assert window_of(lines, REPOSITORIES).rule == rule


def test_a_window_has_all_its_options() -> None:
    """Every optional key of a window reaches it."""
    window = window_of(
        RULE,
        REPOSITORIES,
        "timezone: America/New_York",
        "exclude: [freeze, 2026-11-12, 2026-10-01..2026-10-02]",
        "pause_before: 15m",
        "catch_up: always",
        "on_drift: enforce",
        "enabled: false",
        "description: Updates",
        "valid_from: 2026-01-01",
        "valid_until: 9999-12-31",
    )

    assert window.zone == ZoneInfo("America/New_York")
    assert window.excluded == (
        DateSet((DateRange(date(2026, 12, 20), date(2027, 1, 3)),)),
        DateRange(date(2026, 11, 12), date(2026, 11, 12)),
        DateRange(date(2026, 10, 1), date(2026, 10, 2)),
    )
    assert window.pause_before == timedelta(minutes=15)
    assert (window.catch_up, window.on_drift) == (CatchUp.ALWAYS, OnDrift.ENFORCE)
    assert (window.enabled, window.description) == (False, "Updates")
    assert (window.valid_from, window.valid_until) == (date(2026, 1, 1), date(9999, 12, 31))


@pytest.mark.parametrize(
    ("key", "clusters"),
    [
        ("test", ["test"]),
        ("prod-*", ["prod-eu", "prod-us"]),
        ("*", ["prod-eu", "prod-us", "test"]),
        ("env=prod", ["prod-eu", "prod-us"]),
        ("env=prod, at=us", ["prod-us"]),
    ],
)
def test_clusters_are_addressed_by_name_glob_and_labels(key: str, clusters: list[str]) -> None:
    """A key under `repositories` means each cluster of that name, glob or set of labels."""
    window = window_of(RULE, f'repositories: {{"{key}": [orders, "tenant-*", "!tenant-demo"]}}')

    patterns = Patterns(("orders", "tenant-*", "!tenant-demo"))
    assert window.targets == tuple((cluster, patterns) for cluster in clusters)


def test_a_cluster_has_all_its_options(tmp_path: Path) -> None:
    """Every key of a cluster reaches its settings; files are found beside the YAML file."""
    for name in ("ca.pem", "c.pem", "k.pem", "pw"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)

    cluster = cluster_of(
        "discover: [https://a:18091/, 'http://[::1]:8091']\n"
        "username: cbmaintd\npassword_file: pw\n"
        f"tls: {{ca_file: {tmp_path}/ca.pem, client_cert: c.pem, client_key: k.pem}}\n"
        "timeout: {connect: 1s, read: 2s, total: 3s}\n"
        "retry: {attempts: 1, first_delay: 1ms, max_delay: 2ms}\n"
        "concurrency: 64\nlabels: {b: x, a: '1'}\nallow_insecure_http: false",
        tmp_path,
    )

    assert cluster == ClusterSettings(
        name="prod",
        discover=("https://a:18091", "http://[::1]:8091"),
        username="cbmaintd",
        password_file=tmp_path / "pw",
        tls=Tls(tmp_path / "ca.pem", tmp_path / "c.pem", tmp_path / "k.pem"),
        timeout=Timeouts(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3)),
        retry=RetryPolicy(1, timedelta(milliseconds=1), timedelta(milliseconds=2)),
        concurrency=64,
        labels=(("a", "1"), ("b", "x")),
    )


def test_defaults_give_way_to_what_is_given() -> None:
    """A limit that is given never contradicts a default: the default moves."""
    login = "url: https://a:18097\nusername: u\npassword_env: PW\n"

    short = cluster_of(login + "timeout: {total: 2s}\nretry: {max_delay: 10ms}")
    long = cluster_of(login + "timeout: {read: 5m}\nretry: {first_delay: 1m}")

    assert short.timeout == Timeouts(*[timedelta(seconds=2)] * 3)
    assert short.retry.first_delay == timedelta(milliseconds=10)
    assert long.timeout.total == timedelta(minutes=5)
    assert long.retry.max_delay == timedelta(minutes=1)


def test_unwise_settings_work_and_are_warned_about() -> None:
    """Trusting any server and speaking in the clear are allowed, and said at every start."""
    text = (
        'windows: {}\nclusters:\n  a: {url: "http://far:8097", allow_insecure_http: true, '
        "username: u, password_env: PW, tls: {verify: false}}\n"
    )

    verify, insecure = read(text).warnings

    assert verify.startswith("clusters.a: tls.verify is false")
    assert "clusters.a: http://far:8097 is not encrypted" in insecure


def test_globs_and_brackets_are_patterns() -> None:
    """Whatever a shell takes for a glob and some id could match is a pattern."""
    patterns = '["*", "a?", "[ab]-*", "x[!0-9]y", "!tenant-*", "!plain_1"]'

    window = window_of(RULE, f"repositories: {{test: {patterns}}}")

    assert len(window.targets[0][1].patterns) == 6


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    """Faults of YAML, of fields and between parts of the file come together, sorted by place."""
    text = (
        "timezone: Mars\n"
        "resync: &r 30\n"
        "clusters:\n"
        "  a: {url: https://a:1, username: u, password_env: PW, concurrency: 0}\n"
        "  a: {}\n"
        "  b: 7\n"
        "windows:\n"
        "  x:\n"
        "    weekly: {days: [mondy], start: 02:00, end: 02:00}\n"
        "    repositories: {c: ['*'], b: [*y]}\n"
        "    exclude: [nope]\n"
        "    valid_from: 2027-01-01\n"
        "    valid_until: 2026-01-01\n"
    )

    places = [fault.split(" ")[0] + fault.split(" ")[1] for fault in faults(text)]

    assert places == [
        "f.yaml:1:11:timezone:",
        "f.yaml:2:9:resync:",
        "f.yaml:2:9:resync:",
        "f.yaml:4:69:clusters.a.concurrency:",
        "f.yaml:5:3:clusters.a:",
        "f.yaml:6:6:clusters.b:",
        "f.yaml:9:21:windows.x.weekly.days[0]:",
        "f.yaml:10:20:windows.x.repositories.c:",
        "f.yaml:10:34:windows.x.repositories.b[0]:",
        "f.yaml:11:15:windows.x.exclude[0]:",
        "f.yaml:13:18:windows.x.valid_until:",
    ]


def test_nothing_follows_from_what_is_at_fault_itself() -> None:
    """Clusters, labels and exclusions that could not be read are known all the same."""
    text = (
        "clusters:\n"
        "  a: {url: https://a:1, username: u, password_env: PW, labels: {env: 1}}\n"
        "  b: {}\n"
        "exclusions: {freeze: [5]}\n"
        f"windows:\n  w:\n    {RULE}\n    exclude: freeze\n"
        "    repositories: {b: ['*'], env=prod: ['*']}\n"
    )

    found = faults(text)

    assert not [fault for fault in found if "windows" in fault]


def test_text_is_shown_without_its_control_characters_and_not_at_length() -> None:
    """What a fault quotes cannot redraw a terminal nor fill it."""
    (found,) = faults(f"timezone: {'é' * 500}\n{CLUSTERS}windows: {{}}\n")

    assert "é" * 60 + "…" in found
    assert "é" * 61 not in found


@pytest.mark.parametrize("spoil", [Path.touch, Path.mkdir, Path.exists])
def test_a_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    """An empty file, a folder and no file at all are said in the form of any other fault."""
    path = tmp_path / "schedules.yaml"
    spoil(path)

    with pytest.raises(ConfigError) as raised:
        load(path, environ={})

    assert str(raised.value).startswith(f"{path}:1:1: the file ")


def test_secrets_are_looked_for_beside_the_file_as_named(tmp_path: Path) -> None:
    """The folder is that of the path in use, not of what a link leads to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "pw").write_text("secret")
    (tmp_path / "pw").chmod(0o600)
    real = tmp_path / "real" / "schedules.yaml"
    real.write_text(
        "windows: {}\nclusters: {a: {url: https://a, username: u, password_file: pw}}\n"
    )
    (tmp_path / "schedules.yaml").symlink_to(real)

    settings = load(tmp_path / "schedules.yaml", environ={})

    assert settings.clusters["a"].password_file == tmp_path / "pw"


def test_secrets_can_be_left_unseen() -> None:
    """A last good configuration is read again although its password is gone."""
    text = "windows: {}\nclusters: {a: {url: https://a, username: u, password_file: gone}}\n"

    settings = parse(
        text.encode(), "f", environ={}, attachments=Attachments(Path("/x")), check_secrets=False
    )

    assert settings.clusters["a"].password_file == Path("/x/gone")
