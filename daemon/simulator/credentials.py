"""Who asks the simulator: as in Couchbase, the user in a client's certificate, else that of Basic.

Source: `couchbase/cbauth`, `AuthWebCreds`: a client's certificate comes before a password.
"""

from __future__ import annotations

import base64
import socket
import ssl

WRITERS = frozenset({"admin", "backup_admin"})
READERS = WRITERS | {"ro_admin"}
"""The roles that may change and read; any other may do nothing."""


def credentials(connection: socket.socket, header: str) -> tuple[str, str | None]:
    """Return user and password; the password is None if a certificate was verified."""
    user = _named(connection)
    return (user, None) if user else _basic(header)


def _named(connection: socket.socket) -> str:
    """Return the common name in a client's certificate; empty without a verified one."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    subject = shown.get("subject", ()) if shown else ()
    for part in subject:
        match part:
            case (("commonName", str(user)),):
                return user
            case _:
                pass
    return ""


def _basic(header: str) -> tuple[str, str]:
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
