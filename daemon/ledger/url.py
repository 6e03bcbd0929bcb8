"""The URL of a ledger, in a file or in a database. No message repeats a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from daemon.host.loopback import is_loopback

LEDGER = r"^(sqlite:///[^?\n]+|postgresql\+psycopg://([^:@/?#]+@)?[^@#]+)$"

A_LEDGER = "a ledger: write sqlite:////absolute/path.db, or postgresql+psycopg://user@host/database"

DATABASE = "postgresql+psycopg://"


def from_argument(text: str) -> str:
    """Return the URL of a ledger that is named by its URL or by the path of its file."""
    return text if "://" in text else f"sqlite:///{Path(text).absolute()}"


def ledger(text: str) -> str:
    """Return *text* if it is the URL of a ledger. Raises ValueError."""
    found = database(text)
    if found and (found.password is not None or "password" in found.query):
        raise ValueError(
            "a password in the ledger's URL is refused, because the file is no place for secrets:"
            " keep it in ~/.pgpass or a file that passfile=FILE in the URL or $PGPASSFILE names, or"
            " give it as $PGPASSWORD"
        )
    if not re.fullmatch(LEDGER, text):
        if text.startswith("/"):
            raise ValueError(
                f"this is not a ledger: write sqlite:////absolute/path.db, here sqlite:///{text}"
            )
        # Unquoted: the URL of a database server may hold a password.
        raise ValueError(f"this is not {A_LEDGER}")
    return text


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A ledger in PostgreSQL; `hosts` and `ports` may be lists with commas, as for libpq."""

    username: str | None
    password: str | None = field(repr=False)
    hosts: str
    ports: str
    database: str
    query: Mapping[str, str] = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL for messages, without password and parameters."""
        user = f"{quote(self.username)}@" if self.username else ""
        # One port may stand for all hosts.
        each = zip_longest(self.hosts.split(","), self.ports.split(","), fillvalue="")
        pairs = ((f"[{host}]" if ":" in host else host, port) for host, port in each if host)
        hosts = ",".join(f"{host}:{port}" if port else host for host, port in pairs)
        return f"{DATABASE}{user}{quote(hosts, safe=':,[]')}/{self.database}"

    def is_local(self, environ: Mapping[str, str]) -> bool:
        """Check whether it is on this machine; what the URL leaves open is in the environment."""
        hosts = self.query.get("hostaddr") or self.hosts or environ.get("PGHOST", "")
        return all(map(_is_local, hosts.split(",")))


def is_near(text: str, environ: Mapping[str, str]) -> bool:
    """Check whether *text* leads to a database on this machine."""
    try:
        found = database(text)
    except ValueError:
        return False
    return found is not None and found.is_local(environ)


def unverified(text: str, environ: Mapping[str, str]) -> str | None:
    """Return a warning if *text* leads to a database over the network that is not verified.

    What it leaves open, libpq takes from the environment.
    """
    try:
        found = database(text)
    except ValueError:
        return None
    if found is None:
        return None
    mode = found.query.get("sslmode") or environ.get("PGSSLMODE")
    if mode == "verify-full" or found.is_local(environ):
        return None
    return (
        f"ledger: {found.shown} is reached over the network, and nothing makes sure that it is that"
        " server: add sslmode=verify-full to the URL, and sslrootcert=FILE for an authority that"
        " this machine does not trust"
    )


def _is_local(host: str) -> bool:
    """Check whether a host of libpq is a socket, its default, or this machine's loopback."""
    return not host or host.startswith(("/", "@")) or is_loopback(host.lower())


def database(text: str) -> DatabaseUrl | None:
    """Parse the URL of a ledger in PostgreSQL; None if it is of another kind. Raises ValueError.

    Several hosts are written as for libpq: `host1:5432,host2:5432`. No message repeats the URL.
    """
    if not text.startswith("postgres"):
        return None
    if not text.startswith(DATABASE):
        raise ValueError(f"this is not a ledger's URL: one in PostgreSQL begins with {DATABASE}")
    address, _, query = text.removeprefix(DATABASE).partition("?")
    location, _, name = address.partition("/")
    user, _, servers = location.rpartition("@")
    username, colon, password = user.partition(":")
    if not name:
        raise ValueError(f"this is not {A_LEDGER}: the database is missing")
    given = dict(parse_qsl(query))
    pairs = [_server(server) for server in servers.split(",")]
    return DatabaseUrl(
        username=unquote(username) or None,
        password=unquote(password) if colon else None,
        hosts=given.pop("host", ",".join(host for host, _ in pairs)),
        ports=given.pop("port", ",".join(port for _, port in pairs)),
        database=unquote(name),
        query=given,
    )


def _server(text: str) -> tuple[str, str]:
    """Split a host from its port; an IPv6 address is in brackets."""
    matched = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", text)
    if not matched:
        raise ValueError(f"this is not {A_LEDGER}: a host or a port is wrong")
    return matched[1] or unquote(matched[2]), matched[3] or ""
