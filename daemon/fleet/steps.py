"""Steps that do not need each other: what fails of one keeps none of the others from being done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from daemon.errors import LedgerError


async def do_all(*steps: Callable[[], Awaitable[None]]) -> None:
    """Do all *steps* in their order. Raises the first LedgerError, after the last step."""
    failed: LedgerError | None = None
    for step in steps:
        try:
            await step()
        except LedgerError as exc:
            failed = failed or exc
    if failed:
        raise failed
