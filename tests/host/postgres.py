"""A real PostgreSQL server of the test's own, on a free port of loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa

START_WITHIN_S = 120.0
ROLE = "cb"
_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_SETTINGS = """\
listen_addresses = '127.0.0.1'
shared_buffers = 16MB
max_connections = 60
max_wal_senders = 4
wal_level = replica
"""


def unavailable() -> str:
    """Say why no server can be started here; empty if nothing is known to be in the way."""
    if not _PLACES:
        return "needs PostgreSQL: apt-get install postgresql"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "needs setpriv: PostgreSQL refuses to run as root"
    return ""


class Postgres:
    """One server; `start` may be called again after `stop` or `kill`: its data are still there."""

    def __init__(self, port: int = 0, *, is_durable: bool = False) -> None:
        """Make its folder; nothing runs yet.

        One that is not *is_durable* outlives its own end, though no power cut, and costs less.
        """
        self._is_durable = is_durable
        self.folder = Path(tempfile.mkdtemp(prefix="cbmaintd-pg-"))
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")

    @property
    def data(self) -> Path:
        """Where its data are."""
        return self.folder / "data"

    def url(self, database: str = "cbmaintd", port: int | None = None) -> str:
        """Return the URL of a ledger in one of its databases, whose owner has no other rights."""
        address = f"{ROLE}@127.0.0.1:{port or self.port}"
        return f"postgresql+psycopg://{address}/{database}"

    def run(self, *command: str) -> None:
        """Run one of the server's programs as a user that it accepts."""
        subprocess.run(self._as_user(*command), check=True, capture_output=True)

    def _as_user(self, tool: str, *arguments: str) -> list[str]:
        command = [str(_PLACES[0] / tool), *arguments]
        if os.geteuid() != 0:
            return command
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]

    def create(self) -> None:
        """Make its data, and start it."""
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", *(() if self._is_durable else ("--no-sync",)))  # fmt: skip
        self._configure()
        self.start()

    def follow(self, other: Postgres) -> None:
        """Copy the data of *other*, and start as its standby."""
        source = f"host=127.0.0.1 port={other.port} user=postgres application_name=standby"
        self.run(
            "pg_basebackup", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "-d", source
        )
        self._configure()
        self.start()

    def promote(self) -> None:
        """Make a standby the server that takes writes."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def _configure(self) -> None:
        sync = "" if self._is_durable else "fsync = off\n"
        text = f"{_SETTINGS}{sync}port = {self.port}\nunix_socket_directories = '{self.folder}'\n"
        file = self.data / "postgresql.auto.conf"
        file.write_text(f"{file.read_text()}\n{text}")

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            command = self._as_user("postgres", "-D", str(self.data))
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self.ask("select 1", "postgres")
            except psycopg.OperationalError:
                assert time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.05)
            else:
                return

    def ask(
        self, statement: str, database: str = "cbmaintd", options: str = ""
    ) -> list[tuple[object, ...]]:
        """Run one statement, outside a transaction, and give its rows."""
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=5",
            autocommit=True,
            options=options,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """Drop every table of the ledger's database."""
        self.ask(f"drop schema public cascade; create schema public authorization {ROLE}")

    @contextmanager
    def session(self, database: str = "cbmaintd") -> Iterator[psycopg.Connection]:
        """Return the transaction of somebody else, which is rolled back at the end."""
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"
        ) as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def kill(self) -> None:
        """Kill the postmaster, as a crash would; its children notice, and end."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop at once, without asking the clients."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop as an administrator does, who disconnects all clients; then start again."""
        self._end(signal.SIGINT)
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(START_WITHIN_S)
            self._process = None

    def remove(self) -> None:
        """Stop, and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """Find a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(*, is_durable: bool = False) -> Iterator[Postgres]:
    """Run a server with a database for the ledger."""
    postgres = Postgres(is_durable=is_durable)
    try:
        postgres.create()
        postgres.ask(f"create role {ROLE} login", "postgres")
        postgres.ask(f"create database cbmaintd owner {ROLE}", "postgres")
        yield postgres
    finally:
        postgres.remove()


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note what is asked of databases meanwhile."""
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def count(asked: list[str], words: str) -> int:
    """Count the statements with *words* in them."""
    return sum(words in each for each in asked)
