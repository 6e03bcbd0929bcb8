"""Faults: what the next matching requests get instead of an answer, and servers that are odd.

Tests arm a `Fault` for a few requests; `simulate --fault` makes an `OddServer` for as long as it
runs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from daemon.simulator.refusals import Json


@dataclass
class Fault:
    """What happens to `count` requests whose method and path match.

    `status` answers in the service's place; `drop` closes without a byte, before anything is
    applied; `apply_then_reset` applies and then resets; `ignore` answers 200 and does nothing;
    `late` drops the answer and applies after that long; `delay` waits first.
    """

    method: str
    path: re.Pattern[str]
    count: int = 1
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    apply_then_reset: bool = False
    ignore: bool = False
    late: timedelta | None = None


class Faults:
    """The faults that are armed; each matching request uses one up."""

    def __init__(self) -> None:
        """Begin with none."""
        self._armed: list[Fault] = []
        self._turn = threading.Lock()

    def arm(self, fault: Fault) -> None:
        """Add a fault after those that are armed."""
        with self._turn:
            self._armed.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Use up and return the first fault that matches."""
        with self._turn:
            for fault in self._armed:
                if fault.method == method and fault.count > 0 and fault.path.search(path):
                    fault.count -= 1
                    return fault
        return None


ODD_SERVERS = {
    "authentication": ("D", "answers 500 `Could not authenticate user`, for 10s"),
    "dead-leader": ("", "accepts every change, but does nothing"),
    "empty": ("", "answers every call with an empty 200"),
    "missing-field": ("FIELD", "leaves out a field of repositories, default state"),
    "mixed-versions": ("", "its cluster manager answers 503 for the service"),
    "node-leaves": ("D", "after 10s its node no longer runs the service"),
    "stall": ("D", "keeps each call waiting, by default without end"),
    "unknown-state": ("REPOSITORY", "is in a state that nobody knows; by default all"),
}
"""The names of `--fault`, with the value that each takes and what the server then does."""

_DURATIONS = frozenset(name for name, (value, _) in ODD_SERVERS.items() if value == "D")
_BARE = frozenset(name for name, (value, _) in ODD_SERVERS.items() if not value)
_TEN = timedelta(seconds=10)
_FOR_EVER = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class OddServer:
    """What a server does otherwise than a healthy one."""

    authentication: timedelta | None = None
    stall: timedelta | None = None
    node_leaves: timedelta | None = None
    unknown_state: str | None = None
    missing_field: str | None = None
    is_dead: bool = False
    is_empty: bool = False
    is_mixed: bool = False

    def proxied(self, *, is_served: bool) -> tuple[int, bytes] | None:
        """Return what the cluster manager answers where it leads to no service."""
        text = b"Service backup not running on this node"
        if self.is_mixed:
            return 503, text + b", and compatible service is not found."
        return None if is_served else (404, text)

    def disguise(self, answer: Any) -> Any:
        """Return an answer with each repository in it as this server shows it."""
        if self.unknown_state is None and self.missing_field is None:
            return answer
        match answer:
            case list():
                return [self.disguise(each) for each in answer]
            case {"creation_time": _}:
                return self._disguised(answer)
            case dict():
                return {key: self.disguise(value) for key, value in answer.items()}
            case _:
                return answer

    def _disguised(self, repository: Json) -> Json:
        shown = dict(repository)
        if self.unknown_state in {"", shown["id"]}:
            shown["state"] = "quiescing"
        if self.missing_field:
            shown.pop(self.missing_field, None)
        return shown


def odd_server(faults: Iterable[str], duration: Callable[[str], timedelta]) -> OddServer:
    """Parse `NAME` and `NAME=VALUE`; *duration* parses a value such as `10s`.

    Raises:
        ValueError: a name is unknown or there twice, or a value makes no sense.

    """
    given: dict[str, str] = {}
    for fault in faults:
        name, sign, value = fault.partition("=")
        if name not in ODD_SERVERS:
            raise ValueError(f"no such fault; there are: {', '.join(ODD_SERVERS)}")
        if name in given:
            raise ValueError(f"{name} is given twice")
        if sign and (not value or name in _BARE):
            raise ValueError(f"{name} takes {'no value' if name in _BARE else 'a value after ='}")
        given[name] = value
    spans = {name: duration(given[name]) for name in _DURATIONS & given.keys() if given[name]}
    defaults = {"authentication": _TEN, "node-leaves": _TEN, "stall": _FOR_EVER}
    spans = {name: spans.get(name, defaults[name]) for name in _DURATIONS & given.keys()}
    return OddServer(
        authentication=spans.get("authentication"),
        stall=spans.get("stall"),
        node_leaves=spans.get("node-leaves"),
        unknown_state=given.get("unknown-state"),
        missing_field=(given["missing-field"] or "state") if "missing-field" in given else None,
        is_dead="dead-leader" in given,
        is_empty="empty" in given,
        is_mixed="mixed-versions" in given,
    )
