"""The clusters of a file: what they mean, and what can be wrong with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.config.reading.process import load
from daemon.service.cluster import ClusterSettings, RetryPolicy, Timeouts, Tls
from tests.unit.config.config_files import cluster_faults, cluster_of, read

LOGIN = "username: u\npassword_env: PW\n"
URL = "url: https://a:18097\n"


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

    insecure, verify = (warning.render("s.yaml", "warning: ") for warning in read(text).warnings)

    assert verify.startswith("s.yaml:3:103: warning: clusters.a.tls.verify: false: anyone on")
    assert insecure.startswith("s.yaml:3:12: warning: clusters.a.url: http://far:8097 is not enc")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("url: https://a:18091", "url: 18091 is the port of the cluster manager: write it under d"),
        ("url: http://localhost:8091", "8091 is the port of the cluster manager"),
        (
            "discover: https://a:18097",
            "discover: 18097 is the port of the Backup Service: write it",
        ),
        ("discover: http://localhost:8097", "8097 is the port of the Backup Service"),
        ("url: https://a", "https://a has no port, which means 443: the Backup Service is usually"),
        (
            "discover: https://a",
            "has no port, which means 443: the cluster manager is usually at 1",
        ),
        ("url: https://a:8097", "8097 speaks http: write http://, or take 18097 for https"),
        (
            "url: http://localhost:18097",
            "18097 speaks https: write https://, or take 8097 for http",
        ),
        ("discover: https://a:8091", "8091 speaks http"),
        ("url: [https://a:18097, https://b:8091]", "url[1]: 8091 is the port of the cluster"),
    ],
)
def test_a_port_that_cannot_be_right_is_warned_about(line: str, expected: str) -> None:
    """A port of Couchbase's in the place of another one, the wrong scheme, and no port."""
    text = f"windows: {{}}\nclusters:\n  a: {{username: u, password_env: PW, {line}}}\n"

    (warning,) = read(text).warnings

    assert expected in warning.text
    assert (warning.line, warning.column) >= (3, 40)


@pytest.mark.parametrize(
    "line",
    [
        "url: https://a:18097",
        "url: http://localhost:8097",
        "discover: https://a:18091",
        "url: https://a:443",
        "url: https://a:9000",
        "url: https://a:18091/_p/backup",
    ],
)
def test_other_ports_may_be_meant(line: str) -> None:
    """The right ports, forwarded ones, and the cluster manager's own way to the service."""
    text = f"windows: {{}}\nclusters:\n  a: {{username: u, password_env: PW, {line}}}\n"

    assert read(text).warnings == ()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (LOGIN, "3:3: @: one of the keys url or discover is missing"),
        (LOGIN + URL + "discover: https://a:18091", "7:5: @.discover: there is url already"),
        (LOGIN + "url: []", "6:10: @.url: the list is empty: name at least one URL"),
        (LOGIN + "url: [https://a:1, 'https://a:1/']", "6:24: @.url[1]: https://a:1 is in"),
        (LOGIN + "url: a:18097", '6:10: @.url: "a:18097" has no scheme: write https://a:18097'),
        (LOGIN + "url: a:8097", '"a:8097" has no scheme: write http://a:8097'),
        (LOGIN + "url: a", '"a" has no scheme: write https://a:18097'),
        (
            URL + "username: u\npassword_file: ${PW}",
            '"${PW}" contains a variable, and variables are not expanded: write the file',
        ),
        (URL + "username: u\npassword_file: /a/$PW", "write password_env: PW"),
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
        (URL + "username: u\npassword: hunter2", "6:5: @.password: a password is refused"),
        (URL + "username: u\nPasswort: hunter2", "6:5: @.Passwort: a password is refused"),
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


def test_a_space_around_a_password_is_warned_about(tmp_path: Path) -> None:
    """It may be meant, and works; the warning does not say more of the password."""
    text = "windows: {}\nclusters:\n  a: {url: 'https://a:18097', username: u, password_file: pw}\n"
    file = tmp_path / "f.yaml"
    file.write_text(text)
    (tmp_path / "pw").touch(mode=0o600)
    (tmp_path / "pw").write_text("hunter2 \n")

    (warning,) = load(file, environ={}).warnings

    assert warning.text.startswith("clusters.a.password_file: the password begins or ends")
    assert "hunter2" not in warning.text
