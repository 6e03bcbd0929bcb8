"""What the ledger says, looked at beside the daemons that write it."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg

from tests.host.postgres import Postgres

_CLAIM = """
    select 1 from record where cluster = {0} and repository = {0}
    and (phase is not null or suspect_pause is not null or suspect_resume is not null)
"""
_MARK = """
    select 1 from record where cluster = {0} and repository = {0} and suspect_pause is not null
"""
_OPTIONS = "-c lock_timeout=200ms -c statement_timeout=1s"


class Book(Protocol):
    """A ledger; one that cannot be read may say anything."""

    @property
    def url(self) -> str:
        """What a daemon is told as its ledger."""

    def is_claimed(self, cluster: str, repository: str) -> bool:
        """Check whether a repository may be paused by a daemon, as far as is known."""

    def is_marked(self, cluster: str, repository: str) -> bool:
        """Check whether a call that pauses a repository may be under way, as far as is known."""

    def files(self) -> Sequence[Path]:
        """List the files in which no password may stand."""


@dataclass(frozen=True, slots=True)
class FileBook:
    """A ledger in a file."""

    path: Path

    @property
    def url(self) -> str:
        """What a daemon is told as its ledger."""
        return f"sqlite:///{self.path}"

    def is_claimed(self, cluster: str, repository: str) -> bool:
        """Check whether a repository may be paused by a daemon, as far as is known."""
        return self._has(_CLAIM, cluster, repository)

    def is_marked(self, cluster: str, repository: str) -> bool:
        """Check whether a call that pauses a repository may be under way, as far as is known."""
        return self._has(_MARK, cluster, repository)

    def _has(self, query: str, *values: str) -> bool:
        source = f"file:{self.path}?mode=ro"
        try:
            with closing(sqlite3.connect(source, uri=True, timeout=5)) as connection:
                return connection.execute(query.format("?"), values).fetchone() is not None
        except sqlite3.Error:
            return True

    def files(self) -> Sequence[Path]:
        """List the files in which no password may stand."""
        return sorted(self.path.parent.glob(f"{self.path.name}*"))


@dataclass(slots=True)
class DatabaseBook:
    """A ledger in a database, which daemons reach at *url*; `unread` counts looks in vain."""

    postgres: Postgres
    url: str
    unread: int = 0
    _idle: queue.SimpleQueue[psycopg.Connection] = field(default_factory=queue.SimpleQueue)

    def is_claimed(self, cluster: str, repository: str) -> bool:
        """Check whether a repository may be paused by a daemon, as far as is known."""
        return self._has(_CLAIM, cluster, repository)

    def is_marked(self, cluster: str, repository: str) -> bool:
        """Check whether a call that pauses a repository may be under way, as far as is known."""
        return self._has(_MARK, cluster, repository)

    def _has(self, query: str, *values: str) -> bool:
        try:
            found = self._ask(query.format("%s"), values)
        except psycopg.Error:
            self.unread += 1
            return True
        return found

    def _ask(self, query: str, values: Sequence[str]) -> bool:
        with suppress(queue.Empty, psycopg.OperationalError):
            # One that broke since it was used last is replaced.
            return self._ask_on(self._idle.get_nowait(), query, values)
        address = f"host=127.0.0.1 port={self.postgres.port} user=postgres dbname=cbmaintd"
        made = psycopg.connect(
            f"{address} connect_timeout=2",
            options=_OPTIONS,
            autocommit=True,
            prepare_threshold=None,
        )
        return self._ask_on(made, query, values)

    def _ask_on(self, connection: psycopg.Connection, query: str, values: Sequence[str]) -> bool:
        try:
            found = connection.execute(query.encode(), values).fetchone()
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)
        return found is not None

    def files(self) -> Sequence[Path]:
        """List the files in which no password may stand."""
        return [each for each in sorted(self.postgres.data.rglob("*")) if each.is_file()]

    def close(self) -> None:
        """Close all connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
