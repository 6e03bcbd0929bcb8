"""The client against every way to misbehave that we know: the right error, in time, once."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from daemon.backup_service import ServiceError
from daemon.cluster import Timeouts
from daemon.repository import Action, CallError, Outcome
from daemon.simulator.server import Simulator
from tests.evil.gateway import Gateway
from tests.evil.modes import MODES, Mode
from tests.service.client.kit import Client, Connect

LIMITS = Timeouts(timedelta(seconds=2), timedelta(seconds=1), timedelta(seconds=1.5))
MARGIN_S = 8.0
"""What a machine that does many things at once may add to a deadline."""


@pytest.fixture
def simulator() -> Simulator:
    """Give a service with one repository that anybody may use."""
    return Simulator(["orders"], {"": ("", "backup_admin")})


def ask(client: Client, action: Action) -> ServiceError | bool:
    """Make one call; gives why it failed, or whether a fate is unknown."""
    try:
        if action is Action.LIST:
            client.service.repositories((), client.keep_trying)
            return False
        return client.pause()
    except ServiceError as exc:
        return exc


@pytest.mark.parametrize("action", [Action.LIST, Action.PAUSE])
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_an_evil_answer(simulator: Simulator, connect: Connect, mode: Mode, action: Action) -> None:
    """The error is the right one, comes within the deadline, and each request is reported once."""
    expected = mode.on_list if action is Action.LIST else mode.on_post
    with simulator, Gateway(simulator.url, lambda _: mode) as gateway:
        client = connect(gateway.url, timeout=LIMITS)
        started = time.monotonic()

        result = ask(client, action)

        took = time.monotonic() - started
        client.service.close()

    assert took < LIMITS.total.total_seconds() + MARGIN_S
    assert client.errors == [expected]
    assert client.outcomes == [Outcome.FAILED if expected else Outcome.OK]
    assert gateway.requests == 1
    assert all(attempt.message.isprintable() for attempt in client.attempts)
    if expected is None:
        assert result is False
    else:
        assert isinstance(result, ServiceError)
        assert result.error is expected
        assert result.unresolved is (mode.is_unsure and action is not Action.LIST)


@pytest.mark.parametrize("name", [name for name, m in MODES.items() if m.applies != "late"])
def test_what_may_have_happened_is_unsure(
    simulator: Simulator, connect: Connect, name: str
) -> None:
    """Whenever a POST took effect and was not said to, the client says that it may have."""
    mode = MODES[name]
    with simulator, Gateway(simulator.url, lambda _: mode) as gateway:
        client = connect(gateway.url, timeout=LIMITS)
        result = ask(client, Action.PAUSE)
        client.service.close()
        is_applied = simulator.state("orders") == "paused"

    assert is_applied is (mode.applies == "once")
    if is_applied and isinstance(result, ServiceError):
        assert result.unresolved


def test_a_password_rotated_in_the_middle(
    simulator: Simulator, connect: Connect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A 401 because the password was just changed is cured by reading its file once more."""
    file = tmp_path_factory.mktemp("secrets") / "password"
    file.touch(mode=0o600)
    file.write_text("old")
    simulator.users = {"cbmaintd": ("old", "backup_admin")}
    with simulator:
        client = connect(simulator.url, timeout=LIMITS, username="cbmaintd", password_file=file)
        ask(client, Action.LIST)
        simulator.users = {"cbmaintd": ("new", "backup_admin")}
        file.write_text("new")

        result = ask(client, Action.PAUSE)
        client.service.close()

    assert result is False
    assert client.errors == [None, CallError.UNAUTHORIZED, None]
