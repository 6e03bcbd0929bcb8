"""What is done with a list before anybody else sees it."""

from __future__ import annotations

import asyncio

from daemon.core.repository import ObservedRepository
from daemon.host.masking import Censor, spellings
from daemon.service.call import without_secrets
from tests.unit.counting import calls_of

ROWS = 2000


def test_secrets_are_looked_for_in_all_rows_at_once() -> None:
    """A list of odd rows, each of which is shown, costs a few steps a row."""
    censor = Censor(spellings("hunter-22"))
    rows = tuple(
        ObservedRepository(f"r{number}", None, problem='its state "archiving" is unknown')
        for number in range(ROWS)
    )

    found, calls = calls_of(lambda: asyncio.run(without_secrets(rows, censor)))

    assert found == rows
    assert calls < 12 * ROWS
