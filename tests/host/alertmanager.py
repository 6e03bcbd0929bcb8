"""A real Alertmanager of the test's own, on a free port of loopback, without its gossip."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.host.postgres import free_port

START_WITHIN_S = 120.0
BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

needs_alertmanager = pytest.mark.skipif(
    BINARY is None, reason="there is no Alertmanager (Debian: prometheus-alertmanager)"
)


@dataclass(frozen=True)
class Alertmanager:
    """One that runs at *url*."""

    url: str

    def ask(self, path: str, document: Mapping[str, object] | None = None) -> Any:
        """Return what its API answers to a GET, or to a POST of *document*."""
        method = "GET" if document is None else "POST"
        url = f"{self.url}/api/v2/{path}"
        answer = requests.request(method, url, json=document, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def expire(self, silence: str) -> None:
        """Expire a silence by its id."""
        requests.delete(f"{self.url}/api/v2/silence/{silence}", timeout=30).raise_for_status()

    def silences(self, *states: str) -> list[dict[str, Any]]:
        """List the silences in these states, by default the active ones."""
        found: list[dict[str, Any]] = self.ask("silences")
        return [each for each in found if each["status"]["state"] in (states or ("active",))]


@contextmanager
def server(folder: Path) -> Iterator[Alertmanager]:
    """Run one that keeps its data in *folder*, and wait until it answers."""
    config, port = folder / "alertmanager.yml", free_port()
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = [
        BINARY or "alertmanager",
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    log = folder / "alertmanager.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    found, end = Alertmanager(f"http://127.0.0.1:{port}"), time.monotonic() + START_WITHIN_S
    try:
        while not _answers(found):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.05)
        yield found
    finally:
        process.kill()
        process.wait()


def _answers(found: Alertmanager) -> bool:
    try:
        found.ask("status")
    except OSError:
        return False
    return True
