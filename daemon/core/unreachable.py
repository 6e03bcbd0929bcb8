"""A cluster that is not responding correctly, and its text in the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from daemon.wording import json_text


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A cluster that is not responding correctly: since when (UTC), and why."""

    cluster: str
    error: str
    message: str
    since: datetime

    @classmethod
    def parse(cls, cluster: str, text: str) -> Self:
        """Parse what `text` returned."""
        found = json.loads(text)
        since = datetime.fromisoformat(found["since"])
        return cls(cluster, str(found["error"]), str(found["message"]), since)

    def text(self) -> str:
        """Return it as text, for the ledger."""
        said = {"error": self.error, "message": self.message, "since": self.since.isoformat()}
        return json_text(said)
