"""TLS as the daemon meets it: what cannot be trusted gets no request until it has been mended."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from daemon.simulator.server import Simulator
from tests.process.certificates import HOST, Authority, Files
from tests.process.conftest import Stage, once

HELD = once("night", -60, 24 * 3600, '{"*": ["*"]}')
OVER = once("night", -60, -5, '{"*": ["*"]}')
REFUSED = {
    "expired": "certificate has expired",
    "elsewhere": "IP address mismatch, certificate is not valid for '127.0.0.1'",
    "named": "Hostname mismatch, certificate is not valid for 'localhost'",
    "unknown": "unable to get local issuer certificate",
}


class Certificates:
    """An authority that clusters trust, another that nobody knows, and what both have issued."""

    def __init__(self, folder: Path) -> None:
        """Make both."""
        self._trusted, self._unknown = Authority(folder), Authority(folder)

    def trust(self, cluster: str, *, is_unknown: bool = False) -> dict[str, str]:
        """Write which authority a cluster's certificate has to come from; return its settings."""
        authority = self._unknown if is_unknown else self._trusted
        authority.certify(f"{cluster}-ca.pem")
        return {"tls": f"{{ca_file: {cluster}-ca.pem}}"}

    def issued(self, cluster: str) -> Files:
        """Write the certificate and the key that a cluster's server shows."""
        now = datetime.now(UTC)
        match cluster:
            case "expired":
                return self._trusted.issue(cluster, HOST, not_after=now - timedelta(days=1))
            case "ending":
                return self._trusted.issue(
                    cluster, HOST, not_after=now + timedelta(days=5, hours=1)
                )
            case "elsewhere" | "named":
                return self._trusted.issue(cluster, "backup.example.com")
            case "unknown":
                return self._unknown.issue(cluster, HOST)
            case _:
                return self._trusted.issue(cluster, HOST)


def test_only_what_can_be_trusted_is_spoken_to(stage: Stage) -> None:
    """A trusted cluster is paused and resumed; others get no request, and the log says why.

    Once the right authority is put into the file of one of them, that one is taken up without a
    restart, although nobody touched schedules.yaml.
    """
    certificates = Certificates(stage.folder)
    for name in ("trusted", *REFUSED):
        stage.simulate(name, "orders", tls=certificates.issued(name))
        stage.special[name] = certificates.trust(name)
    stage.special["named"]["url"] = stage.simulators["named"].url.replace(HOST, "localhost")
    stage.write(HELD)
    daemon = stage.start()

    daemon.wait_for("repository.paused", cluster="trusted")
    for name in REFUSED:
        daemon.wait_for("cluster.unreachable", cluster=name, error="tls")
    said = {
        name: daemon.wait_for("http.attempted", cluster=name, error="tls")[0] for name in REFUSED
    }
    before = {name: len(stage.simulators[name].requests) for name in REFUSED}
    certificates.trust("unknown", is_unknown=True)
    daemon.wait_for("cluster.recovered", cluster="unknown")
    daemon.wait_for("repository.paused", cluster="unknown")
    stage.write(OVER)
    daemon.wait_for("repository.resumed", 2)
    daemon.stop()

    assert before == dict.fromkeys(REFUSED, 0)
    for name, reason in REFUSED.items():
        assert reason in said[name]["message"]
        assert (said[name]["status"], said[name]["outcome"]) == (None, "failed")
    for name in REFUSED.keys() - {"unknown"}:
        assert not stage.simulators[name].requests
    assert {line["error"] for line in daemon.events("cluster.unreachable")} == {"tls"}
    for name in ("trusted", "unknown"):
        simulator = stage.simulators[name]
        assert simulator.url.startswith("https://")
        assert simulator.state("orders") == "active"
        assert sum(seen.method == "POST" for seen in simulator.requests) == 2
    assert b"Traceback" not in b"".join(daemon.raw)


def present(simulator: Simulator, certificate: Files) -> None:
    """Have a server show another certificate from now on, also to those it is connected to."""
    for server in simulator._servers:
        cast("ssl.SSLSocket", server.socket).context.load_cert_chain(*certificate)
        server.hang_up()


def test_a_certificate_that_expires_loses_no_resume(stage: Stage) -> None:
    """What was paused before a certificate expired is resumed after it was renewed."""
    certificates = Certificates(stage.folder)
    stage.special["prod"] = certificates.trust("prod")
    prod = stage.simulate("prod", "orders", tls=certificates.issued("prod"))
    stage.write(HELD)
    daemon = stage.start()
    daemon.wait_for("repository.paused")

    daemon.wait_for_answers("prod")
    present(prod, certificates.issued("expired"))
    daemon.wait_for("cluster.unreachable", error="tls")
    requests = len(prod.requests)
    stage.write(OVER)
    daemon.wait_for("window.closed")
    count = len(daemon.events("http.attempted", error="tls"))
    daemon.wait_for("http.attempted", count + 1, error="tls")
    held, asked = prod.state("orders"), len(prod.requests) - requests
    present(prod, certificates.issued("prod"))
    daemon.wait_for("repository.resumed")
    daemon.stop()

    assert (held, asked) == ("paused", 0)
    assert prod.state("orders") == "active"
    assert len(daemon.events("cluster.recovered")) == 1


def test_the_end_of_a_certificate_is_announced(stage: Stage) -> None:
    """A certificate that ends within two weeks is warned about once; one that lasts is not."""
    certificates = Certificates(stage.folder)
    for name in ("ending", "lasting"):
        stage.special[name] = certificates.trust(name)
        stage.simulate(name, "orders", tls=certificates.issued(name))
    stage.write(HELD)
    daemon = stage.start()

    warned = daemon.wait_for("certificate.ends")
    daemon.wait_for("http.attempted", 4, action="list", cluster="lasting")
    daemon.stop()
    assert [(line["cluster"], line["days"]) for line in warned] == [("ending", 5)]
    assert len(daemon.events("certificate.ends")) == 1
