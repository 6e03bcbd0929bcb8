"""Which addresses are this host alone: nothing that goes there crosses a network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_plain_http_to_elsewhere(root: str) -> bool:
    """Check whether calls to *root* would carry credentials in the clear over a network."""
    parts = urlsplit(root)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Check whether *host*, a name or an address without brackets, is this machine only."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
