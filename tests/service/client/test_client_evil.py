"""The client against every way to misbehave that we know: the right error, in time, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.core.attempt import Action, CallError, Outcome
from daemon.service.client import ServiceError
from daemon.service.cluster import Timeouts
from daemon.simulator.server import Simulator
from tests.evil.canary import canary, found_in
from tests.evil.gateway import Gateway
from tests.evil.modes import LATE_S, MODES, Mode
from tests.service.client.kit import Client, Connect

USER = "cbmaintd"
SHORT = Timeouts(timedelta(seconds=2), timedelta(seconds=0.4), timedelta(seconds=0.6))
"""For those who never answer."""

LONG = Timeouts(timedelta(seconds=10), timedelta(seconds=10), timedelta(seconds=20))
"""For those who do, so that a busy machine is not taken for one of them."""

MARGIN_S = 8.0
"""What a machine that does many things at once may add to a deadline."""

LATE_WITHIN_S = LATE_S + 10.0

PASSING = {
    CallError.TIMEOUT,
    CallError.RESET,
    CallError.PROTOCOL,
    CallError.THROTTLED,
    CallError.SERVER_ERROR,
}
"""What may be over when the same is asked again."""


@dataclass
class Scene:
    """A service with one repository, a client of it, and what stands between them."""

    simulator: Simulator
    gateway: Gateway
    client: Client
    password: str

    def ask(self, action: Action) -> ServiceError | bool:
        """Make one call; gives why it failed, or whether a fate is unknown."""
        try:
            if action is Action.LIST:
                self.client.service.repositories((), self.client.keep_trying)
                return False
            return self.client.pause()
        except ServiceError as exc:
            return exc

    @property
    def is_paused(self) -> bool:
        """Check whether a pause has taken effect."""
        return self.simulator.state("orders") == "paused"

    def becomes_paused(self) -> bool:
        """Wait until a pause has taken effect."""
        end = time.monotonic() + LATE_WITHIN_S
        while not self.is_paused and time.monotonic() < end:
            time.sleep(0.01)
        return self.is_paused


SetUp = Callable[[Mode], Scene]


@pytest.fixture
def set_up(cleanup: ExitStack, connect: Connect, tmp_path: Path) -> SetUp:
    """Make a scene in which every request meets one mode."""

    def make(mode: Mode) -> Scene:
        password, file = canary(), tmp_path / "password"
        file.touch(mode=0o600)
        file.write_text(password, encoding="utf-8")
        users = {USER: (password, "backup_admin")}
        simulator = cleanup.enter_context(Simulator(["orders"], users))
        gateway = cleanup.enter_context(Gateway(simulator.url, lambda _: mode))
        limits = SHORT if CallError.TIMEOUT in {mode.on_list, mode.on_post} else LONG
        client = connect(gateway.url, timeout=limits, username=USER, password_file=file)
        return Scene(simulator, gateway, client, password)

    return make


@pytest.mark.parametrize("action", [Action.LIST, Action.PAUSE])
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_an_evil_answer(set_up: SetUp, mode: Mode, action: Action) -> None:
    """The error is the right one and in time; each request is reported once, and nothing secret."""
    expected = mode.on_list if action is Action.LIST else mode.on_post
    scene = set_up(mode)
    limits = SHORT if CallError.TIMEOUT in {mode.on_list, mode.on_post} else LONG
    started = time.monotonic()

    result = scene.ask(action)

    took = time.monotonic() - started
    attempts = scene.client.attempts
    assert took < limits.total.total_seconds() + MARGIN_S
    assert scene.client.errors == [expected]
    assert scene.client.outcomes == [Outcome.FAILED if expected else Outcome.OK]
    assert scene.gateway.requests == 1
    assert scene.gateway.injected == {mode.name: 1}
    assert all(attempt.message.isprintable() for attempt in attempts)
    assert all(len(attempt.message) <= 200 for attempt in attempts)
    said = f"{attempts!r} {result!s} {result!r}".encode()
    assert not found_in(said, scene.password, USER)
    if expected is None:
        assert result is False
    else:
        assert isinstance(result, ServiceError)
        assert result.error is expected
        assert result.retryable is (expected in PASSING)
        assert result.unresolved is (mode.is_unsure and action is Action.PAUSE)
    if expected is CallError.TIMEOUT:
        assert took >= limits.read.total_seconds()
        assert attempts[0].status is None


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_a_mode_acts_as_it_says(cleanup: ExitStack, set_up: SetUp, mode: Mode) -> None:
    """A POST takes effect at once, late or never, and one that did has never failed for sure."""
    scene = set_up(mode)
    result = scene.ask(Action.PAUSE)
    is_late = mode.applies == "late"
    was_paused_at_once = scene.is_paused

    has_effect = scene.becomes_paused() if mode.applies != "never" else False
    cleanup.close()

    assert has_effect is (mode.applies != "never")
    assert scene.is_paused is has_effect
    assert not (is_late and was_paused_at_once)
    assert not (has_effect and isinstance(result, ServiceError) and not result.unresolved)
