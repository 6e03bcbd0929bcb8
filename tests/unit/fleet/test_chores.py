"""What a member does beside its clusters: no chore is in the way of another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from daemon.core.unreachable import Unreachable
from daemon.errors import LedgerError
from daemon.fleet.chores import Chores
from daemon.ledger.changes import ContentError
from daemon.ledger.ledger import SharedLedger
from daemon.ledger.postgresql.claims import Claims
from daemon.log import events
from daemon.log.interface import Log
from daemon.windows.overrides import Override, OverrideKind

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SKIP = Override(OverrideKind.SKIP, "night", NOW, None, NOW, "me")
DOWN = {"prod": Unreachable("prod", "refused", "", NOW)}


class Stage:
    """A ledger of which some tables are locked, claims on it, and a log."""

    def __init__(self, *, locked: Exception | None = None, is_readable: bool = True) -> None:
        """Have every note fail with *locked*, if any; decisions can be read if *is_readable*."""
        self.locked = locked
        self.is_readable = is_readable
        self.noted: list[Mapping[str, Unreachable | None]] = []
        self.forgotten = 0
        self.said: list[tuple[str, object]] = []
        self.news = 0
        ledger, claims = cast("SharedLedger", self), cast("Claims", self)
        self.chores = Chores(ledger, claims, cast("Log", self), ())

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note it, or fail."""
        if self.locked:
            raise self.locked
        self.noted.append(changes)

    def standby_warning(self) -> str:
        """Warn."""
        return "it lags"

    def overrides(self) -> list[Override]:
        """List what people decided, or fail."""
        if not self.is_readable:
            raise LedgerError("override is locked")
        return [SKIP]

    def forget(self, _before: datetime, _most: int) -> int:
        """Delete the last ones."""
        self.forgotten += 1
        return 0

    def warning(self, event: str, **keys: object) -> None:
        """Keep what is said."""
        self.said.append((event, keys.get("warning") or keys.get("error")))

    error = warning

    def do(self) -> None:
        """Do what is due."""

        async def ask(question: Callable[[], Any]) -> Any:
            return question()

        def on_news() -> None:
            self.news += 1

        uptime = timedelta(days=1)
        asyncio.run(self.chores.do(ask, 1, "f.yaml", uptime, on_news))


def test_a_chore_that_fails_is_in_nobody_elses_way() -> None:
    """Where one table is locked, decisions are read all the same, and old attempts forgotten."""
    stage = Stage(locked=LedgerError("meta is locked"))
    stage.chores.note_unreachable(DOWN)
    stage.chores.forget_attempts(NOW, 10)

    with pytest.raises(LedgerError, match="meta is locked"):
        stage.do()

    assert stage.chores.overrides == (SKIP,)
    assert (stage.news, stage.forgotten) == (1, 1)
    assert stage.said == [(events.CONFIG_WARNED, "it lags")]


def test_decisions_that_cannot_be_read_stop_no_note() -> None:
    """The first chore is in the way of the later ones as little as they are in its."""
    stage = Stage(is_readable=False)
    stage.chores.note_unreachable(DOWN)

    with pytest.raises(LedgerError, match="override is locked"):
        stage.do()

    assert stage.noted == [DOWN]
    assert (stage.chores.overrides, stage.news) == ((), 0)


def test_what_failed_is_done_again() -> None:
    """At the next beat what was not noted is, once; what was done is not."""
    stage = Stage(locked=LedgerError("meta is locked"))
    stage.chores.note_unreachable(DOWN)
    with pytest.raises(LedgerError):
        stage.do()
    stage.locked = None
    stage.do()
    stage.do()

    assert stage.noted == [DOWN]
    assert (stage.news, len(stage.said)) == (1, 1)


def test_a_note_that_is_refused_is_said_and_dropped() -> None:
    """A text that the database does not take would be refused at every beat to come."""
    stage = Stage(locked=ContentError("no such character"))
    stage.chores.note_unreachable(DOWN)
    stage.do()
    stage.do()

    assert stage.said[0] == (events.LEDGER_FAILED, "no such character")
    assert len(stage.said) == 2
    assert stage.chores.overrides == (SKIP,)
