"""The ledger on a real PostgreSQL: the same as on SQLite, and what only a database has."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.attempt import Attempt
from daemon.core.record import LATE, Record, Suspicion
from daemon.core.repository import RepositoryKey
from daemon.errors import LedgerError
from daemon.host.clock import SystemClock
from daemon.ledger.ledger import SCHEMA_VERSION, Access, Ledger
from daemon.ledger.opening import open_ledger
from daemon.ledger.postgresql.database import PostgresqlLedger
from daemon.ledger.state import AppliedConfig
from daemon.windows.overrides import Override, OverrideKind
from daemon.wording import printable
from tests.host.postgres import Postgres, unavailable
from tests.unit.ledger.ledger_samples import CONFIG, DAY, FULL, NOW, sent
from tests.unit.nasty_text import EVERY, filled

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

PLAIN = replace(FULL, suspect_pause=None, suspect_resume=None)


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Name a ledger in a database without any table of ours."""
    postgres.clear()
    return postgres.url()


def _open(url: str, access: Access = Access.DAEMON) -> PostgresqlLedger:
    ledger = open_ledger(url, access)
    assert isinstance(ledger, PostgresqlLedger)
    return ledger


def test_records_come_back_as_they_were(url: str) -> None:
    """Every field of a record but the ends of suspicions survives as it is."""
    with _open(url) as ledger:
        ledger.save([PLAIN], [sent(NOW)])
        ledger.save([PLAIN])
        before = ledger.records()
        ledger.save([Record(PLAIN.key)])
        after = ledger.records()

    assert (before, after) == ([PLAIN], [])


def test_a_suspicion_is_read_on_the_clock_of_whoever_reads(url: str) -> None:
    """What is left of a suspicion is left on another host too, whose boot and uptime differ."""
    now = SystemClock()()
    suspected = replace(PLAIN, suspect_pause=Suspicion.starting(now, LATE))
    with _open(url) as ledger:
        ledger.save([suspected])
        text = str(postgres_text(ledger))
        (found,) = ledger.records()

    assert found.suspect_pause is not None
    assert now.boot_id not in text
    assert found.suspect_pause.boot_id == now.boot_id
    longer = found.suspect_pause.until - (now.uptime + LATE)
    assert timedelta(0) <= longer < timedelta(seconds=1)


def postgres_text(ledger: PostgresqlLedger) -> object:
    """Read what is written of the suspicion."""
    with ledger.transaction() as connection:
        return connection.exec_driver_sql("select suspect_pause from record").scalar_one()


def test_instants_are_ordered_whatever_the_language_is(url: str) -> None:
    """Whole seconds and fractions of them are told apart by their bytes, not as words."""
    with _open(url) as ledger:
        whole = NOW.replace(microsecond=0)
        ledger.save([], [sent(whole + timedelta(milliseconds=500)), sent(whole), sent(whole - DAY)])
        found = [attempt.started for attempt in ledger.attempts(whole)]
        ledger.forget_attempts(whole, 10)
        left = len(ledger.attempts(whole - 9 * DAY))

    assert found == [whole, whole + timedelta(milliseconds=500)]
    assert left == 2


def test_decisions_are_shared(url: str) -> None:
    """What one adds, another that has the ledger open sees."""
    decision = Override(OverrideKind.SKIP, "nightly", NOW, None, NOW, "me@here", "why not", ())
    with _open(url) as daemon, _open(url, Access.EDIT) as person:
        person.add_override(decision)
        found = daemon.new_overrides(0), daemon.new_overrides(1)

    assert found == ([decision], None)


def test_the_first_configuration_stays_until_one_is_applied(url: str) -> None:
    """Only the first daemon's file is kept by itself; `apply` makes another the next generation."""
    other = AppliedConfig("other.yaml", CONFIG.folder, b"windows: {a: 1}\n", NOW)
    with _open(url) as ledger:
        ledger.save_config(CONFIG)
        ledger.save_config(other)
        first = ledger.last_good()
        generations = ledger.apply(CONFIG), ledger.apply(other), ledger.apply(other)
        second = ledger.last_good()

    assert (first, second) == (CONFIG, other)
    assert generations[0] < generations[1] == generations[2]


def test_daemons_that_start_together_make_the_tables_once(url: str) -> None:
    """Of several daemons that find an empty database at the same time none fails."""
    with ThreadPoolExecutor(6) as executor:
        ledgers = list(executor.map(_open, [url] * 6))
    versions = {_version(ledger) for ledger in ledgers}
    for ledger in ledgers:
        ledger.close()

    assert versions == {SCHEMA_VERSION}


def _version(ledger: Ledger) -> int:
    with ledger.transaction() as connection:
        return ledger.read_version(connection)


def test_a_reader_of_an_empty_database_is_told(url: str) -> None:
    """Where no daemon has run there is no ledger, and looking makes none."""
    with pytest.raises(LedgerError, match="no daemon has run"):
        _open(url, Access.READ)


def test_a_reader_cannot_write(url: str) -> None:
    """Whoever opens it to look changes nothing, whatever he calls."""
    _open(url).close()

    with _open(url, Access.READ) as reader, pytest.raises(LedgerError, match="read-only"):
        reader.save([PLAIN])


def test_a_newer_ledger_is_left_alone(url: str, postgres: Postgres) -> None:
    """A ledger of a newer version is refused, by number and with the way out."""
    _open(url).close()
    postgres.ask("update meta set value = '99' where name = 'schema_version'")

    with pytest.raises(LedgerError, match=f"version 99, newer than .*{SCHEMA_VERSION}"):
        _open(url)


def test_a_server_that_is_away_is_named_without_the_password(url: str) -> None:
    """Nobody at the port: one line with the place and what to check, and no password."""
    away = url.replace("cb@127.0.0.1", "cb:hunter2@127.0.0.1").replace(
        url.rsplit(":", maxsplit=1)[-1].split("/", maxsplit=1)[0], "1"
    )
    with pytest.raises(LedgerError, match=r"cb@127\.0\.0\.1:1/cbmaintd: .*psql") as caught:
        _open(away)

    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("url")
def test_of_several_hosts_the_one_that_takes_writes_is_found(postgres: Postgres) -> None:
    """A URL may list hosts as libpq does; those that are away are passed over."""
    several = (
        f"postgresql+psycopg://cb@127.0.0.1:1,127.0.0.1:{postgres.port}/cbmaintd"
        "?target_session_attrs=read-write"
    )
    with _open(several) as ledger:
        ledger.save([PLAIN])
        found = ledger.records()

    assert found == [PLAIN]


def test_a_restarted_server_is_found_again(url: str, postgres: Postgres) -> None:
    """After a crash of the server one save may fail; later ones land without our help."""
    with _open(url) as ledger:
        ledger.save([PLAIN])
        postgres.kill()
        with pytest.raises(LedgerError, match="cannot be used"):
            ledger.save([])
        with pytest.raises(LedgerError, match="just now"):
            ledger.records()
        postgres.start()
        found = _patiently(ledger)

    assert found == [PLAIN]


def _patiently(ledger: Ledger) -> list[Record]:
    end = time.monotonic() + 10
    while True:
        try:
            return ledger.records()
        except LedgerError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_without_a_standby_nothing_is_warned_of(url: str) -> None:
    """A server on its own loses nothing in a failover that it has not."""
    with _open(url) as ledger:
        assert ledger.standby_warning() is None


def test_the_database_takes_whatever_anybody_says(url: str) -> None:
    """NUL and surrogates, which it refuses, come back as escapes; no write fails for them."""
    with open_ledger(url, Access.DAEMON) as ledger:
        ledger.save([filled(Record, EVERY)], [filled(Attempt, EVERY)])
        ledger.add_override(filled(Override, EVERY))

        assert [record.last_error for record in ledger.records()] == [printable(EVERY)]
        assert [attempt.message for attempt in ledger.attempts(NOW - DAY)] == [printable(EVERY)]
        assert [decision.reason for decision in ledger.overrides()] == [printable(EVERY)]


def test_texts_that_mean_something_in_an_array_mean_themselves(url: str) -> None:
    """All rows go to the server in arrays, whose syntax none of their texts is taken for."""
    texts = ["", "NULL", "null", "{}", "a,b", '"', "\\", '\\"', "{\\", " x ", "Łódź 🛠", "'; --"]
    errors = [None, *texts]
    records = [
        replace(PLAIN, key=RepositoryKey("prod", f"r{number:02}"), last_error=error)
        for number, error in enumerate(errors)
    ]
    attempts = [replace(sent(NOW), message=text) for text in texts]
    with _open(url) as ledger:
        ledger.save(records, attempts)
        found = sorted(ledger.records(), key=lambda record: record.key)

        assert [record.last_error for record in found] == errors
        assert [attempt.message for attempt in ledger.attempts(NOW)] == texts
        ledger.save([Record(record.key) for record in records])
        assert ledger.records() == []
