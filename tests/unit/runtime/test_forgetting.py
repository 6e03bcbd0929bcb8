"""When old attempts are deleted: seldom, unless there are many."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

from daemon.core.moment import Moment
from daemon.runtime.forgetting import Forgetting
from daemon.runtime.ledger_notes import Notes

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Ledger:
    """Takes three bites for what is old at the start."""

    def __init__(self) -> None:
        """Begin long after the boot."""
        self.now = Moment(NOW, "boot", 5 * HOUR)
        self.asked: list[datetime] = []

    async def forget_attempts(self, before: datetime) -> bool:
        """Note what is asked for."""
        self.asked.append(before)
        return len(self.asked) < 3


def looks(ledger: Ledger, forgetting: Forgetting, lasts: timedelta) -> int:
    """Look every second; return how often something was deleted."""
    before = len(ledger.asked)
    for _ in range(lasts // SECOND):
        if forgetting.is_due(ledger.now):
            asyncio.run(forgetting.forget(DAY))
        ledger.now = Moment(ledger.now.wall + SECOND, "boot", ledger.now.uptime + SECOND)
    return len(ledger.asked) - before


def test_nothing_old_costs_one_look_an_hour() -> None:
    """What is old is deleted second after second; from then on it is looked for once an hour."""
    ledger = Ledger()
    forgetting = Forgetting(cast("Notes", ledger), lambda: ledger.now)

    found = [looks(ledger, forgetting, lasts) for lasts in (10 * SECOND, 4 * HOUR)]

    assert found == [3, 4]
    assert ledger.asked[0] == NOW - DAY


def test_a_new_configuration_counts_at_once() -> None:
    """After a reload, which may say to keep less, it is looked for without waiting for the hour."""
    ledger = Ledger()
    forgetting = Forgetting(cast("Notes", ledger), lambda: ledger.now)
    looks(ledger, forgetting, 10 * SECOND)

    forgetting.hasten()

    assert looks(ledger, forgetting, SECOND) == 1
