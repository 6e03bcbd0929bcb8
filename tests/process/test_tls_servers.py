"""Servers that speak TLS otherwise than most: in old versions, or at an address of IPv6."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import cast

import pytest

from daemon.simulator.server import Simulator
from tests.process.certificates import HOST, Authority
from tests.process.conftest import Running, Stage, once

HELD = once("night", -60, 24 * 3600, '{"*": ["*"]}')
LOOPBACK_6 = "::1"
VERSIONS = {
    "tls-1.1": ssl.TLSVersion.TLSv1_1,
    "tls-1.2": ssl.TLSVersion.TLSv1_2,
    "tls-1.3": ssl.TLSVersion.TLSv1_3,
}


def has_ipv6() -> bool:
    """Check whether this machine has a loopback address of IPv6."""
    with suppress(OSError), socket.create_server((LOOPBACK_6, 0), family=socket.AF_INET6):
        return True
    return False


def speak_only(simulator: Simulator, version: ssl.TLSVersion) -> None:
    """Have a server speak one version of TLS, also one that OpenSSL does not offer by itself."""
    for server in simulator._servers:
        context = cast("ssl.SSLSocket", server.socket).context
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version


def pause_and_resume(stage: Stage, clusters: tuple[str, ...], refused: str) -> Running:
    """Run a daemon until the clusters had their window and another was found unreachable."""
    stage.write(HELD)
    daemon = stage.start()
    for cluster in clusters:
        daemon.wait_for("repository.paused", cluster=cluster)
    daemon.wait_for("cluster.unreachable", cluster=refused, error="tls")
    assert stage.ask("close", "night").returncode == 0
    for cluster in clusters:
        daemon.wait_for("repository.resumed", cluster=cluster)
    daemon.stop()
    return daemon


def posts(simulator: Simulator) -> list[str]:
    """Return the last words of the paths that were posted to."""
    return [seen.path.split("/")[-1] for seen in simulator.requests if seen.method == "POST"]


@pytest.mark.filterwarnings(r"ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_2_is_the_least(stage: Stage) -> None:
    """A server with TLS 1.2 alone, or 1.3 alone, is served; one with 1.1 gets no request."""
    authority = Authority(stage.folder)
    authority.certify("ca.pem")
    for name, version in VERSIONS.items():
        simulator = stage.simulate(name, "orders", tls=authority.issue(name, HOST))
        speak_only(simulator, version)
        stage.special[name] = {"tls": "{ca_file: ca.pem}"}

    daemon = pause_and_resume(stage, ("tls-1.2", "tls-1.3"), refused="tls-1.1")

    said = {line["message"] for line in daemon.events("http.attempted", cluster="tls-1.1")}
    assert said <= {"the server refuses us: protocol version", "unsupported protocol"}
    assert not stage.simulators["tls-1.1"].requests
    for name in ("tls-1.2", "tls-1.3"):
        assert posts(stage.simulators[name]) == ["pause", "resume"]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_an_address_of_ipv6_is_served(stage: Stage) -> None:
    """A certificate for ::1 holds for `https://[::1]`, given or found; another does not."""
    authority = Authority(stage.folder)
    authority.certify("ca.pem")
    for name, host in (("given", LOOPBACK_6), ("found", LOOPBACK_6), ("other", HOST)):
        stage.simulate(name, "orders", host=LOOPBACK_6, tls=authority.issue(name, host))
        stage.special[name] = {"tls": "{ca_file: ca.pem}"}
    manager = stage.simulators["found"].management_url
    stage.special["found"] |= {"url": "", "discover": manager}

    daemon = pause_and_resume(stage, ("given", "found"), refused="other")

    said = daemon.events("http.attempted", cluster="other")[0]
    assert said["url"].startswith("https://[::1]:")
    assert "certificate is not valid for '::1'" in said["message"]
    assert not stage.simulators["other"].requests
    for name in ("given", "found"):
        assert stage.simulators[name].url.startswith("https://[::1]:")
        assert posts(stage.simulators[name]) == ["pause", "resume"]
