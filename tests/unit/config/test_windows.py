"""The windows of a file: what they mean, and what can be wrong with them."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.windows.dates import DateRange, DateSet
from daemon.windows.window import CatchUp, OnDrift, Patterns
from tests.unit.config.config_files import (
    CLUSTERS,
    REPOSITORIES,
    RULE,
    faults,
    file_with,
    read,
    window_of,
)


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
        DateSet(
            (
                DateRange(date(2026, 10, 1), date(2026, 10, 2)),
                DateRange(date(2026, 11, 12), date(2026, 11, 12)),
            )
        ),
    )
    assert window.pause_before == timedelta(minutes=15)
    assert (window.catch_up, window.on_drift) == (CatchUp.ALWAYS, OnDrift.ENFORCE)
    assert (window.enabled, window.description) == (False, "Updates")
    assert (window.valid_from, window.valid_until) == (date(2026, 1, 1), date(9999, 12, 31))


@pytest.mark.parametrize("name", ["2026-12-freeze", "2026-12", "v1..v2"])
def test_a_name_may_resemble_a_date(name: str) -> None:
    """Only one that is a date, or a range of them, could mean two things."""
    text = file_with(RULE, REPOSITORIES, f"exclude: [{name}]").replace("freeze:", f"{name}:")

    (excluded,) = read(text).windows["w"].excluded

    assert excluded == DateSet((DateRange(date(2026, 12, 20), date(2027, 1, 3)),))


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


def test_globs_and_brackets_are_patterns() -> None:
    """Whatever a shell takes for a glob and some id could match is a pattern."""
    patterns = '["*", "a?", "[ab]-*", "x[!0-9]y", "!tenant-*", "!plain_1"]'

    window = window_of(RULE, f"repositories: {{test: {patterns}}}")

    assert len(window.targets[0][1].patterns) == 6


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("repositories: {}", "10:19: windows.w.repositories: there is no cluster in it"),
        ("repositories: [orders]", "a list is not a mapping of names"),
        ("repositories: {tset: [a]}", "10:20: windows.w.repositories.tset: no cluster is called"),
        ("repositories: {tset: [a]}", 'did you mean "test"?'),
        ("repositories: {zzz: [a]}", "known: prod-eu, prod-us, test"),
        ("repositories: {'dev-*': [a]}", 'no cluster matches "dev-*"'),
        ("repositories: {env=prd: [a]}", 'has the labels "env=prd"; did you mean "env=prod"?'),
        ("repositories: {'env=prod,at=asia': [a]}", "no cluster has the labels"),
        ("repositories: {env=: [a]}", "does not select by labels: write env=prod"),
        ("repositories: {'env=a,env=b': [a]}", "does not select by labels"),
        ("repositories: {'env==a': [a]}", "does not select by labels"),
        ("repositories: {test: []}", "10:26: windows.w.repositories.test: the list is empty"),
        (
            "repositories: {test: [1.10]}",
            '1.10 is a number, and a text is needed: quote it: "1.10"',
        ),
        ("repositories: {test: [a b]}", '[0]: "a b" is not a repository id'),
        ("repositories: {test: ['!a b']}", '"!a b" is not a repository id'),
        ("repositories: {test: [_a]}", "is not a repository id"),
        (f"repositories: {{test: [{'a' * 51}]}}", "is not a repository id"),
        ("repositories: {test: ['tenant.*']}", "can match no repository"),
        ("repositories: {test: ['a[']}", "is not a repository id"),
        ("repositories: {test: ['a*[']}", "can match no repository"),
        ("repositories: {test: ['a-[!]']}", "is not a repository id"),
        ("repositories: {test: ['a-[^b]']}", '"a-[^b]": write [! for any character but'),
        ("repositories: {'[^t]*': [a]}", '"[^t]*": write [! for any character but'),
        ("repositories: {test: ['!a']}", 'put "*" before it'),
        ("repositories: {test: ''}", "is not a repository id"),
        ("exclude: []", "exclude: the list is empty: name at least one exclusion or date"),
        ("exclude: [frezee]", 'nor an exclusion of this file; did you mean "freeze"?'),
        ("exclude: [2026-13-01]", "no calendar has this day"),
        ("exclude: [freeze, 2026]", "exclude[1]: 2026 is a number"),
        ("pause_before: 5", "5 is not a duration"),
        ("catch_up: some", '"some" is not allowed: none, missed or always'),
        ("catch_up: true", "true is not allowed: none, missed or always"),
        ("on_drift: enforced", 'did you mean "enforce"?'),
        ("enabled: no", '"no" is not a boolean: write true or false'),
        ("description: 5", "5 is a number, and a text is needed: quote it"),
        ("valid_from: 2026-02-30", "no calendar has this day"),
        ("valid_from: 2026-02-01..2026-02-03", "is a range, not a date"),
        ("valid_from: 2026-02-01..2026-02-01", "is a range, not a date"),
        (
            "valid_from: 2027-01-01\nvalid_until: 2026-01-01",
            "11:18: windows.w.valid_until: before",
        ),
        ("pause_befor: 5m", 'did you mean "pause_before"?'),
        ("timezone: CTE", "is not an IANA time zone"),
    ],
)
def test_faults_of_a_window(line: str, expected: str) -> None:
    """What a window says of repositories, days and itself is checked against the whole file."""
    found = faults(file_with(RULE, line))

    assert any(expected in fault for fault in found), found


def test_windows_for_the_same_repositories_share_them() -> None:
    """A thousand windows for two thousand clusters have one list of these, not two million."""
    body = f"    {RULE}\n    repositories: {{'prod-*': ['*', '!a']}}\n"
    other = f"    {RULE}\n    repositories: {{'prod-*': ['*']}}\n"

    settings = read(f"{CLUSTERS}windows:\n  a:\n{body}  b:\n{body}  c:\n{other}")
    a, b, c = (window.targets for window in settings.windows.values())

    assert [name for name, _ in a] == ["prod-eu", "prod-us"]
    assert a is b
    assert a != c
