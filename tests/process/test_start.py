"""How the real daemon starts: with what it needs, and nothing that takes long beside it."""

from __future__ import annotations

import re

from tests.process.conftest import Stage, once

UNUSED = frozenset(
    (
        *("apprise", "argcomplete", "attr", "holidays", "icalendar", "psycopg", "pygments"),
        *("rich.console", "rich.traceback", "sqlalchemy.dialects.postgresql"),
    )
)
"""What takes long to import: for terminals, databases and files that are not there."""

_IMPORTED = re.compile(rb"^import time: .*\| +(\S+)$")


def test_a_start_loads_no_more_than_it_needs(stage: Stage) -> None:
    """A daemon on an SQLite file that logs JSON has made its first pass without these."""
    stage.simulate("prod", "orders")
    stage.write(once("later", 3600, 7200))

    daemon = stage.start(prefix=("-X", "importtime", "-m", "daemon"))
    daemon.wait_for("http.attempted", action="list", outcome="ok")
    daemon.stop()
    found = {match[1].decode() for line in daemon.raw if (match := _IMPORTED.match(line.rstrip()))}

    assert {"sqlalchemy", "structlog", "requests"} <= found
    assert not found & UNUSED
