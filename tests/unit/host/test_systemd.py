"""What systemd hears, over a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.host.systemd import ServiceManager
from tests.unit.nasty_text import EVERY


class Manager:
    """A service manager that listens on an abstract socket of its own."""

    def __init__(self, address: str) -> None:
        """Bind to the address, `@` for an abstract one."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(10)
        self._socket.bind(address.replace("@", "\0", 1))

    def heard(self) -> str:
        """Return the next message."""
        return self._socket.recv(65536).decode()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@pytest.fixture(params=["abstract", "path"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Return a listening manager, of either kind of address."""
    name = f"@cbmaintd-test-{os.getpid()}" if request.param == "abstract" else f"{tmp_path}/notify"
    listening = Manager(name)
    yield listening
    listening.close()


def service(manager: Manager) -> ServiceManager:
    """Return the service's side; its monotonic clock stands at 7.654321 s."""
    return ServiceManager({"NOTIFY_SOCKET": manager.address}, monotonic_ns=lambda: 7_654_321_987)


def test_ready_carries_the_status(manager: Manager) -> None:
    """READY=1 and STATUS= arrive in one message."""
    delivered = service(manager).ready("waiting for nightly until 23:30")

    assert delivered
    assert manager.heard() == "READY=1\nSTATUS=waiting for nightly until 23:30"


def test_reloading_carries_the_monotonic_clock(manager: Manager) -> None:
    """RELOADING=1 and MONOTONIC_USEC, in microseconds, arrive in one message."""
    service(manager).reloading()

    assert manager.heard() == "RELOADING=1\nMONOTONIC_USEC=7654321"


def test_every_other_message_is_one_line(manager: Manager) -> None:
    """STATUS, WATCHDOG and STOPPING are sent as sd_notify(3) spells them."""
    told = service(manager)

    told.status("3 windows open")
    told.watchdog()
    told.stopping()

    assert [manager.heard() for _ in range(3)] == [
        "STATUS=3 windows open",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_status_cannot_smuggle_a_message(manager: Manager) -> None:
    """Line breaks and excess length in a status do not reach the manager."""
    service(manager).status("bad\nREADY=1\r\n\u2028x" + "y" * 10_000)

    heard = manager.heard()

    assert heard.startswith("STATUS=bad READY=1 xy")
    assert len(heard) == len("STATUS=") + 500


def test_a_status_is_visible_text(manager: Manager) -> None:
    """`systemctl status` shows it on a terminal."""
    service(manager).status(EVERY)

    assert manager.heard().isprintable()


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:9999", "/nowhere/at/all", "@nobody"])
def test_nobody_listening_is_no_error(address: str) -> None:
    """Without a manager, or with one that is gone, every call just answers False."""
    told = ServiceManager({"NOTIFY_SOCKET": address})

    answers = [
        told.ready("x"),
        told.reloading(),
        told.status("\ud800"),
        told.watchdog(),
        told.stopping(),
    ]

    assert answers == [False] * 5


def test_a_deaf_manager_delays_nobody_and_learns_the_last_state_later(manager: Manager) -> None:
    """With the manager's queue full nothing waits, and the last change of state comes later."""
    told = service(manager)
    while told.watchdog():
        pass

    ready = told.ready("started")
    while manager.heard() != "WATCHDOG=1" or not told.watchdog():
        pass

    assert not ready
    heard = manager.heard()
    while heard == "WATCHDOG=1":
        heard = manager.heard()
    assert heard == "READY=1\nSTATUS=started\nWATCHDOG=1"


def test_the_last_state_is_sent_once(manager: Manager) -> None:
    """A change of state that was delivered is not repeated."""
    told = service(manager)

    told.ready("x")
    told.watchdog()

    assert [manager.heard(), manager.heard()] == ["READY=1\nSTATUS=x", "WATCHDOG=1"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "60000000"}, timedelta(seconds=20)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=20)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 40}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_three_times_as_often_as_asked(
    environ: dict[str, str], expected: timedelta | None
) -> None:
    """The interval is a third of WATCHDOG_USEC, and None if it is absent, nonsense or not ours."""
    assert ServiceManager(environ).watchdog_interval == expected
