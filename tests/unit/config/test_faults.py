"""What can be wrong in a file, each with its place and what is allowed."""

from __future__ import annotations

import pytest

from tests.unit.config.config_files import CLUSTERS, RULE, faults


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("timezone: Europe/Berln", ':11: timezone: "Europe/Berln" is not an IANA time zone'),
        ("timezone: Europe/Berln", 'did you mean "Europe/Berlin"?'),
        ("timezone: New York", 'did you mean "America/New_York"?'),
        ("timezone: America/Berlin", 'did you mean "Europe/Berlin"?'),
        ("timezone: localtime", "is not an IANA time zone"),
        ("timezone: ../zoneinfo/UTC", "is not an IANA time zone"),
        ("timezone: 1", "timezone: 1 is a number, and a text is needed: quote it"),
        ("ledger: /var/x.db", "write sqlite:////absolute/path.db, here sqlite:////var/x.db"),
        ("ledger: postgresql://u:hunter2@db/x", "ledger: this is not a ledger"),
        ("lease: 2s", '"2s" is out of bounds: 3s to 1h are allowed'),
        (
            "lease: 2m",
            "too short for calls that may take 1m (clusters.prod-eu.timeout.total): at least 3m",
        ),
        ("listen: 9797", ":9: listen: 9797 is not an address and a port: write 127.0.0.1:9797"),
        ("listen: ':9797'", "is not an address and a port"),
        ("listen: 127.0.0.1:65536", "is not an address and a port"),
        ("listen: '::1:9797'", "in quotes, [::1]:9797"),
        ("listen: '[::1::]:9797'", "is not an IPv6 address"),
        ("resync: 999ms", '"999ms" is out of bounds: 1s to 10m are allowed'),
        ("resync: 11m", "1s to 10m are allowed"),
        ("resync: 30", "30 is not a duration: write 90s, 15m, 2h, 1d, 1h30m or 500ms"),
        ("resync: '30'", "a bare number has no unit"),
        ("merge_gap: -5m", '"-5m" is not a duration'),
        ("max_pause: 0s", "out of bounds"),
        ("keep_history: 1h", '"1h" is out of bounds: 1d to 3660d are allowed'),
        ("max_pause:", ":1: max_pause: there is no value: give one, or delete the key"),
        ("Timezone: UTC", 'is not a known key here; did you mean "timezone"?'),
        ("colour: red", "known: timezone, ledger, listen"),
        ("exclusions: {freeze: []}", "exclusions.freeze: the list is empty"),
        ("exclusions: {a: 2026-02-30}", "exclusions.a: "),
        ("exclusions: {a: [2026-02-30]}", "no calendar has this day"),
        ("exclusions: {a: [2027-01-02..2027-01-01]}", "ends before it begins"),
        ("exclusions: {a: [2026-1-1]}", "write 2026-11-12 or 2026-12-20..2027-01-03"),
        ("exclusions: {2026-11-12: [2026-11-12]}", "reads as a date where windows name it"),
        ("exclusions: {a b: [2026-11-12]}", '"a b" is not a name'),
        ("exclusions: [2026-11-12]", "a list is not a mapping of names"),
        # So pydantic marks the errors of keys.
        ("exclusions: {a: {'[key]': 1}}", '"[key]" is not a known key here; known: ics'),
        ("exclusions: {'[key]': {'[key]': 1}}", 'exclusions."[key]": "[key]" is not a name'),
    ],
)
def test_faults_of_the_top_level(line: str, expected: str) -> None:
    """A wrong value at the top says what is there, what is allowed and what was meant."""
    found = faults(f"{line}\n{CLUSTERS}windows: {{}}\n")

    assert any(fault.startswith("f.yaml:1:") and expected in fault for fault in found), found
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "f.yaml:1:1: the file must be a mapping with clusters and windows"),
        ("windows: {}", "f.yaml:1:1: the key clusters is missing"),
        (CLUSTERS, "f.yaml:1:1: the key windows is missing"),
        ("clusters: {}\nwindows: {}", "f.yaml:1:11: clusters: there is no cluster in it"),
        ("clusters: x\nwindows: {}", 'f.yaml:1:11: clusters: "x" is not a mapping of names'),
        ("clusters: {a: 5}\nwindows: {}", "f.yaml:1:15: clusters.a: 5 is not a mapping of keys"),
        ("clusters:\nwindows: {}", "f.yaml:1:1: clusters: there is no value"),
    ],
)
def test_a_file_needs_clusters_and_windows(text: str, expected: str) -> None:
    """A file without its two main parts is refused, and nothing else is made of it."""
    (found,) = faults(text)

    assert found.startswith(expected)


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


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (f"{{{RULE}, repositories: ['*']}}", 'names to values: write {prod-eu: ["*"]}; clusters'),
        (f"{{{RULE}, repositories: ['*']}}", "; clusters of this file: prod-eu"),
        (f"{{{RULE}, repositories: prod-eu}}", 'write {prod-eu: ["*"]}'),
        (f"{{{RULE}, repositories: [a, 't-*']}}", 'write {prod-eu: ["a", "t-*"]}'),
        (
            "{cron: '0 22 * * sat'}",
            'values: write cron: {expression: "0 22 * * sat", duration: 4h}',
        ),
        ("{rrule: FREQ=DAILY}", 'write rrule: {rule: "FREQ=DAILY", from: 2026-01-25T02:00, dur'),
        ("{weekly: sunday}", "write weekly: {days: [sunday], start: 02:00, end: 06:00}"),
        (
            "{weekly: {days: Mon, Tue, Wed, start: 02:00, end: 04:00}}",
            "weekly.Tue: within braces a comma begins another key: write days: [Mon, Tue, Wed]",
        ),
        (
            "{weekly: {days: [mon], start:02:00, end: 04:00}}",
            'weekly."start:02:00": a space has to follow the colon: write start: 02:00',
        ),
        (
            "{weekly: {days: mon, start: 02:00, duration:4h}}",
            'weekly."duration:4h": a space has to follow the colon: write duration: 4h',
        ),
        (
            "{monthly: {on: second tuesday, last friday, start: 02:00, end: 04:00}}",
            "write on: [second tuesday, last friday]",
        ),
        (
            "{weekly: {days: 'mon, tue', start: 02:00, end: 04:00}}",
            '"mon, tue" is one text: write a list, [mon, tue]',
        ),
        (
            "{weekly: {days: mon, start: 02:00, end: }}",
            "weekly.end: there is no value: give one, or delete the key",
        ),
    ],
)
def test_what_was_meant_is_written_out(window: str, expected: str) -> None:
    """What is not a mapping, or a list without brackets, is shown as it is written."""
    found = faults(f"{CLUSTERS}windows:\n  w: {window}\n")

    assert any(expected in fault for fault in found), found
    assert not any("Wed: " in fault for fault in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{CLUSTERS}windows:\n  - name: a\n",
            "windows: a list is not a mapping of names to value",
        ),
        (f"{CLUSTERS}windows:\n  - name: a\n", "each stands under its name, as nightly: {weekly: "),
        ("clusters: [a]\nwindows: {}\n", "each stands under its name, as prod: {url: …}"),
    ],
)
def test_what_is_a_list_is_shown_by_name(text: str, expected: str) -> None:
    """Windows and clusters that stand in a list get their names."""
    assert any(expected in fault for fault in faults(text))
