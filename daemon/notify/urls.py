"""The secrets of a target, its URL and headers: read from where the file says, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from daemon.errors import SecretError
from daemon.host.secrets import read_password
from daemon.notify.targets import Header, Target


def url_of(target: Target, environ: Mapping[str, str]) -> str:
    """Read the URL of *target* anew.

    Raises:
        SecretError: there is none, or too many may read it.
        ValueError: it is no URL that the target's kind can use; it is not quoted.

    """
    url = read_password(target.url_file, target.url_env, environ).reveal().strip()
    source = target.url_file or f"the environment's variable {target.url_env}"
    try:
        parts = urlsplit(url)
        # Reading the port is what finds it wrong.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(f"{source}: it has no URL that can be understood") from None
    try:
        target.kind.check_form(parts, has_host=has_host)
    except ValueError as exc:
        raise ValueError(f"{source}: {exc}") from None
    return url


def value_of(header: Header, environ: Mapping[str, str]) -> str:
    """Read the value of *header* anew. Raises SecretError, which does not quote it."""
    value = read_password(header.file, header.env, environ).reveal().strip()
    if not (value and value.isascii()):
        source = header.file or f"the environment's variable {header.env}"
        raise SecretError(f"{source}: no header can have this value: ASCII is needed")
    return value
