"""Many simulated Backup Services in one process, which writes down every call it sees.

`python -m tests.host.many JOURNAL REPOSITORIES LATENCY_S`: prints its port; the cluster NAME is at
`/NAME`. A repository is `active` until somebody pauses it. Each line of the journal is a call, with
the instants (CLOCK_MONOTONIC of this machine) at which it came and at which it was answered.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

_PATH = re.compile(r"/([^/]+)/api/v1/cluster/self/repository/active(?:/([^/]+)/(pause|resume))?")


@dataclass(frozen=True, slots=True)
class Seen:
    """A call as the server saw it; `repository` and `action` are those of a POST."""

    began: float
    ended: float
    cluster: str
    repository: str | None
    action: str
    member: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    states: ClassVar[dict[tuple[str, str], str]] = {}
    turn: ClassVar[threading.Lock] = threading.Lock()
    repositories: ClassVar[tuple[str, ...]] = ()
    latency_s: ClassVar[float] = 0.0
    journal: ClassVar[Path] = Path()

    def do_GET(self) -> None:
        began = time.monotonic()
        matched = _PATH.fullmatch(self.path)
        if not matched:
            self._answer(404, b"")
            return
        cluster = matched[1]
        found = [
            {"id": id_, "state": self.states.get((cluster, id_), "active")}
            for id_ in self.repositories
        ]
        self._answer(200, json.dumps(found).encode())
        self._write(began, cluster, None, "list")

    def do_POST(self) -> None:
        began = time.monotonic()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        matched = _PATH.fullmatch(self.path)
        if not (matched and matched[2]):
            self._answer(404, b"")
            return
        cluster, repository, action = matched.groups()
        time.sleep(self.latency_s)
        self.states[cluster, repository] = "paused" if action == "pause" else "active"
        self._write(began, cluster, repository, action)
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _write(self, began: float, cluster: str, repository: str | None, action: str) -> None:
        # Members are told apart by the user's name.
        member = self.headers.get("Authorization", "")
        line = json.dumps([began, time.monotonic(), cluster, repository, action, member])
        with self.turn, self.journal.open("a") as journal:
            journal.write(f"{line}\n")

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_: object) -> None:
        """Take no notice of clients that are gone."""


def read(journal: Path) -> list[Seen]:
    """Read what was seen so far; the last line may be half written."""
    if not journal.exists():
        return []
    lines = journal.read_text().split("\n")[:-1]
    return [Seen(*json.loads(line)) for line in lines]


def main() -> None:
    """Serve until killed."""
    _Handler.journal = Path(sys.argv[1])
    _Handler.repositories = tuple(f"r{number}" for number in range(int(sys.argv[2])))
    _Handler.latency_s = float(sys.argv[3])
    server = _Server(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
