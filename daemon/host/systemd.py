"""Messages to systemd: READY, RELOADING, STOPPING, STATUS and WATCHDOG, as in sd_notify(3).

Nothing in here raises or waits. A manager that does not listen is no reason to stop resuming
repositories, so a message that cannot be delivered at once is given up; only the last change of
state is kept, and goes along with the next message.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from daemon.wording import printable

_STATUS_LIMIT = 500


class ServiceManager:
    """The service manager that started us, or none; then every method does nothing.

    `watchdog_interval` is how often `watchdog()` is due, None if nobody watches.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Read NOTIFY_SOCKET and WATCHDOG_*; `monotonic_ns` is CLOCK_MONOTONIC in nanoseconds."""
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._monotonic_ns = monotonic_ns
        self._undelivered: tuple[str, ...] = ()
        self.watchdog_interval = _watchdog_interval(environ)

    def ready(self, status: str) -> bool:
        """Report that the start, or a reload (even a rejected one), is over."""
        return self._change("READY=1", _status(status))

    def reloading(self) -> bool:
        """Report that the configuration is being read again; `ready` must follow."""
        # One datagram, and CLOCK_MONOTONIC: systemd takes anything else for a protocol violation.
        return self._change("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def stopping(self) -> bool:
        """Report that we are stopping."""
        return self._change("STOPPING=1")

    def status(self, text: str) -> bool:
        """Report in one line what the daemon waits for, and until when."""
        return self._deliver(_status(text))

    def watchdog(self) -> bool:
        """Report progress of the main loop; to be called from that loop and nowhere else."""
        return self._deliver("WATCHDOG=1")

    def _change(self, *lines: str) -> bool:
        self._undelivered = lines
        return self._deliver()

    def _deliver(self, *lines: str) -> bool:
        """Send undelivered lines and *lines*; return whether the manager has got them."""
        delivered = self._send(*self._undelivered, *lines)
        if delivered:
            self._undelivered = ()
        return delivered

    def _send(self, *lines: str) -> bool:
        if self._address is None:
            return False
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            with socket.socket(socket.AF_UNIX, kind) as manager:
                manager.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)
        except OSError:
            return False
        return True


def _address(name: str) -> str | None:
    """Return the socket's address; `@` marks an abstract one, whose name starts with a NUL."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _status(text: str) -> str:
    """Keep the text on one line: a second one would be a message of its own."""
    return f"STATUS={printable(' '.join(text.split())[:_STATUS_LIMIT])}"


def _watchdog_interval(environ: Mapping[str, str]) -> timedelta | None:
    """Return a third of the manager's patience, so that one late message does no harm."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        patience = timedelta(microseconds=int(environ.get("WATCHDOG_USEC", "")))
    except (ValueError, OverflowError):
        return None
    return patience / 3 if patience > timedelta(0) else None
