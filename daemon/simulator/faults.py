"""Faults that a test arms: what the next matching requests get instead of an answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


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
