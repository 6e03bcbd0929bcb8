"""Authorities, and the PEM files that they issue: replaced whole, as people do who rotate them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme

HOST = "127.0.0.1"

Files = tuple[Path, Path]
"""A certificate with its chain, and its key."""


def put(path: Path, content: bytes) -> Path:
    """Replace a file, which others may not read, at one stroke."""
    draft = path.with_name(f"{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    return draft.replace(path)


class Authority:
    """One that issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        """Make its key."""
        self._folder = folder
        self._ca = trustme.CA()

    def certify(self, name: str) -> Path:
        """Write who it is."""
        return put(self._folder / name, self._ca.cert_pem.bytes())

    def issue(self, name: str, *identities: str, **options: Any) -> Files:
        """Write a certificate and then its key; *options* are those of trustme."""
        issued = self._ca.issue_cert(*identities, **options)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return (
            put(self._folder / f"{name}.pem", chain),
            put(self._folder / f"{name}.key", issued.private_key_pem.bytes()),
        )
