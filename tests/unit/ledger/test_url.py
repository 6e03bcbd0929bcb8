"""The URL of a ledger: its parts, how it is shown, and what stands for one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.ledger.url import LEDGER, DatabaseUrl, database, from_argument, ledger, unverified

PLAIN = "postgresql+psycopg://cb@db1/cbmaintd"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PLAIN, DatabaseUrl("cb", None, "db1", "", "cbmaintd", {})),
        (
            "postgresql+psycopg://cb@db1:5432,[::1]:6432/c%40b?sslmode=verify-full&passfile=%2Fp",
            DatabaseUrl(
                "cb", None, "db1,::1", "5432,6432", "c@b",
                {"sslmode": "verify-full", "passfile": "/p"},
            ),
        ),
        (
            "postgresql+psycopg:///cbmaintd?host=/run/postgresql",
            DatabaseUrl(None, None, "/run/postgresql", "", "cbmaintd", {}),
        ),
        (
            "postgresql+psycopg://cb:hunter2@db1/cbmaintd",
            DatabaseUrl("cb", "hunter2", "db1", "", "cbmaintd", {}),
        ),
    ],
)  # fmt: skip
def test_a_database_url_is_taken_apart(text: str, wanted: DatabaseUrl) -> None:
    """Hosts may be several, as libpq has them; a socket's folder stands in the query."""
    found = database(text)

    assert found == wanted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PLAIN, PLAIN),
        ("postgresql+psycopg://cb:hunter2@db1:1/c?password=hunter2", "cb@db1:1/c"),
        ("postgresql+psycopg://cb@db1,db2/c?port=6432", "cb@db1:6432,db2/c"),
        ("postgresql+psycopg:///c?host=/run/postgresql", "/c"),
    ],
)
def test_a_database_url_is_shown_without_secrets(text: str, shown: str) -> None:
    """Messages name user, hosts and database, and nothing that could be a password."""
    found = database(text)

    assert found is not None
    assert found.shown.endswith(shown)
    assert "hunter2" not in found.shown + repr(found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("postgresql+psycopg://cb:hunter2@db1/cbmaintd", "password in the ledger's URL"),
        ("postgresql+psycopg://cb@db1/cbmaintd?password=hunter2", "PGPASSFILE"),
        ("postgresql+psycopg://cb@db1", "the database is missing"),
        ("postgresql+psycopg://cb@db1:hunter2/c", "a host or a port is wrong"),
        ("postgresql://cb@db1/cbmaintd", "one in PostgreSQL begins with postgresql\\+psycopg://"),
        ("mysql://cb:hunter2@db1/cbmaintd", "postgresql\\+psycopg://user@host/database"),
    ],
)
def test_a_file_names_no_other_ledger(text: str, fault: str) -> None:
    """A password in the file is refused with what to do instead; nothing of the URL is quoted."""
    with pytest.raises(ValueError, match=fault) as caught:
        ledger(text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        (PLAIN, True),
        ("postgresql+psycopg://cb@db1:5432,db2:5432/cbmaintd?sslmode=require", True),
        ("postgresql+psycopg:///cbmaintd", True),
        ("sqlite:////var/lib/cbmaintd/ledger.db", True),
        ("sqlite:////var/lib/cbmaintd/ledger?.db", False),
        ("postgresql+psycopg://cb:hunter2@db1/cbmaintd", False),
        ("postgresql://cb@db1/cbmaintd", False),
    ],
)
def test_editors_know_a_ledger_when_they_see_one(text: str, is_right: bool) -> None:
    """The pattern of the JSON Schema agrees with the reader."""
    assert bool(re.search(LEDGER, text)) is is_right


def test_a_path_stands_for_its_file() -> None:
    """An argument may be a URL, which stays as it is, or the path of a file."""
    assert from_argument(PLAIN) == PLAIN
    assert from_argument("/a/l.db") == "sqlite:////a/l.db"
    assert from_argument("l.db") == f"sqlite:///{Path.cwd()}/l.db"


@pytest.mark.parametrize(
    ("url", "environ", "is_warned"),
    [
        ("sqlite:////var/lib/ledger.db", {}, False),
        ("oops://", {}, False),
        ("postgresql+psycopg:///cbmaintd", {}, False),
        ("postgresql+psycopg:///cbmaintd?host=/run/postgresql", {}, False),
        ("postgresql+psycopg://u@localhost:5432/cbmaintd", {}, False),
        ("postgresql+psycopg://u@127.0.0.1,[::1]/cbmaintd", {}, False),
        ("postgresql+psycopg://u@db1/cbmaintd", {}, True),
        ("postgresql+psycopg://u@localhost,db2/cbmaintd", {}, True),
        ("postgresql+psycopg://u@db1/cbmaintd?sslmode=require", {}, True),
        ("postgresql+psycopg://u@db1/cbmaintd?sslmode=verify-ca", {}, True),
        ("postgresql+psycopg://u@db1/cbmaintd?sslmode=verify-full", {}, False),
        ("postgresql+psycopg://u@db1/cbmaintd", {"PGSSLMODE": "verify-full"}, False),
        ("postgresql+psycopg:///cbmaintd", {"PGHOST": "db1"}, True),
        ("postgresql+psycopg://u@localhost/cbmaintd?hostaddr=192.0.2.1", {}, True),
    ],
)
def test_a_database_over_the_network_is_to_be_verified(
    url: str, environ: dict[str, str], is_warned: bool
) -> None:
    """Whoever answers in its place would be given the password, or tell us what we hold."""
    warning = unverified(url, environ)

    assert (warning is not None) is is_warned
    assert warning is None or "sslmode=verify-full" in warning
