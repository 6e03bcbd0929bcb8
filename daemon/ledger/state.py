"""What a daemon reports about itself in the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from daemon.wording import json_text


@dataclass(frozen=True, slots=True)
class Reading:
    """The last reading of the file: its own id, and the faults of the file."""

    id: str = ""
    faults: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse what `text` returned."""
        found = json.loads(text)
        return cls(str(found["number"]), tuple(found["faults"]))

    def text(self) -> str:
        """Return it as text for the ledger."""
        return json_text({"number": self.id, "faults": self.faults})


@dataclass(frozen=True, slots=True)
class DaemonState:
    """Which daemon runs on the ledger, since when (UTC), and how it read its file."""

    running: bool
    pid: int | None
    host: str | None
    since: datetime | None
    reading: Reading

    @property
    def config(self) -> str:
        """Whether the file is in force: `ok` or `rejected`."""
        return "rejected" if self.reading.faults else "ok"


@dataclass(frozen=True, slots=True)
class Member:
    """One of several daemons on a shared ledger.

    `age` is the time since its last heartbeat; `agrees`: its file is the configuration in force.
    `skew` is how far its wall clock is ahead of the database's, `clusters` how many it has claimed.
    """

    id: str
    host: str
    pid: int
    since: datetime
    is_live: bool
    age: timedelta
    lease: timedelta
    version: str
    digest: str
    agrees: bool
    skew: timedelta
    clusters: int
    reading: Reading

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.host} pid {self.pid}"


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """A configuration that was in force: its text, its path and folder, the files it names."""

    path: str
    folder: Path
    text: bytes
    applied: datetime
    attached: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of the text and of the files it names."""
        return digest_of(self.text, self.attached)


def digest_of(text: bytes, attached: Mapping[str, str]) -> str:
    """Return the SHA-256 of a configuration: its text alone, unless it names files."""
    digest = hashlib.sha256(text)
    if attached:
        digest.update(json.dumps(dict(attached), sort_keys=True).encode())
    return digest.hexdigest()
