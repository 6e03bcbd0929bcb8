"""What the last list of a cluster showed, as far as openings go, and its text in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from daemon.core.decide import Reason
from daemon.wording import json_text


@dataclass(frozen=True, slots=True)
class Listing:
    """The ids of a cluster's repositories as of its last list.

    `openings` are the ids of the openings in force when it was taken: what an earlier list shows
    need not be all that a later opening is for. `left` says why some of what these openings want
    was left alone.
    """

    ids: frozenset[str] = frozenset()
    openings: frozenset[str] = frozenset()
    left: Mapping[str, Reason] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse what `text` returned. Raises ValueError."""
        match json.loads(text):
            case {"ids": list(ids), "openings": list(openings), "left": dict(reasons)}:
                left = {id_: Reason(reason) for reason, named in reasons.items() for id_ in named}
                return cls(frozenset(ids), frozenset(openings), left)
            case _:
                raise ValueError("this is no listing")

    def text(self) -> str:
        """Return it as text, for the ledger; that of equal ones is the same."""
        left: dict[str, list[str]] = {}
        for id_, reason in sorted(self.left.items()):
            left.setdefault(reason, []).append(id_)
        return json_text({"ids": sorted(self.ids), "openings": sorted(self.openings), "left": left})
