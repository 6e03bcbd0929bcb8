"""How schedules.yaml writes where things are: clusters, the ledger, our own port, repositories.

Readers as in `notation`. None of them repeats an address that may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from daemon.wording import shown

REPOSITORY_ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,49}$")
URL = r"^https?://[^\s@/?#]+(/[^\s@?#]*)?$"
LISTEN = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
LEDGER = r"^(sqlite:///.+|postgresql\+psycopg://([^:@/?#]+@)?[^@#]+)$"

A_URL = "a URL: write https://host:18097"
A_LISTENER = "an address and a port: write 127.0.0.1:9797 or, in quotes, [::1]:9797"
A_LEDGER = "a ledger: write sqlite:////absolute/path.db, or postgresql+psycopg://user@host/database"
DATABASE = "postgresql+psycopg://"

_LAST_PORT = 65535


def url(text: str) -> str:
    """Read the root of a service; a slash at its end is dropped."""
    if "@" in text:
        raise ValueError(
            "a user in a URL is refused, since the file is no place for secrets: use username and"
            " password_file"
        )
    if not re.fullmatch(URL, text) or not _has_host_and_port(text):
        raise ValueError(f"{shown(text)} is not {A_URL}, without ? and #")
    root = text.rstrip("/")
    if root.endswith("/api/v1"):
        raise ValueError(f"{shown(text)} names the API: write {root.removesuffix('/api/v1')}")
    return root


def _has_host_and_port(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return bool(re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or "")) and port != 0


def is_plain_http_to_elsewhere(root: str) -> bool:
    """Check whether calls to *root* would carry credentials in the clear over a network."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Check whether *host*, a name or an address without brackets, is this machine alone."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listener(text: str) -> tuple[str, int]:
    """Read the address and port to listen at; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not re.fullmatch(LISTEN, text) or not 1 <= int(port) <= _LAST_PORT:
        raise ValueError(f"{shown(text)} is not {A_LISTENER}")
    if host.startswith("["):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{shown(host)} is not an IPv6 address") from None
    return host, int(port)


def ledger(text: str) -> str:
    """Read the ledger's URL."""
    found = database(text)
    if found and (found.password is not None or "password" in found.query):
        raise ValueError(
            "a password in the ledger's URL is refused, since the file is no place for secrets:"
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
    """A ledger in PostgreSQL, as libpq takes it: `hosts` and `ports` may be lists with commas.

    `shown` names it in messages, without password and parameters.
    """

    username: str | None
    password: str | None = field(repr=False)
    hosts: str
    ports: str
    database: str
    query: Mapping[str, str] = field(repr=False)

    @property
    def shown(self) -> str:
        """Return it as people may read it."""
        user = f"{quote(self.username)}@" if self.username else ""
        # One port may stand for all hosts.
        each = zip_longest(self.hosts.split(","), self.ports.split(","), fillvalue="")
        pairs = ((f"[{host}]" if ":" in host else host, port) for host, port in each if host)
        hosts = ",".join(f"{host}:{port}" if port else host for host, port in pairs)
        return f"{DATABASE}{user}{quote(hosts, safe=':,[]')}/{self.database}"


def database(text: str) -> DatabaseUrl | None:
    """Take the URL of a ledger in PostgreSQL apart; None if it is of another kind.

    Several hosts stand as libpq has them: `host1:5432,host2:5432`. No message repeats the URL.
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
    """Take a host apart from its port; an IPv6 address stands in brackets."""
    matched = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*))(?::([0-9]{1,5}))?", text)
    if not matched:
        raise ValueError(f"this is not {A_LEDGER}: a host or a port is wrong")
    return matched[1] or unquote(matched[2]), matched[3] or ""


def variable(text: str) -> str:
    """Read the name of an environment variable."""
    if not re.fullmatch(VARIABLE, text):
        # Unquoted: it may be the password itself.
        raise ValueError("this is not the name of an environment variable: letters, digits and _")
    return text


def username(text: str) -> str:
    """Read a user's name."""
    if not text or ":" in text:
        raise ValueError(f"{shown(text)} is not a username: it may not be empty nor have a colon")
    return text


def file_name(text: str) -> str:
    """Read the name of a file."""
    if not text.strip():
        raise ValueError("the name of a file may not be empty")
    return text


def repository_pattern(text: str) -> str:
    """Read a repository's id or a glob over ids, either after `!` to take away."""
    pattern = text.removeprefix("!")
    # What stands in brackets is one character to the glob; a bracket left over is itself.
    plain = re.sub(r"\[[!^]?[^]]+\]", "?", pattern)
    if plain == pattern and not re.search(r"[*?]", pattern):
        if not REPOSITORY_ID.fullmatch(pattern):
            raise ValueError(
                f"{shown(text)} is not a repository id: letters, digits, _ and -, the first a"
                " letter or digit, at most 50"
            )
    elif not re.fullmatch(r"[0-9A-Za-z*?][0-9A-Za-z*?_-]*", plain):
        raise ValueError(
            f"{shown(text)} can match no repository: ids have letters, digits, _ and - only"
        )
    return text
