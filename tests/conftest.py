"""Guards around every test: no network but loopback, no real home, nothing inherited, no naps.

The borders that are guarded belong to Python, not to us; `unit/test_guards.py` proves that each
guard bites.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# No deadline for examples: a busy machine is no fault. `--hypothesis-profile=nightly` for more.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "nightly", hypothesis.settings.get_profile("suite"), max_examples=10_000
)
hypothesis.settings.load_profile("suite")

_TESTS = str(Path(__file__).parent)
_OURS = ("CBMAINTD_", "XDG_", "WATCHDOG_", "NOTIFY_")
_SYSTEMD = (
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
)
_TERMINAL = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TZ")


def pytest_configure() -> None:
    """Have children take the signals that are ignored here, as under `nohup` or in a CI runner.

    A child inherits what is ignored, but not a handler, and this one ignores as well.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_xdist_auto_num_workers() -> int:
    """Start two workers a processor: most process tests wait for windows, not for a processor."""
    return 2 * (os.cpu_count() or 1)


class NetworkForbiddenError(AssertionError):
    """Raised when a test tries to reach anything but this machine."""


class SleepForbiddenError(AssertionError):
    """Raised when a unit test sleeps instead of waiting for a condition."""


def sealed(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment that tests see: a home of its own, and nothing that configures us."""
    kept = {name: value for name, value in environ.items() if not _configures(name)}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }


def _configures(name: str) -> bool:
    return (
        name.startswith(_OURS)
        or name in _SYSTEMD
        or name in _TERMINAL
        or name.lower().endswith("_proxy")
    )


@pytest.fixture(scope="session", autouse=True)
def _sealed_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Seal the environment of this process and of every process that a test starts."""
    original = dict(os.environ)
    inside = sealed(original, tmp_path_factory.mktemp("home"))
    os.environ.clear()
    os.environ.update(inside)
    yield
    os.environ.clear()
    os.environ.update(original)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Let sockets of this process reach loopback and nothing else, and ask no name server."""
    with pytest.MonkeyPatch.context() as border:
        for name in ("connect", "connect_ex"):
            border.setattr(socket.socket, name, _checked_peer(getattr(socket.socket, name)))
        border.setattr(socket, "getaddrinfo", _checked_name(socket.getaddrinfo))
        yield


def _checked_peer(connect: Callable[..., Any]) -> Callable[..., Any]:
    def checked(connecting: socket.socket, address: Any) -> Any:
        if connecting.family in {socket.AF_INET, socket.AF_INET6} and not _is_near(address[0]):
            raise NetworkForbiddenError(f"a test may not connect to {address}: loopback only")
        return connect(connecting, address)

    return checked


def _checked_name(getaddrinfo: Callable[..., Any]) -> Callable[..., Any]:
    def checked(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name.endswith(".invalid"):
            # RFC 6761: nobody needs to be asked to know that it does not exist.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name is not None and not _is_address(name) and not _is_near(name):
            raise NetworkForbiddenError(f"a test may not look up {name}: loopback only")
        return getaddrinfo(host, *args, **kwargs)

    return checked


def _is_near(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def _no_naps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make time.sleep an error in unit tests; libraries around them may go on sleeping."""
    if not request.path.is_relative_to(Path(_TESTS, "unit")):
        return
    sleep = time.sleep

    def checked(seconds: float) -> None:
        if sys._getframe(1).f_code.co_filename.startswith(_TESTS):
            raise SleepForbiddenError("a unit test waits for a condition, not for a time")
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", checked)
