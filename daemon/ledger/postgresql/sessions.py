"""Connections to PostgreSQL, also by way of a pooler: what a transaction needs it sets itself.

A pooler gives each transaction to another session, and takes no settings when a client connects.
So there is no state of a session: each transaction begins with what it needs, in one message, and
no statement is prepared. That message also finds out whether a connection still works.

A network that drops every packet is noticed within seconds; no lock outlives us by more than that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from daemon.errors import EncodingError, LedgerError
from daemon.ledger.url import DatabaseUrl
from daemon.wording import printable

APPLICATION_NAME_PREFIX = "cbmaintd "
"""How the names under which the server lists our connections begin."""

WAIT_FOR_CONNECTION_S = 10.0
_ENCODING = "UTF8"
_SETTINGS = {
    "statement_timeout": "3s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "5s",
    "synchronous_commit": "on",
}
_ISOLATION = "read committed"
_NETWORK = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 4000,
}
_UNCONVERTED = re.compile(rf"conversion between {_ENCODING} and (\S+) is not supported")
_WARNINGS = "warnings"
_STATEMENT_POOLING = "transaction blocks not allowed in statement pooling mode"


def connect(url: DatabaseUrl, name: str, pool: int, *, is_read_only: bool) -> sa.Engine:
    """Return an engine of at most *pool* connections, which the server lists under *name*.

    Raises:
        LedgerError: the driver is not installed.

    """
    query = dict(url.query)
    arguments: dict[str, Any] = {
        **_NETWORK,
        **query,
        "application_name": name,
        "client_encoding": _ENCODING,
        # Behind a pooler the next transaction may be on a connection that prepared nothing.
        "prepare_threshold": None,
        # Transactions begin and end by our own words.
        "autocommit": True,
        **({"host": url.hosts, "port": url.ports} if url.hosts else {}),
    }
    try:
        engine = sa.create_engine(
            sa.URL.create(
                "postgresql+psycopg",
                username=url.username,
                password=url.password,
                database=url.database,
            ),
            connect_args={key: value for key, value in arguments.items() if value != ""},
            pool_size=pool,
            max_overflow=0,
            pool_timeout=WAIT_FOR_CONNECTION_S,
            use_native_hstore=False,
        )
    except ImportError as exc:
        raise LedgerError(
            f"{url.shown}: the driver of PostgreSQL is not installed:"
            " pip install 'cbmaintd[postgresql]'"
        ) from exc
    begin = _begin_statement(is_read_only=is_read_only)

    @sa.event.listens_for(engine, "connect")
    def _(made: Any, record: Any) -> None:
        warnings: list[str] = []
        record.info[_WARNINGS] = warnings
        made.add_notice_handler(lambda said: _note(said, warnings))

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def on_connect(engine: sa.Engine, url: DatabaseUrl, check: Callable[[], None]) -> None:
    """Call *check* before each connection is made, and refuse a database of another encoding."""

    @sa.event.listens_for(engine, "do_connect")
    def _(dialect: sa.Dialect, _record: object, arguments: Any, keywords: Any) -> Any:
        check()
        try:
            made: Any = dialect.connect(*arguments, **keywords)
        except Exception as exc:
            # It cannot even say so in ours.
            if found := _UNCONVERTED.search(str(exc)):
                raise EncodingError(_other_encoding(url, found[1])) from exc
            raise
        encoding = made.info.parameter_status("server_encoding")
        if encoding not in {None, _ENCODING}:
            made.close()
            raise EncodingError(_other_encoding(url, encoding))
        return made


def _other_encoding(url: DatabaseUrl, encoding: str) -> str:
    owner = ["-O", url.username] if url.username else []
    command = ["createdb", "-E", _ENCODING, "-l", "C", "-T", "template0", *owner]
    shown = printable(shlex.join([*command, f"{url.database}_utf8"]))
    return (
        f"{url.shown}: the database's encoding is {printable(encoding)}, and a ledger's has to be"
        f" {_ENCODING}: make another one, `{shown}`, and name it"
    )


def _begin_statement(*, is_read_only: bool) -> str:
    """Return what begins a transaction; the defaults of the role and the database do not count."""
    access = "READ ONLY" if is_read_only else "READ WRITE"
    settings = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in _SETTINGS.items())
    return f"BEGIN ISOLATION LEVEL {_ISOLATION.upper()} {access}{settings}"


def begin(engine: sa.Engine) -> sa.Connection:
    """Return a connection in a new transaction.

    One that broke since it was used last (a pooler or the server ends what is idle) is replaced.
    """
    connection = engine.connect()
    try:
        connection.begin()
    except sa.exc.DBAPIError as exc:
        connection.close()
        if not exc.connection_invalidated or _STATEMENT_POOLING in str(exc):
            raise
    else:
        return connection
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def commit(connection: sa.Connection) -> str | None:
    """Commit; return what the server warned of, if it did: then it may not be durable.

    Whoever cancels a commit that waits for a standby ends the wait alone. The transaction is on
    this server's disk by then, so that it answers with success, and a warning.
    """
    warnings: list[str] = connection.info[_WARNINGS]
    warnings.clear()
    connection.commit()
    return warnings[0] if warnings else None


def _note(said: Any, warnings: list[str]) -> None:
    if said.severity_nonlocalized == "WARNING":
        warnings.append(" ".join(str(said.message_primary).split()))


def verify(connection: sa.Connection, url: DatabaseUrl) -> None:
    """Raise LedgerError if what the transaction has set does not hold."""
    wanted = {"server_encoding": _ENCODING, "transaction_isolation": _ISOLATION, **_SETTINGS}
    asked = sa.select(*(sa.func.current_setting(name).label(name) for name in wanted))
    found = connection.execute(asked).one()._asdict()
    if found["server_encoding"] != _ENCODING:
        raise EncodingError(_other_encoding(url, found["server_encoding"]))
    differing = [
        f"{name} is {found[name]}" for name, value in wanted.items() if found[name] != value
    ]
    if differing:
        raise LedgerError(
            f"{url.shown}: what a transaction sets does not hold there ({', '.join(differing)}), so"
            " that a record might be lost: something between takes transactions apart; use"
            " pool_mode = transaction or session in pgbouncer, or leave the pooler out"
        )


def advice(what: str) -> str | None:
    """Return what to do about an error that a pooler or a standby gave; None for any other."""
    if _STATEMENT_POOLING in what:
        return "a ledger needs transactions: set pool_mode = transaction or session in pgbouncer"
    if "unsupported startup parameter" in what:
        return (
            "the pooler refuses what the URL or the environment sets beside it (options, $PGOPTIONS"
            " and the like): leave it out, the ledger needs none of it"
        )
    if "during recovery" in what:
        return "it is a standby: add target_session_attrs=read-write to the URL, with all hosts"
    return None
