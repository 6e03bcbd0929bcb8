"""Which nodes of a cluster run the Backup Service: a pure reading of its list of nodes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

PATH = "/pools/default/nodeServices"
"""Where a cluster manager lists its active nodes and their ports.

Source: `couchbase/ns_server`, `bucket_info_cache.erl`.
"""

_PORT_KEYS = {"http": "backupAPI", "https": "backupAPIHTTPS"}
_LABEL = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# What ends so is an address to a resolver, however few numbers it has.
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_LONGEST_NAME = 253
_LARGEST_PORT = 65535
_MOST_NODES = 1000


def origin(host: object, port: object) -> str | None:
    """Return `host:port` as a URL has it; None if either is not what a node can be reached at.

    A host is an IPv4 address, an IPv6 address without brackets and zone, or a name of letters,
    digits, `-` and `_` in labels. A port is a number, and no text or boolean.
    """
    if type(port) is not int or not 0 < port <= _LARGEST_PORT:
        return None
    if not isinstance(host, str) or not 0 < len(host) <= _LONGEST_NAME:
        return None
    if ":" in host:
        return f"[{host}]:{port}" if "%" not in host and _is_address(host) else None
    if not (_is_address(host) if _NUMERIC.fullmatch(host) else _NAME.fullmatch(host)):
        return None
    return f"{host}:{port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def service_roots(document: object, asked: str) -> tuple[str, ...]:
    """Return the roots of the Backup Service by the nodeServices that the root *asked* gave.

    The scheme stays that of *asked*. External addresses hold if *asked* is one of them, as in the
    vendor's own tools: a client that came in from outside cannot reach the internal ones. Empty if
    no node runs the service where it can be reached. Raises: ValueError for anything else than
    nodeServices.
    """
    listed = document.get("nodesExt") if isinstance(document, dict) else None
    nodes = [node for node in listed if isinstance(node, dict)] if isinstance(listed, list) else []
    if not isinstance(listed, list) or (listed and not nodes):
        raise ValueError("the answer is not a list of nodes and their services")
    nodes = nodes[:_MOST_NODES]
    parts = urlsplit(asked)
    host = (parts.hostname or "").lower()
    is_outside = any(str(_external(node).get("hostname")).lower() == host for node in nodes)
    places = (_place(node, _PORT_KEYS[parts.scheme], is_outside=is_outside) for node in nodes)
    return tuple(dict.fromkeys(_urls(places, parts.scheme, host)))


def _urls(places: Iterator[tuple[object, object]], scheme: str, asked: str) -> Iterator[str]:
    for hostname, port in places:
        # A node that knows itself as localhost names no host.
        place = origin(asked if hostname is None else hostname, port)
        if place is not None:
            yield f"{scheme}://{place}"


def _place(node: dict[str, object], key: str, *, is_outside: bool) -> tuple[object, object]:
    """Return host and port of the service on *node*; no port if it cannot be reached there."""
    inside = _section(node, "services")
    if not is_outside:
        return node.get("hostname"), inside.get(key)
    external = _external(node)
    ports = _section(external, "ports") if "ports" in external else inside
    return (external["hostname"], ports.get(key)) if "hostname" in external else (None, None)


def _external(node: dict[str, object]) -> dict[str, object]:
    return _section(_section(node, "alternateAddresses"), "external")


def _section(document: dict[str, object], key: str) -> dict[str, object]:
    section = document.get(key)
    return section if isinstance(section, dict) else {}
