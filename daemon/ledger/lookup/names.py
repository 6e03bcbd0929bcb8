"""What a shell offers of a ledger in a file: repositories that it has seen, and decisions.

SQLAlchemy takes longer to import than somebody at a prompt waits. A ledger in a database is not
asked: the network may take any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from daemon.ledger.rows import to_override
from daemon.windows.overrides import Override

_SCHEME = "sqlite:///"
_WAIT_S = 0.1
_MOST_ATTEMPTS = 20_000
"""How far to look back: years of attempts would have to be read to the end."""

_SEEN = f"""
    SELECT cluster, repository FROM record
    UNION
    SELECT cluster, repository FROM (
        SELECT cluster, repository FROM attempt ORDER BY id DESC LIMIT {_MOST_ATTEMPTS}
    ) WHERE repository IS NOT NULL
"""  # noqa: S608  # a number of ours


def repositories(url: str) -> list[str]:
    """Return the repositories that the ledger at *url* has seen; none if that fails."""
    with suppress(OSError, sqlite3.Error), _opened(url) as connection:
        return [f"{cluster}/{id_}" for cluster, id_ in connection.execute(_SEEN)]
    return []


def overrides(url: str) -> list[Override]:
    """Return people's decisions in the ledger at *url*, the oldest first; none if that fails."""
    with suppress(OSError, ValueError, sqlite3.Error), _opened(url) as connection:
        found = connection.execute("SELECT * FROM override ORDER BY id")
        names = [name for name, *_ in found.description]
        return [to_override(SimpleNamespace(**dict(zip(names, row, strict=True)))) for row in found]
    return []


@contextmanager
def _opened(url: str) -> Iterator[sqlite3.Connection]:
    if not url.startswith(_SCHEME):
        raise FileNotFoundError
    file = Path(url.removeprefix(_SCHEME)).absolute()
    wal = file.with_name(f"{file.name}-wal")
    # Without a WAL nothing is created beside the file, which may be another user's.
    mode = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
    name = f"file:{quote(str(file))}?{mode}"
    with closing(sqlite3.connect(name, uri=True, timeout=_WAIT_S)) as connection:
        yield connection
