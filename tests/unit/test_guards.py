"""The guards in conftest.py, each caught in the act."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("192.0.2.1", 80)),
        (socket.AF_INET, ("0.0.0.0", 80)),  # noqa: S104  # connected to, never bound
        (socket.AF_INET, ("cluster.example.com", 80)),
        (socket.AF_INET6, ("2001:db8::1", 80, 0, 0)),
    ],
)
def test_only_loopback_can_be_reached(
    family: socket.AddressFamily, address: tuple[str, int]
) -> None:
    """Connecting to anything but this machine fails loudly, before a packet leaves."""
    with socket.socket(family) as reaching, pytest.raises(AssertionError, match="loopback only"):
        reaching.connect(address)
    with socket.socket(family) as reaching, pytest.raises(AssertionError, match="loopback only"):
        reaching.connect_ex(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_can_be_reached(host: str) -> None:
    """Connecting to a listener on this machine works as ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection((host, listener.getsockname()[1]), timeout=10) as reaching:
            peer = reaching.getpeername()

        assert peer == listener.getsockname()


def test_no_name_server_is_asked() -> None:
    """A name that is not this machine's is refused; one under .invalid is known not to exist."""
    with pytest.raises(AssertionError, match="may not look up"):
        socket.create_connection(("cluster.example.com", 80), timeout=1)
    with pytest.raises(socket.gaierror):
        socket.create_connection(("cluster.invalid", 80), timeout=1)


def test_a_unit_test_cannot_sleep() -> None:
    """time.sleep is an error here, so that nobody waits for a fixed time."""
    with pytest.raises(AssertionError, match="waits for a condition"):
        time.sleep(0)


def test_the_environment_is_sealed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Home is a temporary folder, and no variable that configures us or a proxy is left."""
    configuring = {
        name
        for name in os.environ
        if name.startswith(("CBMAINTD_", "NOTIFY_", "WATCHDOG_"))
        or name.lower().endswith("_proxy")
        or name in {"CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "NO_COLOR", "TZ"}
    }
    homes = {
        Path(os.environ[name]) for name in os.environ if name == "HOME" or name.startswith("XDG_")
    }

    assert not configuring
    assert Path.home() in homes
    assert all(home.is_relative_to(tmp_path_factory.getbasetemp()) for home in homes)


def test_the_seal_holds_in_a_dirty_environment(tmp_path: Path) -> None:
    """The same test passes when pytest is started with everything set that could mislead us."""
    dirty = {
        "CBMAINTD_CONFIG": "/etc/cbmaintd/schedules.yaml",
        "CREDENTIALS_DIRECTORY": "/run/credentials/x",
        "STATE_DIRECTORY": "/var/lib/x",
        "NOTIFY_SOCKET": "@x",
        "WATCHDOG_USEC": "1",
        "https_proxy": "http://192.0.2.1:3128",
        "HTTP_PROXY": "http://192.0.2.1:3128",
        "XDG_RUNTIME_DIR": "/run/user/0",
        "NO_COLOR": "1",
        "TZ": "Asia/Kathmandu",
    }

    inner = run_here(test_the_environment_is_sealed.__name__, tmp_path, environ=dirty)

    assert "1 passed" in inner.stdout, inner.stdout + inner.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"])
def test_no_child_ignores_a_signal(name: str) -> None:
    """A process that a test starts ends by a signal that nobody takes."""
    code = f"import os, signal; os.kill(os.getpid(), signal.{name})"

    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert child.returncode == -signal.Signals[name]


def test_a_suite_in_the_background_is_no_other(tmp_path: Path) -> None:
    """The same test passes when pytest was started with all these signals ignored."""
    ignoring = ("/bin/sh", "-c", "trap '' INT QUIT HUP TERM; exec \"$@\"", "sh")

    inner = run_here(test_no_child_ignores_a_signal.__name__, tmp_path, ignoring)

    assert "4 passed" in inner.stdout, inner.stdout + inner.stderr


def run_here(
    name: str,
    folder: Path,
    prefix: tuple[str, ...] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run a test of this file by a pytest of its own."""
    return subprocess.run(
        [
            *prefix,
            *(sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
            *("--basetemp", str(folder / "inner")),
            f"{Path(__file__)}::{name}",
        ],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
