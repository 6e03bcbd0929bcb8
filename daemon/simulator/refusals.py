"""What the service answers instead of doing something."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):  # noqa: N818  # an answer of the service, not a fault of ours
    """Raised when the service answers with an error: a status and what its body says."""

    def __init__(self, status: int, msg: str, extras: str = "") -> None:
        """Keep the answer."""
        super().__init__(msg)
        self.status = status
        self.body: Json = {"status": status, "msg": msg} | ({"extras": extras} if extras else {})
