"""What the ledger takes from servers, people and other members: text that any database takes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from daemon.core.attempt import Attempt
from daemon.core.record import Record
from daemon.core.repository import RepositoryKey
from daemon.core.unreachable import Unreachable
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.state import AppliedConfig
from daemon.ledger.tables import METADATA, SHARED
from daemon.ledger.transfer import copy_ledger
from daemon.windows.overrides import Override
from daemon.wording import printable
from tests.unit.nasty_text import EVERY, NOW, filled, texts_in

SHOWN = printable(EVERY)
SQLITE: sa.Dialect = sqlite.dialect()
POSTGRESQL: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


def created(table: sa.Table, dialect: sa.Dialect) -> str:
    """Return the statement that creates a table."""
    return str(CreateTable(table).compile(dialect=dialect))


def test_every_text_is_printable_in_the_file(tmp_path: Path) -> None:
    """Whoever says what: the columns, and what is inside of their JSON, are visible text."""
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save([filled(Record, EVERY)], [filled(Attempt, EVERY)])
        ledger.add_override(filled(Override, EVERY))
        ledger.note_reading([EVERY])
        ledger.note_unreachable({EVERY: filled(Unreachable, EVERY)})
        ledger.save_config(filled(AppliedConfig, "plain"))

        assert [record.key for record in ledger.records()] == [RepositoryKey(SHOWN, SHOWN)]
        assert [record.running for record in ledger.records()] == [(SHOWN,)]
        assert [attempt.message for attempt in ledger.attempts(NOW)] == [SHOWN]
        assert [decision.reason for decision in ledger.overrides()] == [SHOWN]
        assert ledger.daemon().reading.faults == (SHOWN,)
        assert [each.message for each in ledger.unreachable()] == [SHOWN]

    values = [*_values(tmp_path / "ledger.db")]
    assert [ascii(value) for value in values if not value.isprintable()] == []
    inside = [text for value in values for text in _inside(value)]
    assert [ascii(text) for text in inside if not text.isprintable()] == []


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    """Names on a disk are bytes, and relative names of secrets are looked for there."""
    config = replace(filled(AppliedConfig, "plain"), folder=Path("/etc/\udcff\n\u202e"))
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Access.DAEMON) as ledger:
        ledger.save_config(config)

        assert [found.folder for found in ledger.configs()] == [config.folder]

    assert [ascii(v) for v in _values(tmp_path / "ledger.db") if not v.isprintable()] == []


def test_an_older_ledger_is_copied_to_one_that_refuses_such_text(tmp_path: Path) -> None:
    """What an earlier version wrote raw becomes printable on its way into another ledger."""
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("old", "new")]
    with open_ledger(urls[0], Access.DAEMON) as ledger:
        ledger.add_override(filled(Override, "why"))
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute("UPDATE override SET reason = ?", ("a\0b\x1b[2J",))
    connection.close()

    with open_ledger(urls[0], Access.DAEMON) as old, open_ledger(urls[1], Access.DAEMON) as new:
        copy_ledger(old, new)

        assert [decision.reason for decision in new.overrides()] == ["a\\x00b\\x1b[2J"]


def test_a_text_column_is_an_ordinary_one_to_the_database() -> None:
    """Tables of earlier versions need no change."""
    for table in METADATA.tables.values():
        assert " TEXT" in created(table, SQLITE)
    for table in (*METADATA.tables.values(), *SHARED.tables.values()):
        texts = [c for c in table.c if not isinstance(c.type, sa.Integer | sa.LargeBinary)]
        texts = [c for c in texts if not isinstance(c.type, sa.DateTime | sa.Float)]
        assert created(table, POSTGRESQL).count('TEXT COLLATE "C"') == len(texts)


def _values(file: Path) -> Iterator[str]:
    with sqlite3.connect(file) as connection:
        for name in METADATA.tables:
            for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608  # our names
                yield from (value for value in row if isinstance(value, str))
    connection.close()


def _inside(value: str) -> Iterator[str]:
    """Return the texts in what may be a JSON document."""
    with suppress(ValueError):
        yield from texts_in(json.loads(value))
