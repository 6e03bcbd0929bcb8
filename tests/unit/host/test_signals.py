"""What signals ask for: by flags before there is a loop, by a wake-up once there is one."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from daemon.host.signals import Signals

LONG = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Put back who takes the signals of this process."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_comes_before_the_loop_is_not_lost() -> None:
    """A signal during the start sets its flag, which the loop finds; nothing is interrupted."""
    signals = Signals()

    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)

    assert (signals.reload, signals.stop) == (True, "SIGTERM")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGTERM, (False, "SIGTERM")),
        (signal.SIGINT, (False, "SIGINT")),
        (signal.SIGHUP, (True, None)),
    ],
)
def test_a_signal_ends_a_wait(number: signal.Signals, expected: tuple[bool, str | None]) -> None:
    """On the loop a signal sets its flag and ends the wait under way, not a later one."""

    async def act(signals: Signals) -> float:
        signals.attach()
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_soon(os.kill, os.getpid(), number)
        await signals.wait(LONG)
        took = loop.time() - began
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(signals.wait(LONG), 0.01)
        return took

    signals = Signals()
    took = asyncio.run(act(signals))

    assert took < LONG.total_seconds() / 2
    assert (signals.reload, signals.stop) == expected


def test_somebody_else_may_end_a_wait() -> None:
    """`wake` ends a wait without asking for anything; before there is a loop it does nothing."""

    async def act(signals: Signals) -> None:
        signals.attach()
        asyncio.get_running_loop().call_soon(signals.wake)
        await asyncio.wait_for(signals.wait(LONG), LONG.total_seconds() / 2)

    signals = Signals()
    signals.wake()
    asyncio.run(act(signals))

    assert (signals.reload, signals.stop) == (False, None)


def test_a_wait_ends_by_itself() -> None:
    """Without a signal a wait ends when its time is over."""

    async def act(signals: Signals) -> None:
        signals.attach()
        await signals.wait(timedelta(milliseconds=1))

    asyncio.run(act(Signals()))


def test_a_second_stop_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks to stop twice does not wait for calls in flight; a reload is no second stop."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    signals = Signals()
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGHUP)
    before = list(ended)

    signal.raise_signal(signal.SIGINT)

    assert (before, ended, signals.stop) == ([], [0], "SIGTERM")
