"""Which nodes of a cluster run the Backup Service: a pure reading of its list of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

PATH = "/pools/default/nodeServices"
"""Where a cluster manager lists its active nodes and their ports.

Source: `couchbase/ns_server`, `bucket_info_cache.erl`.
"""

_PORT_KEYS = {"http": "backupAPI", "https": "backupAPIHTTPS"}
_HOST = re.compile(r"[0-9A-Za-z_.:-]{1,255}")
_LARGEST_PORT = 65535


def service_roots(document: object, asked: str) -> tuple[str, ...]:
    """Return the roots of the Backup Service by the nodeServices that the root *asked* gave.

    The scheme stays that of *asked*. External addresses hold if *asked* is one of them, as in the
    vendor's own tools: a client that came in from outside cannot reach the internal ones. Empty if
    no node runs the service where it can be reached. Raises: ValueError for anything else than
    nodeServices.
    """
    match document:
        case {"nodesExt": [*nodes]} if all(isinstance(node, dict) for node in nodes):
            pass
        case _:
            raise ValueError("the answer is not a list of nodes and their services")
    parts = urlsplit(asked)
    host = (parts.hostname or "").lower()
    is_outside = any(str(_external(node).get("hostname")).lower() == host for node in nodes)
    places = (_place(node, _PORT_KEYS[parts.scheme], is_outside=is_outside) for node in nodes)
    return tuple(dict.fromkeys(_urls(places, parts.scheme, host)))


def _urls(places: Iterator[tuple[object, object]], scheme: str, asked: str) -> Iterator[str]:
    for hostname, port in places:
        # A node that knows itself as localhost names no host.
        host = asked if hostname is None else hostname
        if not isinstance(port, int) or not 0 < port <= _LARGEST_PORT:
            continue
        if isinstance(host, str) and _HOST.fullmatch(host):
            yield f"{scheme}://{_bracketed(host)}:{port}"


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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
