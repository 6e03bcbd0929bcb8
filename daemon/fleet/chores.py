"""What one of several daemons does for the ledger at its beats, beside its clusters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from daemon.core.unreachable import Unreachable
from daemon.fleet.steps import do_all
from daemon.ledger.changes import ContentError
from daemon.ledger.ledger import SharedLedger
from daemon.ledger.postgresql.claims import Claims
from daemon.log import events
from daemon.log.interface import Log
from daemon.windows.overrides import Override

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

EVERY = timedelta(seconds=1)


class Ask(Protocol):
    """Returns what is asked of the ledger on the membership's thread."""

    def __call__(self, ask: Callable[[], T], /) -> Awaitable[T]:
        """Return what *ask* returns."""


class Chores:
    """What waits to be noted, and what was read beside it."""

    def __init__(
        self, ledger: SharedLedger, claims: Claims, log: Log, overrides: Sequence[Override]
    ) -> None:
        """Begin with people's decisions as they were at the start."""
        self._ledger = ledger
        self._claims = claims
        self._log = log
        self.overrides = tuple(overrides)
        self._old: tuple[datetime, int] | None = None
        self._deleted = timedelta(0)
        self._changed_reach: dict[str, Unreachable | None] = {}
        self._has_warned = False

    def forget_attempts(self, before: datetime, most: int) -> None:
        """Delete old attempts, some every second until there are no more."""
        self._old = (before, most)

    def note_unreachable(self, changes: Mapping[str, Unreachable | None]) -> None:
        """Note which clusters do not answer, and which do again, at the next beat."""
        self._changed_reach.update(changes)

    async def do(
        self,
        ask: Ask,
        overrides: int,
        path: str,
        uptime: timedelta,
        on_news: Callable[[], None],
    ) -> None:
        """Do what is due, and call *on_news* if people decided anew. Raises LedgerError.

        There are so many *overrides* by now.
        """
        await do_all(
            partial(self._read_overrides, ask, overrides, on_news),
            partial(self._write_unreachable, ask),
            partial(self._forget_some, ask, uptime),
            partial(self._warn_of_standbys, ask, path),
        )

    async def _read_overrides(self, ask: Ask, count: int, on_news: Callable[[], None]) -> None:
        if count != len(self.overrides):
            self.overrides = tuple(await ask(self._claims.overrides))
            on_news()

    async def _write_unreachable(self, ask: Ask) -> None:
        changed = dict(self._changed_reach)
        if not changed:
            return
        try:
            await ask(lambda: self._ledger.note_unreachable(changed))
        except ContentError as exc:
            # A note that cannot be stored must not be in the way of all that comes after it.
            keys = {"cluster": None, "repository": None, "error": str(exc)}
            self._log.error(events.LEDGER_FAILED, **keys)  # no bug of ours
        # What changed again meanwhile is for the next beat.
        self._changed_reach = dict(self._changed_reach.items() - changed.items())

    async def _forget_some(self, ask: Ask, uptime: timedelta) -> None:
        if self._old and uptime - self._deleted >= EVERY:
            self._deleted = uptime
            before, most = self._old
            if await ask(lambda: self._claims.forget(before, most)) < most:
                self._old = None

    async def _warn_of_standbys(self, ask: Ask, path: str) -> None:
        if self._has_warned:
            return
        warning = await ask(self._ledger.standby_warning)
        self._has_warned = True
        if warning:
            self._log.warning(events.CONFIG_WARNED, path=path, warning=warning)
