"""What can be wrong in a file, each with its place and what is allowed."""

from __future__ import annotations

import pytest

from tests.unit.config.config_files import (
    CLUSTERS,
    REPOSITORIES,
    RULE,
    cluster_faults,
    faults,
    file_with,
)


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
        ("Timezone: UTC", 'is not a key that is known here; did you mean "timezone"?'),
        ("colour: red", "known are: timezone, ledger, listen"),
        ("exclusions: {freeze: []}", "exclusions.freeze: the list is empty"),
        ("exclusions: {a: 2026-02-30}", "exclusions.a: "),
        ("exclusions: {a: [2026-02-30]}", "no calendar has this day"),
        ("exclusions: {a: [2027-01-02..2027-01-01]}", "ends before it begins"),
        ("exclusions: {a: [2026-1-1]}", "write 2026-11-12 or 2026-12-20..2027-01-03"),
        ("exclusions: {2026-11-12: [2026-11-12]}", "reads as a date where windows name it"),
        ("exclusions: {a b: [2026-11-12]}", '"a b" is not a name'),
        ("exclusions: [2026-11-12]", "a list is not a mapping of names"),
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


LOGIN = "username: u\npassword_env: PW\n"
URL = "url: https://a:18097\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (LOGIN, "3:3: @: one of the keys url or discover is missing"),
        (LOGIN + URL + "discover: https://a:18091", "7:5: @.discover: there is url already"),
        (LOGIN + "url: []", "6:10: @.url: the list is empty: name at least one URL"),
        (LOGIN + "url: [https://a:1, 'https://a:1/']", "6:24: @.url[1]: https://a:1 stands in"),
        (LOGIN + "url: a:18097", '6:10: @.url: "a:18097" is not a URL: write https://host'),
        (LOGIN + "url: ftp://a", "is not a URL"),
        (LOGIN + "url: https://", "is not a URL"),
        (LOGIN + "url: https://a:99999", "is not a URL"),
        (LOGIN + "url: https://a:b", "is not a URL"),
        (LOGIN + "url: 'https://[::1'", "is not a URL"),
        (LOGIN + "url: https://a?x=1", "is not a URL"),
        (LOGIN + "url: https://a/api/v1/", "names the API: write https://a"),
        (LOGIN + "url: 5", "5 is not a URL"),
        (LOGIN + "url: https://u:hunter2@a:18097", "@.url: a user in a URL is refused"),
        (LOGIN + "url: https//u:hunter2@a", "@.url: a user in a URL is refused"),
        (LOGIN + "url: http://a:8097", "use https, or set allow_insecure_http: true"),
        (LOGIN + "url: http://a:8097\nallow_insecure_http: false", "allow_insecure_http: true"),
        (LOGIN + URL + "allow_insecure_http: yes", '"yes" is not a boolean: write true or false'),
        (URL, "3:3: @: username and password_file are missing; a client certificate does"),
        (URL + "username: u", "5:5: @.username: there is no password for this user"),
        (URL + "password_env: PW", "5:5: @.password_env: there is no username"),
        (URL + LOGIN + "password_file: pw", "6:5: @.password_env: there is password_file already"),
        (URL + "username: u\npassword: hunter2", "6:5: @.password: a password is refused here"),
        (URL + "username: u\nPasswort: hunter2", "6:5: @.Passwort: a password is refused here"),
        (URL + "username: 'a:b'\npassword_env: PW", "may not be empty nor have a colon"),
        (URL + "username: 5\npassword_env: PW", "5 is a number, and a text is needed: quote it"),
        (URL + "username: u\npassword_env: hunter2!", "not the name of an environment variable"),
        (URL + "username: u\npassword_env: NOPE", "6:19: @.password_env: the environment has no"),
        (URL + "username: u\npassword_file: pw", "6:20: @.password_file: /nowhere/pw: No such"),
        (URL + "username: u\npassword_file: ''", "the name of a file may not be empty"),
        (URL + "tls: {client_cert: c}", "5:11: @.tls.client_cert: client_key is missing"),
        (URL + LOGIN + "tls: {client_key: c}", "7:11: @.tls.client_key: client_cert is missing"),
        (URL + LOGIN + "tls: {ca_file: c}", "7:20: @.tls.ca_file: /nowhere/c: No such file"),
        (URL + LOGIN + "tls: {verify: 1}", "1 is not a boolean: write true or false"),
        (URL + LOGIN + "tls: {cert: c}", 'did you mean "client_cert"?'),
        (URL + LOGIN + "tls: true", "true is not a mapping of keys to values"),
        (URL + LOGIN + "timeout: {read: 61s, total: 60s}", "@.timeout.read: longer than total"),
        (URL + LOGIN + "timeout: {read: 0s}", "out of bounds: 1ms to 1h are allowed"),
        (URL + LOGIN + "retry: {first_delay: 2s, max_delay: 1s}", "shorter than first_delay"),
        (URL + LOGIN + "retry: {attempts: 0}", "0 is out of bounds: 1 to 100 are allowed"),
        (URL + LOGIN + "retry: {attempts: 1.5}", "1.5 is not a whole number"),
        (URL + LOGIN + "concurrency: 65", "65 is out of bounds: 1 to 64 are allowed"),
        (URL + LOGIN + "concurrency: true", "true is not a whole number"),
        (URL + LOGIN + "labels: {env: 1}", '1 is a number, and a text is needed: quote it: "1"'),
        (URL + LOGIN + "labels: {env: true}", "true is a boolean, and a text is needed"),
        (URL + LOGIN + "labels: {'a=b': c}", '"a=b" is not a name'),
        (URL + LOGIN + "labels: {a: 'b,c'}", '"b,c" is not a name'),
    ],
)
def test_faults_of_a_cluster(lines: str, expected: str) -> None:
    """A cluster that cannot work is refused at the key that is to blame; no secret is repeated."""
    found = cluster_faults(lines)

    assert any(expected in fault for fault in found), found
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([RULE], "8:3: windows.w: the key repositories is missing"),
        ([REPOSITORIES], "8:3: windows.w: one of the keys weekly, monthly, cron, rrule or once is"),
        ([RULE, "once: {start: 2026-01-01T00:00, duration: 1h}"], "10:5: windows.w.once: there is"),
        (["weekly: {start: 02:00, end: 03:00}"], "windows.w.weekly: the key days is missing"),
        (["weekly: {days: [mon], start: 02:00}"], "9:5: windows.w.weekly: one of the keys end or"),
        (["weekly: {days: [mon], start: 02:00, end: 3:00, duration: 1h}"], "there is end already"),
        (["weekly: {days: [], start: 02:00, end: 03:00}"], "days: the list is empty"),
        (["weekly: {days: [mondy], start: 02:00, end: 03:00}"], 'did you mean "monday"?'),
        (["weekly: {days: [mondy], start: 02:00, end: 03:00}"], "9:21: windows.w.weekly.days[0]:"),
        (["weekly: {days: mon-fry, start: 02:00, end: 03:00}"], 'did you mean "friday"?'),
        (["weekly: {days: [fri-fri], start: 02:00, end: 03:00}"], "begins and ends on one day"),
        (["weekly: {days: [1], start: 02:00, end: 03:00}"], "1 is not a day: write monday or mon"),
        (["weekly: {days: [~], start: 02:00, end: 03:00}"], "days[0]: there is no value"),
        (["weekly: {days: [mon], start: 24:00, end: 03:00}"], "24:00 is allowed as an end only"),
        (["weekly: {days: [mon], start: 25:00, end: 03:00}"], '"25:00" is not a time of day'),
        (["weekly: {days: [mon], start: 2, end: 03:00}"], "2 is not a time of day"),
        (["weekly: {days: [mon], start: 02:00, end: 24:01}"], "at most 24:00"),
        (["weekly: {days: [mon], start: 02:00, end: 02:00}"], "9:46: windows.w.weekly.end: start"),
        (["weekly: {days: [mon], start: 02:00, duration: 0s}"], "out of bounds"),
        (["weekly: {day: [mon], start: 02:00, end: 03:00}"], 'did you mean "days"?'),
        (["monthly: {on: [0], start: 02:00, end: 03:00}"], "0 is not a day of a month"),
        (["monthly: {on: [-32], start: 02:00, end: 03:00}"], "-32 is not a day of a month"),
        (["monthly: {on: ['32'], start: 02:00, end: 03:00}"], "32 is not a day of a month"),
        (["monthly: {on: [true], start: 02:00, end: 03:00}"], "true is not a day of a month"),
        (["monthly: {on: [fifth monday], start: 02:00, end: 03:00}"], "is not a day of a month"),
        (["monthly: {on: [secnd tuesday], start: 02:00, end: 3:00}"], '"second tuesday"?'),
        (["monthly: {on: 1, offset_days: 32, start: 02:00, end: 03:00}"], "-31 to 31 are allowed"),
        (["cron: {expression: '* * * *', duration: 1h}"], "9:24: windows.w.cron.expression: "),
        (["cron: {expression: '@reboot', duration: 1h}"], "cron.expression: "),
        (["cron: {expression: '0 0 0 30 2 *', duration: 1h}"], "five fields"),
        (["cron: {expression: '0 0 30 2 *', duration: 1h}"], "cron.expression: "),
        (["cron: {expression: 5, duration: 1h}"], "quote it"),
        (["rrule: {rule: FREQ=SECONDLY, from: 2026-01-25T02:00, duration: 1h}"], "rrule.rule: "),
        (["rrule: {rule: nonsense, from: 2026-01-25T02:00, duration: 1h}"], "rrule.rule: "),
        (["rrule: {rule: FREQ=DAILY, from: 2026-01-25, duration: 1h}"], "is not a local time"),
        (["rrule: {rule: FREQ=DAILY, from: 2026-02-30T02:00, duration: 1h}"], "not a local time"),
        (["rrule: {rule: FREQ=DAILY, from_: 2026-02-03T02:00, duration: 1h}"], 'mean "from"?'),
        (["once: {start: 2026-01-01T02:00, end: 2026-01-01T02:00}"], "the end is not after the"),
        (["once: {start: 2026-01-01T02:00, end: 2026-01-02T02:00Z}"], "differ in kind"),
        (["once: {start: 2026-01-01, duration: 1h}"], "is not a time: write 2026-12-24T18:00"),
        (["once: {start: 1026-01-01T02:00, duration: 1h}"], "is not in 1970 to 2999"),
    ],
)
def test_faults_of_a_rule(lines: list[str], expected: str) -> None:
    """A rule that says too little, too much or nonsense is refused where it does."""
    found = faults(file_with(*lines))

    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("repositories: {}", "10:19: windows.w.repositories: there is no cluster in it"),
        ("repositories: [orders]", "a list is not a mapping of names"),
        ("repositories: {tset: [a]}", "10:20: windows.w.repositories.tset: no cluster is called"),
        ("repositories: {tset: [a]}", 'did you mean "test"?'),
        ("repositories: {zzz: [a]}", "known are: prod-eu, prod-us, test"),
        ("repositories: {'dev-*': [a]}", 'no cluster matches "dev-*"'),
        ("repositories: {env=prd: [a]}", 'has the labels "env=prd"; did you mean "env=prod"?'),
        ("repositories: {'env=prod,at=asia': [a]}", "no cluster has the labels"),
        ("repositories: {env=: [a]}", "is no choice of labels: write env=prod"),
        ("repositories: {'env=a,env=b': [a]}", "is no choice of labels"),
        ("repositories: {'env==a': [a]}", "is no choice of labels"),
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
        ("repositories: {test: ['!a']}", 'put "*" before it'),
        ("repositories: {test: ''}", "is not a repository id"),
        ("exclude: []", "exclude: the list is empty: name at least one exclusion or date"),
        ("exclude: [frezee]", 'no exclusion of this file; did you mean "freeze"?'),
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
