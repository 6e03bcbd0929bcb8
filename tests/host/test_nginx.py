"""The manual's lines for nginx, in front of a real daemon: a login, and nothing lost behind it."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
import trustme

from tests import manual
from tests.evil.canary import canary
from tests.process.conftest import Running, Stage, once, wait_until
from tests.process.test_monitoring import free_port, top

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NAME = "maintenance.example.com"
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"eve:secret").decode()}

pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed")


def documented(places: Mapping[str, str]) -> str:
    """Return the manual's lines, with only their addresses and files replaced by ours."""
    (block,) = [b for b in manual.blocks(manual.page("page")) if b.language == "nginx"]
    text = block.text
    for theirs, ours in places.items():
        assert text.count(theirs) == 1
        text = text.replace(theirs, ours)
    return text


@dataclass
class Answer:
    """What a browser gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Proxy:
    """An nginx with those lines, and a daemon behind it."""

    port: int
    trusting: ssl.SSLContext
    daemon: Running

    def ask(
        self, path: str = "/", headers: Mapping[str, str] = LOGIN, method: str = "GET"
    ) -> Answer:
        """Ask for a page under the proxy's name."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            connection = HTTPConnection(NAME)
            connection.sock = self.trusting.wrap_socket(plain, server_hostname=NAME)
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
            connection.close()
            return found

    def is_up(self) -> bool:
        """Check whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """Run a daemon, and nginx before it."""
    with ExitStack() as exits:
        stage = Stage(tmp_path, canary(), exits)
        exits.callback(stage.finish)
        stage.simulate("prod", "orders")
        behind, before = free_port(), free_port()
        stage.write(once("night", -60, 3600), top=top(behind))
        daemon = stage.start()
        authority = trustme.CA()
        own = tmp_path / "nginx"
        own.mkdir()
        authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(own / "pem")
        (own / "users").write_text("eve:{PLAIN}secret\n")
        lines = documented(
            {
                "listen 443": f"listen 127.0.0.1:{before}",
                "/etc/ssl/certs/maintenance.pem": f"{own}/pem",
                "/etc/ssl/private/maintenance.key": f"{own}/pem",
                "/etc/nginx/maintenance.users": f"{own}/users",
                "127.0.0.1:9797": f"127.0.0.1:{behind}",
            }
        )
        folders = "".join(
            f"{kind}_temp_path {own}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Workers of another user could not look into the test's folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (own / "conf").write_text(
            f"{user}daemon off;\npid {own}/pid;\nerror_log {own}/log;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{folders}{lines}}}\n"
        )
        process = subprocess.Popen(
            [str(NGINX), "-e", f"{own}/log", "-c", f"{own}/conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        exits.callback(process.wait)
        exits.callback(process.terminate)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        found = Proxy(before, trusting, daemon)
        wait_until(found.is_up, (own / "log").read_text() if process.poll() else "nginx")
        yield found


def test_who_has_a_login_sees_the_page_as_it_is(proxy: Proxy) -> None:
    """Without one nothing is shown; with one all is there: refreshing, policy, ETag, 405."""
    proxy.daemon.wait_for("repository.paused")

    for refused in ({}, {"Authorization": "Basic " + base64.b64encode(b"eve:no").decode()}):
        answer = proxy.ask(headers=refused)
        assert (answer.status, b"orders" in answer.body) == (401, False)
    page, style = proxy.ask(), proxy.ask("/style.css")
    known = {**LOGIN, "If-None-Match": style.headers["ETag"]}
    assert (page.status, page.headers["Refresh"]) == (200, "15")
    assert b"You may start" in page.body
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert proxy.ask("/style.css", known).status == 304
    assert proxy.ask("/windows/night").status == 200
    assert proxy.ask(method="POST").status == 405
    assert proxy.ask(method="HEAD").body == b""


def test_a_page_comes_back_with_its_daemon(proxy: Proxy) -> None:
    """While the daemon is away the proxy's own page refreshes as well, and does not stay."""
    proxy.daemon.stop()
    answer = proxy.ask()

    assert (answer.status, answer.headers["Refresh"]) == (503, "15")
