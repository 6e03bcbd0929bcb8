"""What people would use instead of the daemon, each run as a process on a list of URLs.

Every function gives the seconds from the start of its work to its last answer. What is slow is
measured over a part of the URLs and scaled to all of them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.site import PASSWORD, USER, in_seconds

_PATIENCE_S = 600.0
_PEERS = Path(__file__).parent / "peers"
_CURL = ("-sS", "-f", "-u", f"{USER}:{PASSWORD}", "-H", "Content-Type: application/json", "-d{}")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run took: seconds, and processor time where it was told."""

    seconds: float
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rivals:
    """The peers, on a folder for their lists of URLs."""

    folder: Path

    def pool(self, urls: Sequence[str], threads: int = 160) -> Spent:
        """Use a thread pool with `Session.post`; Python's start and imports are not counted."""
        return Spent(**self._python("pool.py", self._listed(urls), str(threads)))

    def single(self, urls: Sequence[str]) -> Spent:
        """Use that pool with one thread."""
        return self.pool(urls, 1)

    def curl_loop(self, urls: Sequence[str]) -> Spent:
        """Let a shell loop start one `curl` after the other."""
        script = 'while read -r url; do curl "$@" "$url"; done'
        return self._timed(urls, ["sh", "-c", script, "sh", *_CURL])

    def xargs(self, urls: Sequence[str]) -> Spent:
        """Let `xargs` keep 16 `curl` processes going."""
        return self._timed(urls, ["xargs", "-P", "16", "-n", "1", "curl", *_CURL])

    def curl_parallel(self, urls: Sequence[str], at_once: int = 160) -> Spent:
        """Let one `curl` do it all, 160 transfers at once."""
        file = self.folder / "urls.curl"
        file.write_text("".join(f'url = "{url}"\n' for url in urls))
        options = [
            "--no-progress-meter",
            "--parallel",
            "--parallel-immediate",
            "--parallel-max",
            str(at_once),
        ]
        return self._timed(urls, ["curl", *_CURL, *options, "--config", str(file)])

    def process_per_call(self, urls: Sequence[str]) -> Spent:
        """Start a Python process for each call, as with `couchbase-cli`."""
        script = 'while read -r url; do "$@" "$url"; done'
        return self._timed(urls, ["sh", "-c", script, "sh", sys.executable, _peer("one_call.py")])

    def plain_script(self, urls: Sequence[str]) -> Spent:
        """Let a script of APScheduler and `requests` begin at a full second."""
        start = in_seconds(1.5)
        return Spent(self.script_at(dict.fromkeys(urls, start)) - start)

    def script_at(self, times: Mapping[str, float]) -> float:
        """Let that script post to each URL at its time; give when it had done the last."""
        lines = self._listed([f"{at} {url}" for url, at in times.items()], "times.txt")
        ended: float = self._python("plain_script.py", lines)["ended"]
        return ended

    def _python(self, peer: str, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, _peer(peer), *arguments]
        with (self.folder / "peer.log").open("wb") as log:
            # A script that has missed a time by more than a second waits for it for ever.
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, stderr=log, timeout=_PATIENCE_S
            )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _timed(self, urls: Sequence[str], command: list[str]) -> Spent:
        with Path(self._listed(urls)).open("rb") as listed:
            clock = time.perf_counter()
            subprocess.run(
                [shutil.which(command[0]) or command[0], *command[1:]],
                check=True,
                stdin=listed,
                stdout=subprocess.DEVNULL,
            )
            return Spent(time.perf_counter() - clock)

    def _listed(self, urls: Sequence[str], name: str = "urls.txt") -> str:
        file = self.folder / name
        file.write_text("".join(f"{url}\n" for url in urls))
        return str(file)


def _peer(name: str) -> str:
    return str(_PEERS / name)
