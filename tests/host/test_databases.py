"""The databases that people really have: of any encoding, behind a pooler, with odd defaults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from daemon.errors import EncodingError, LedgerError
from daemon.ledger.ledger import Access
from daemon.ledger.opening import open_ledger
from daemon.ledger.postgresql.database import PostgresqlLedger
from tests.host import pooler as poolers
from tests.host.pooler import Pooler, pooler
from tests.host.postgres import ROLE, Postgres, unavailable
from tests.unit.cli.ended import ended
from tests.unit.ledger.ledger_samples import FULL, NOW, sent

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

PATIENCE_S = 120.0
CHOSEN = {
    "synchronous_commit": "on",
    "statement_timeout": "3s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "5s",
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
}
"""What every transaction has, whoever sets something else for everybody."""

UNKIND = {
    "synchronous_commit": "off",
    "statement_timeout": "30ms",
    "lock_timeout": "1ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "client_encoding": "latin1",
}


@pytest.fixture(scope="module")
def ways(postgres: Postgres) -> Iterator[dict[str, Pooler]]:
    """Run a pooler in each of its modes."""
    if missing := poolers.unavailable():
        pytest.skip(missing)
    with ExitStack() as exits:
        modes = ("transaction", "session", "statement")
        yield {mode: exits.enter_context(pooler(postgres, mode)) for mode in modes}


def made(postgres: Postgres, encoding: str) -> str:
    """Make a database of that encoding; return its ledger's URL."""
    name = f"of_{encoding.lower()}"
    postgres.ask(f"drop database if exists {name}", "postgres")
    postgres.ask(
        f"create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
        f" template template0 owner {ROLE}",
        "postgres",
    )
    return postgres.url(name)


def written(folder: Path) -> Path:
    """Write a file, and its password."""
    password = folder / "password"
    password.touch(0o600)
    password.write_text("word")
    file = folder / "schedules.yaml"
    file.write_text(
        "clusters:\n  prod: {url: 'http://127.0.0.1:1', username: u, password_file: password}\n"
        "windows: {}\n"
    )
    return file


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "MULE_INTERNAL", "EUC_JP", "WIN1252"])
def test_another_encoding_is_refused_with_the_command(postgres: Postgres, encoding: str) -> None:
    """One line names the encoding and the command that makes a database that can be used."""
    url = made(postgres, encoding)
    with pytest.raises(EncodingError) as caught:
        open_ledger(url, Access.DAEMON)

    assert "\n" not in str(caught.value)
    assert f"encoding is {encoding}," in str(caught.value)
    command = str(caught.value).split("`")[1].split()
    postgres.run(*command, "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "postgres")
    with open_ledger(f"{url}_utf8", Access.DAEMON) as ledger:
        assert ledger.records() == []


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["status"],
        ["history"],
        ["calendar"],
        ["why", "prod/orders"],
        ["open", "outage", "--repository", "prod/orders", "--for", "1h"],
        ["release"],
        ["apply"],
    ],
    ids=lambda command: str(command[0]),
)
def test_every_command_refuses_it(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """No command goes on with such a database, as some do without a ledger."""
    file = written(tmp_path)
    url = made(postgres, "LATIN1")

    done = ended(capsys, "--config", str(file), "--ledger", url, *command)

    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "LATIN1" in done.err
    assert "createdb -E UTF8" in done.err


def test_no_daemon_starts_on_it(postgres: Postgres, tmp_path: Path) -> None:
    """A daemon ends at once, and says no more than others do."""
    command = ["--config", str(written(tmp_path)), "--ledger", made(postgres, "LATIN1"), "run"]

    done = subprocess.run(
        [sys.executable, "-m", "daemon", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "createdb -E UTF8" in done.stderr


def test_no_ledger_is_copied_there(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A move to such a database ends before anything is read or written."""
    source = f"sqlite:///{tmp_path}/old.db"
    open_ledger(source, Access.DAEMON).close()

    done = ended(capsys, "ledger", "copy", source, made(postgres, "LATIN1"))

    assert (done.code, "createdb -E UTF8" in done.err) == (1, True)


def test_a_database_out_of_reach_is_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file may be checked where its database is not reached, as on a laptop."""
    done = ended(
        capsys,
        "-c",
        str(written(tmp_path)),
        "--ledger",
        "postgresql+psycopg://x@127.0.0.1:1/x",
        "check",
    )

    assert done.code == 0


@pytest.fixture
def unkind(postgres: Postgres) -> Iterator[str]:
    """Make a database whose defaults are against us; return its name."""
    postgres.ask(f"create database unkind owner {ROLE}", "postgres")
    for name, value in UNKIND.items():
        postgres.ask(f"alter database unkind set {name} = '{value}'", "postgres")
    yield "unkind"
    postgres.ask("drop database unkind with (force)", "postgres")


@pytest.mark.parametrize("way", ["direct", "transaction", "session"])
def test_each_transaction_has_our_settings(
    postgres: Postgres, ways: dict[str, Pooler], unkind: str, way: str
) -> None:
    """Whatever the database sets for everybody, also behind a pooler, in each transaction."""
    url = postgres.url(unkind) if way == "direct" else ways[way].url(unkind)
    with open_ledger(url, Access.DAEMON) as ledger:
        assert isinstance(ledger, PostgresqlLedger)
        ledger.save([FULL], [sent(NOW)])
        found = [settings(ledger) for _ in range(3)]
        with ledger.transaction() as connection:
            connection.exec_driver_sql("select pg_sleep(0.1)").all()
        records = ledger.records()

    assert found == [CHOSEN] * 3
    assert [record.key for record in records] == [FULL.key]


def settings(ledger: PostgresqlLedger) -> dict[str, str]:
    """Read what holds in a transaction."""
    with ledger.transaction() as connection:
        return {name: connection.exec_driver_sql(f"show {name}").scalar_one() for name in CHOSEN}


def test_nothing_is_left_in_a_session(ways: dict[str, Pooler]) -> None:
    """Whoever gets the pooler's connection next finds it as it was."""
    way = ways["transaction"]
    with open_ledger(way.url(), Access.DAEMON) as ledger:
        # The driver would prepare what it is asked for the sixth time.
        for _ in range(8):
            ledger.save([FULL])
        ((found,),) = asked(way, "show statement_timeout")
        prepared = asked(way, "select name from pg_prepared_statements")

    assert (found, prepared) == ("0", [])


def asked(way: Pooler, statement: str) -> list[tuple[object, ...]]:
    """Ask by way of the pooler, on the session that the ledger has just used."""
    with psycopg.connect(
        f"host=127.0.0.1 port={way.port} user={ROLE} dbname=cbmaintd", autocommit=True
    ) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_what_cannot_hold_is_refused_with_fitting_advice(ways: dict[str, Pooler]) -> None:
    """A pooler that takes transactions apart is refused, and so are settings that it refuses."""
    with pytest.raises(LedgerError, match="set pool_mode = transaction or session"):
        open_ledger(ways["statement"].url(), Access.DAEMON)
    with pytest.raises(LedgerError, match="leave it out"):
        open_ledger(f"{ways['session'].url()}?options=-c%20work_mem%3D4MB", Access.DAEMON)


def test_sessions_that_end_while_idle_cost_nothing(
    postgres: Postgres, ways: dict[str, Pooler]
) -> None:
    """The server ends what is idle, the pooler is started anew: the next transaction just works."""
    way = ways["session"]
    with (
        open_ledger(postgres.url(), Access.DAEMON) as direct,
        open_ledger(way.url(), Access.DAEMON) as pooled,
    ):
        direct.save([FULL])
        pooled.records()
        postgres.ask(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name like 'cbmaintd %'"
        )
        found = direct.records(), pooled.records()
        way.kill()
        way.start()
        again = pooled.records()

    assert [len(records) for records in (*found, again)] == [1, 1, 1]
