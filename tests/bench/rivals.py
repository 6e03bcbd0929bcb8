"""What people would use instead of the daemon, each run as a process on a list of URLs.

Every function gives the seconds from the start of its work to its last answer. What keeps its
connections has them made before, as the daemon has: all of them are asked to wait until then. What
is a process for each call begins with none.
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

from tests.bench.site import PASSWORD, USER

CONNECTIONS = 160
"""In all, whoever has many: as many as ten clusters with 16 calls at once are."""

_PATIENCE_S = 600.0
_PEERS = Path(__file__).parent / "peers"
_CURL = ("-sS", "-f", "-u", f"{USER}:{PASSWORD}")
_POST = ("-H", "Content-Type: application/json", "-d{}")


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done from *start* on: *posts*, and *lists* to see what has become of them.

    *waits* are answered at *start*: whoever posts to all of them before has its connections made.
    """

    posts: Sequence[str]
    lists: Sequence[str]
    waits: Sequence[str]
    start: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run took: seconds, and processor time where it was told.

    `warmed` says how many connections should have been made before.
    """

    seconds: float
    cpu_s: float = 0.0
    warmed: int = 0


@dataclass(frozen=True, slots=True)
class Rivals:
    """The peers, on a folder for their lists of URLs."""

    folder: Path

    def pool(self, work: Work, threads: int = CONNECTIONS) -> Spent:
        """Use a thread pool with `Session.post`; Python's start and imports are not counted."""
        posts, waits = self._listed(work.posts), self._listed(work.waits, "waits.txt")
        return Spent(**self._python("pool.py", posts, waits, str(threads)), warmed=threads)

    def single(self, work: Work) -> Spent:
        """Use that pool with one thread."""
        return self.pool(work, 1)

    def curl_loop(self, work: Work) -> Spent:
        """Let a shell loop start one `curl` after the other."""
        script = 'while read -r url; do curl "$@" "$url"; done'
        return self._timed(work, ["sh", "-c", script, "sh", *_CURL, *_POST])

    def xargs(self, work: Work) -> Spent:
        """Let `xargs` keep 16 `curl` processes going."""
        return self._timed(work, ["xargs", "-P", "16", "-n", "1", "curl", *_CURL, *_POST])

    def curl_parallel(self, work: Work) -> Spent:
        """Let one `curl` post it all, 160 transfers at once, and a second one list the clusters."""
        self._curl(*_POST, urls=[*work.waits, *work.posts])
        self._curl(urls=work.lists)
        return Spent(time.time() - work.start, warmed=len(work.waits))

    def _curl(self, *options: str, urls: Sequence[str]) -> None:
        file = self.folder / "urls.curl"
        file.write_text("".join(f'url = "{url}"\n' for url in urls))
        at_once = (
            "--no-progress-meter",
            "--parallel",
            "--parallel-immediate",
            "--parallel-max",
            str(CONNECTIONS),
        )
        subprocess.run(
            [_found("curl"), *_CURL, *options, *at_once, "--config", str(file)],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def process_per_call(self, work: Work) -> Spent:
        """Start a Python process for each call, as with `couchbase-cli`."""
        script = 'while read -r url; do "$@" "$url"; done'
        return self._timed(work, ["sh", "-c", script, "sh", sys.executable, _peer("one_call.py")])

    def plain_script(self, work: Work) -> Spent:
        """Let a script of APScheduler and `requests` begin."""
        return Spent(self.script_at(dict.fromkeys(work.posts, work.start)) - work.start)

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

    def _timed(self, work: Work, command: list[str]) -> Spent:
        with Path(self._listed(work.posts)).open("rb") as listed:
            clock = time.perf_counter()
            subprocess.run(
                [_found(command[0]), *command[1:]],
                check=True,
                stdin=listed,
                stdout=subprocess.DEVNULL,
            )
            return Spent(time.perf_counter() - clock)

    def _listed(self, urls: Sequence[str], name: str = "urls.txt") -> str:
        file = self.folder / name
        file.write_text("".join(f"{url}\n" for url in urls))
        return str(file)


def _found(tool: str) -> str:
    return shutil.which(tool) or tool


def _peer(name: str) -> str:
    return str(_PEERS / name)
