"""What signals ask of the daemon."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

_STOPS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Have a stop end the process with 0 meanwhile, and a reload do nothing: nothing has begun."""
    before = {number: signal.getsignal(number) for number in (*_STOPS, signal.SIGHUP)}
    for number in _STOPS:
        signal.signal(number, lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Signals:
    """What signals asked for: until the event loop runs by flags alone, then by its own means."""

    def __init__(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP from now on."""
        self.stop: str | None = None
        self.reload = False
        self._woken: asyncio.Event | None = None
        for number in (*_STOPS, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._ask(number))

    def attach(self) -> None:
        """Take signals on the running event loop: a handler interrupts nothing there."""
        loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        for number in (*_STOPS, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask, number)

    def wake(self) -> None:
        """End a `wait`."""
        if self._woken is not None:
            self._woken.set()

    async def wait(self, within: timedelta) -> None:
        """Wait for a signal, or for somebody to `wake`."""
        if self._woken is None:
            raise AssertionError("attached before")
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                await self._woken.wait()
        self._woken.clear()

    def _ask(self, number: int) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        elif self.stop:
            # A second request: crash-safe anyway, the next start goes on where this one was.
            os._exit(0)
        else:
            self.stop = signal.Signals(number).name
        self.wake()
