"""What a daemon tells of itself in the ledger: who runs, what it read last, what is in force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Reading:
    """The last reading of the file: a number of its own, and what was wrong with the file."""

    number: str = ""
    faults: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote."""
        found = json.loads(text)
        return cls(str(found["number"]), tuple(found["faults"]))

    def text(self) -> str:
        """Write it, for the ledger."""
        return json.dumps({"number": self.number, "faults": self.faults})


@dataclass(frozen=True, slots=True)
class DaemonState:
    """Who runs on the ledger, since when (UTC), and what came of reading its file."""

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

    `age` is how long ago it was heard of; it is live while that is within its `lease`. `agrees`:
    its file is the configuration in force. `skew` is how far its wall clock is ahead of the
    database's, `clusters` how many it speaks to.
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
        """What tells it from others: the SHA-256 of the text and of the files it names."""
        digest = hashlib.sha256(self.text)
        if self.attached:
            digest.update(json.dumps(dict(self.attached), sort_keys=True).encode())
        return digest.hexdigest()
