"""Clusters that ask who we are by a certificate: it may do alone, be missing, and be rotated."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.simulator.server import Simulator
from tests.evil.canary import canary
from tests.process.certificates import HOST, Authority, put
from tests.process.conftest import Running, Stage, once, wait_until

HELD = once("night", -60, 24 * 3600, '{"*": ["*"]}')
US = "maintenance"
Clients = tuple[Path, ssl.VerifyMode]
BY_CERTIFICATE = {"username": "", "password_file": ""}
"""Takes away what the other clusters are entered with."""


def required(authority: Authority) -> Clients:
    """Have every client show a certificate of *authority*."""
    return authority.certify("clients.pem"), ssl.CERT_REQUIRED


def serve(
    stage: Stage, name: str, authority: Authority, clients: Clients, port: int = 0
) -> Simulator:
    """Start a server that shows what *authority* issued, and asks *clients* for certificates."""
    server = stage.simulate(
        name,
        "orders",
        port=port,
        tls=authority.issue(f"{name}-server", HOST),
        client_tls=clients,
        state_file=stage.folder / f"{name}.state",
    )
    server.users[US] = (canary(), "backup_admin")
    return server


def restart(stage: Stage, daemon: Running, servers: dict[str, tuple[Authority, Authority]]) -> None:
    """Start servers anew at their ports, with other authorities."""
    daemon.wait_for_answers(*servers)
    for name, (authority, clients) in servers.items():
        port, _ = stage.simulators[name].ports
        stage.simulators[name].stop()
        serve(stage, name, authority, required(clients), port)


def entrust(name: str, authority: Authority, user: str = US, *, age: int = 0) -> dict[str, str]:
    """Write the daemon's files for a cluster, valid until *age* days ago; return its settings."""
    authority.certify(f"{name}-ca.pem")
    ends = datetime.now(UTC) + timedelta(days=-age if age else 99)
    certificate, key = authority.issue(name, common_name=user, not_after=ends)
    files = f"client_cert: {certificate.name}, client_key: {key.name}"
    return {"tls": f"{{ca_file: {name}-ca.pem, {files}}}"}


def end_window(stage: Stage, daemon: Running, count: int) -> None:
    """End the window without an edit, and wait until so many repositories are resumed."""
    assert stage.ask("close", "night").returncode == 0
    daemon.wait_for("repository.resumed", count)


def wait_until_said(daemon: Running, name: str, message: str) -> None:
    """Wait for an attempt that failed in TLS with these words among others."""

    def said() -> bool:
        lines = daemon.events("http.attempted", cluster=name, error="tls")
        return any(message in line["message"] for line in lines)

    wait_until(said, f"{name}: {message}")


def assert_sound(daemon: Running, *, configs: int = 1) -> None:
    """Check that nothing was a surprise to the daemon, and no file was put in force in between."""
    assert len(daemon.events("config.applied")) == configs
    assert not daemon.events("pass.crashed")
    assert b"Traceback" not in b"".join(daemon.raw)


def test_a_certificate_does_alone_or_beside_a_password(stage: Stage) -> None:
    """Where certificates are required, ours does without a user; elsewhere a password does, too.

    Of those who show both, Couchbase takes the one whom the certificate names.
    """
    authority = Authority(stage.folder)
    clusters = {
        "alone": (ssl.CERT_REQUIRED, BY_CERTIFICATE),
        "both": (ssl.CERT_REQUIRED, {}),
        "optional-both": (ssl.CERT_OPTIONAL, {}),
        "optional-without": (ssl.CERT_OPTIONAL, {"tls": "{ca_file: optional-without-ca.pem}"}),
    }
    for name, (verify, keys) in clusters.items():
        serve(stage, name, authority, (authority.certify("clients.pem"), verify))
        stage.special[name] = entrust(name, authority) | keys
    stage.write(HELD)
    daemon = stage.start()

    daemon.wait_for("repository.paused", len(clusters))
    end_window(stage, daemon, len(clusters))
    daemon.stop()

    users = {
        name: {seen.user for seen in server.requests} for name, server in stage.simulators.items()
    }
    assert users == {name: {US} for name in clusters} | {"optional-without": {"admin"}}
    assert {server.state("orders") for server in stage.simulators.values()} == {"active"}
    assert not daemon.events("cluster.unreachable")
    assert_sound(daemon)


REFUSED = {
    "absent": "the server refuses us: certificate required",
    "foreign": "the server refuses us: unknown ca",
    "expired": "the server refuses us: certificate expired",
    "empty": "empty.pem: not a usable client certificate",
    "mixed": "mixed.pem: not a usable client certificate",
}


def spoil(stage: Stage, authority: Authority) -> None:
    """Write, for each cluster, files that it cannot be entered with."""
    for name in REFUSED:
        stage.special[name] = entrust(name, authority) | BY_CERTIFICATE
    stage.special["absent"] = {"tls": "{ca_file: absent-ca.pem}"}
    entrust("expired", authority, age=1)
    Authority(stage.folder).issue("foreign", common_name=US)
    put(stage.folder / "empty.pem", b"")
    mine = (stage.folder / "mixed.pem").read_bytes()
    authority.issue("mixed", common_name=US)
    put(stage.folder / "mixed.pem", mine)


def test_without_the_required_certificate_nothing_is_paused(stage: Stage) -> None:
    """A cluster that wants another certificate is unreachable, until the files have the right one.

    The log says what is wrong, be it by the server's word or by our own reading.
    """
    authority = Authority(stage.folder)
    for name in REFUSED:
        serve(stage, name, authority, required(authority))
    spoil(stage, authority)
    stage.write(HELD)
    daemon = stage.start()
    unreachable = {
        name: daemon.wait_for("cluster.unreachable", cluster=name)[0] for name in REFUSED
    }
    before = [server.requests for server in stage.simulators.values()]

    mended = REFUSED.keys() - {"absent"}
    for name in mended:
        entrust(name, authority)
    daemon.wait_for("cluster.recovered", len(mended))
    stage.special["absent"] = entrust("absent", authority)
    stage.write(HELD)
    daemon.wait_for("repository.paused", len(REFUSED))
    end_window(stage, daemon, len(REFUSED))
    daemon.stop()

    for name, reason in REFUSED.items():
        assert unreachable[name]["error"] == "tls"
        assert reason in unreachable[name]["message"]
    assert not any(before)
    assert {server.state("orders") for server in stage.simulators.values()} == {"active"}
    assert_sound(daemon, configs=2)


def test_a_certificate_that_names_somebody_else(stage: Stage) -> None:
    """A user without the role is forbidden, one unknown unauthorized: another is taken up."""
    authority = Authority(stage.folder)
    refused = {"forbidden": "intern", "unauthorized": "nobody"}
    for name, user in refused.items():
        server = serve(stage, name, authority, required(authority))
        server.users["intern"] = (canary(), "no_role")
        stage.special[name] = entrust(name, authority, user) | BY_CERTIFICATE
    stage.write(HELD)
    daemon = stage.start()

    for name in refused:
        daemon.wait_for("cluster.unreachable", cluster=name, error=name)
        entrust(name, authority)
    daemon.wait_for("repository.paused", 2)
    end_window(stage, daemon, 2)
    daemon.stop()

    assert len(daemon.events("cluster.recovered")) == 2
    assert_sound(daemon)


def start_rotation(stage: Stage, old: Authority, new: Authority) -> Running:
    """Pause a repository of each cluster with the old files, and then restart all servers."""
    servers = dict.fromkeys(("ahead", "half", "expired"), (new, new)) | {"disowned": (old, new)}
    for name in servers:
        serve(stage, name, old, required(old))
        stage.special[name] = entrust(name, old) | BY_CERTIFICATE
    stage.write(HELD)
    daemon = stage.start()
    daemon.wait_for("repository.paused", len(servers))
    entrust("ahead", new)
    restart(stage, daemon, servers)
    return daemon


def test_all_files_are_rotated_while_a_window_is_open(stage: Stage) -> None:
    """A new authority, certificate and key are taken up without a restart, and no resume is lost.

    `ahead` has its files before the server knows of them: nobody notices. The others have them
    after it: `half` in two steps, `expired` at first with a certificate that has ended, and of
    `disowned` the server has changed nothing but whose certificates it takes.
    """
    old, new = Authority(stage.folder), Authority(stage.folder)
    daemon = start_rotation(stage, old, new)
    wait_until_said(daemon, "half", "self-signed certificate in certificate chain")
    wait_until_said(daemon, "expired", "self-signed certificate in certificate chain")
    wait_until_said(daemon, "disowned", "the server refuses us: unknown ca")

    new.certify("half-ca.pem")
    certificate, key = new.issue("next", common_name=US)
    put(stage.folder / "half.pem", certificate.read_bytes())
    entrust("expired", new, age=1)
    new.issue("disowned", common_name=US)
    wait_until_said(daemon, "half", "half.pem: not a usable client certificate")
    wait_until_said(daemon, "expired", "the server refuses us: certificate expired")
    put(stage.folder / "half.key", key.read_bytes())
    entrust("expired", new)
    daemon.wait_for("cluster.recovered", 3)
    end_window(stage, daemon, 4)
    daemon.stop()

    seen = daemon.events("http.attempted", cluster="ahead", error="tls")
    assert [(line["outcome"], line["retry_in_ms"]) for line in seen] == [("retry", 0)]
    for server in stage.simulators.values():
        assert server.state("orders") == "active"
        assert [asked.method for asked in server.requests].count("POST") == 1
    assert_sound(daemon)
