"""The simulator as a program of its own, until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from daemon.errors import HostError
from daemon.simulator.faults import OddServer
from daemon.simulator.server import Simulator


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What `cbmaintd simulate` was asked for."""

    host: str = "127.0.0.1"
    port: int = 8097
    management_port: int | None = None
    repositories: tuple[str, ...] = ("orders", "tenant-a", "tenant-b", "archive")
    username: str = "Administrator"
    password: str = "password"  # noqa: S105  # of a simulated service, printed in its help
    tls_cert: Path | None = None
    tls_key: Path | None = None
    latency: timedelta = timedelta(0)
    state_file: Path | None = None
    odd: OddServer | None = None


Follow = Callable[[Simulator], None]
"""Called again and again while a simulator runs; says what it has seen."""

_FOLLOW_EVERY_S = 0.1
_LOOK_EVERY_S = 1.0
_SHARE = 0.02


def serve(options: SimulatorOptions, follow: Follow | None = None) -> int:
    """Run a simulator until SIGTERM or SIGINT; its URL is the first line on stdout.

    Who logs in how stands in the second line.

    Raises:
        HostError: a port is taken, or a TLS file or the state file cannot be used.

    """
    tls = (options.tls_cert, options.tls_key) if options.tls_cert and options.tls_key else None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = Simulator(
            options.repositories,
            {options.username: (options.password, "admin")},
            latency=options.latency,
            state_file=options.state_file,
            tls=tls,
            odd=options.odd,
        )
        simulator.start(options.host, options.port, options.management_port)
    except (OSError, ValueError) as exc:
        raise HostError(f"the simulator cannot start: {exc}") from exc
    # Of the host as whoever started it wrote it; this program knows nothing of the daemon's.
    print(simulator.url, _how_to_use(simulator, options), sep="\n", flush=True)  # noqa: T201
    next_look = time.monotonic()
    try:
        while not stop.wait(_FOLLOW_EVERY_S if follow else _LOOK_EVERY_S):
            if (began := time.monotonic()) >= next_look:
                simulator.catch_up()
                # Thousands of repositories take a while, and are not to take all the time.
                next_look = began + max(_LOOK_EVERY_S, (time.monotonic() - began) / _SHARE)
            if follow:
                follow(simulator)
    finally:
        simulator.stop()
    return 0


def _how_to_use(simulator: Simulator, options: SimulatorOptions) -> str:
    return (
        f"user {options.username}, password {options.password}; Ctrl-C stops it\n"
        f"cluster manager, for discover: {simulator.management_url}"
    )
