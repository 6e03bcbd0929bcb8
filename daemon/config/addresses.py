"""Parse the addresses in schedules.yaml: of clusters, of the endpoint, of repositories.

Functions as in `notation`. None of them quotes an address that may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from daemon.core.repository import ID_RULE, is_id
from daemon.wording import shown

URL = r"^https?://[^\s@/?#]+(/[^\s@?#]*)?$"
LISTEN = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,62}$"

A_URL = "a URL: write https://host:18097"
A_VARIABLE = "the name of an environment variable: letters, digits and _"
A_HEADER = "the name of a header: letters, digits and -"
A_LISTENER = "an address and a port: write 127.0.0.1:9797 or, in quotes, [::1]:9797"

LONGEST_PATTERN = 200
"""How long a glob over repositories may be: thousands are matched against thousands of ids."""

_LAST_PORT = 65535
_BACKUP = {8097: "http", 18097: "https"}
_MANAGER = {8091: "http", 18091: "https"}
_PROXY = "/_p/backup"
"""Below it the cluster manager passes requests on to the Backup Service."""
_OWN_HEADERS = {"host", "connection", "content-length", "content-type", "transfer-encoding"}


def url(text: str) -> str:
    """Parse the root URL of a service; a trailing slash is dropped."""
    if "@" in text:
        raise ValueError(
            "a user in a URL is refused, because the file is no place for secrets: use username and"
            " password_file"
        )
    if not _is_url(text):
        if "://" not in text and _is_url(meant := _with_scheme(text)):
            raise ValueError(f"{shown(text)} has no scheme: write {meant}")
        raise ValueError(f"{shown(text)} is not {A_URL}, without ? and #")
    root = text.rstrip("/")
    if root.endswith("/api/v1"):
        raise ValueError(f"{shown(text)} names the API: write {root.removesuffix('/api/v1')}")
    return root


def _is_url(text: str) -> bool:
    return bool(re.fullmatch(URL, text)) and _has_host_and_port(text)


def _with_scheme(text: str) -> str:
    """Return an address with the scheme that its port speaks, https if any might."""
    host, _, port = text.partition(":")
    speaks = {str(number): scheme for number, scheme in (_BACKUP | _MANAGER).items()}
    return f"{speaks.get(port, 'https')}://{host}:{port or 18097}"


def _has_host_and_port(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return bool(re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or "")) and port != 0


def port_advice(root: str, key: str) -> str | None:
    """Return what cannot be right about the port of *root*, under the key `url` or `discover`.

    It is the commonest mistake of a first file. Any port but Couchbase's own may be forwarded, and
    is nobody's business. Source: the vendor's list of ports.
    """
    parts = urlsplit(root)
    is_url = key == "url" and not parts.path.startswith(_PROXY)
    ours, others = (_BACKUP, _MANAGER) if is_url else (_MANAGER, _BACKUP)
    plain, secure = ours
    right = secure if parts.scheme == "https" else plain
    what = "the Backup Service" if is_url else "the cluster manager"
    if parts.port is None:
        default = 443 if parts.scheme == "https" else 80
        return f"{root} has no port, which means {default}: {what} is usually at {right}"
    if parts.port in others:
        other = "discover" if is_url else "url"
        owner = "cluster manager" if is_url else "Backup Service"
        return (
            f"{parts.port} is the port of the {owner}: write it under {other}, or take {right},"
            f" the port of {what}"
        )
    speaks = ours.get(parts.port)
    if speaks and speaks != parts.scheme:
        return (
            f"{parts.port} speaks {speaks}: write {speaks}://, or take {right} for {parts.scheme}"
        )
    return None


def listener(text: str) -> tuple[str, int]:
    """Parse the address and port to listen on; an IPv6 address is in brackets."""
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


def header_name(text: str) -> str:
    """Parse the name of a header that goes along with a message."""
    if not re.fullmatch(HEADER, text):
        raise ValueError(f"{shown(text)} is not {A_HEADER}")
    if text.lower() in _OWN_HEADERS:
        raise ValueError(f"{text} is a header that you cannot set")
    return text


def variable(text: str) -> str:
    """Parse the name of an environment variable."""
    if not re.fullmatch(VARIABLE, text):
        # Unquoted: it may be the password itself.
        raise ValueError(f"this is not {A_VARIABLE}")
    return text


def username(text: str) -> str:
    """Parse a user name."""
    if not text or ":" in text:
        raise ValueError(f"{shown(text)} is not a username: it may not be empty nor have a colon")
    return text


def file_name(text: str) -> str:
    """Parse the name of a file."""
    if not text.strip():
        raise ValueError("the name of a file may not be empty")
    if found := re.search(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)", text):
        raise ValueError(
            f"{shown(text)} contains a variable, and variables are not expanded: write the file's"
            f" own name; for a password in a variable write password_env: {found[1]}"
        )
    return text


def check_brackets(glob: str) -> None:
    """Raise ValueError for `[^a]`, which to some shells is any but a, and to us would be a."""
    if "[^" in glob:
        raise ValueError(f"{shown(glob)}: write [! for any character but those that follow")


def repository_pattern(text: str) -> str:
    """Parse a repository id or a glob over ids; a leading `!` excludes what it matches."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(
            f"{shown(text)} can match no repository: it has {len(text)} characters, at most"
            f" {LONGEST_PATTERN} are allowed, and ids have at most 50"
        )
    pattern = text.removeprefix("!")
    check_brackets(pattern)
    # Brackets match one character in a glob; an unclosed or empty one matches itself.
    plain = re.sub(r"\[!?+[^]]+\]", "?", pattern)
    if plain == pattern and not re.search(r"[*?]", pattern):
        if not is_id(pattern):
            raise ValueError(f"{shown(text)} is not a repository id: {ID_RULE}")
    elif not re.fullmatch(r"[0-9A-Za-z*?][0-9A-Za-z*?_-]*", plain):
        raise ValueError(
            f"{shown(text)} can match no repository: ids have letters, digits, _ and - only"
        )
    return text
