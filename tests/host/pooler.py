"""A real pgbouncer of the test's own in front of a PostgreSQL, on a free port of loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.host.postgres import ROLE, Postgres, free_port

START_WITHIN_S = 60.0
_PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_SETTINGS = """\
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
unix_socket_dir =
max_client_conn = 200
default_pool_size = 20
"""


def unavailable() -> str:
    """Say why no pooler can be started here; empty if nothing is known to be in the way."""
    if not _PROGRAM:
        return "needs pgbouncer: apt-get install pgbouncer"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "needs setpriv: pgbouncer refuses to run as root"
    return ""


class Pooler:
    """One pgbouncer, which takes every setting that Debian's takes by itself, and no other."""

    def __init__(self, postgres: Postgres, mode: str, more: str = "") -> None:
        """Write its files, with *more* settings; nothing runs yet."""
        self.postgres = postgres
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="cbmaintd-pgb-"))
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "users").write_text(f'"{ROLE}" ""\n"postgres" ""\n')
        (self.folder / "ini").write_text(
            _SETTINGS.format(server=postgres.port, port=self.port, folder=self.folder, mode=mode)
            + more
        )
        if os.geteuid() == 0:
            for place in (self.folder, *self.folder.iterdir()):
                shutil.chown(place, "postgres", "postgres")

    def url(self, database: str = "cbmaintd") -> str:
        """Return the URL of a ledger that is reached by way of it."""
        return self.postgres.url(database, self.port)

    def start(self) -> None:
        """Start, and wait until it answers."""
        assert _PROGRAM
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*(drop if os.geteuid() == 0 else ()), _PROGRAM, str(self.folder / "ini")],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_WITHIN_S
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(
                f"host=127.0.0.1 port={self.port} user={ROLE} dbname=cbmaintd connect_timeout=5"
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Kill it, with all connections in both directions."""
        if self._process:
            self._process.kill()
            self._process.wait(START_WITHIN_S)
            self._process = None

    def remove(self) -> None:
        """End it, and delete its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def pooler(postgres: Postgres, mode: str, more: str = "") -> Iterator[Pooler]:
    """Run one in this mode: `transaction`, `session` or `statement`."""
    running = Pooler(postgres, mode, more)
    try:
        running.start()
        yield running
    finally:
        running.remove()
